package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// daemonLog is what a daemon writes.
type daemonLog struct {
	file     string // log lines, JSON
	stderr   string
	expected []*regexp.Regexp // warnings and errors that belong to the test
}

// allow declares warnings and errors to be part of the test: log lines that
// the pattern matches.
func (l *daemonLog) allow(pattern string) {
	l.expected = append(l.expected, regexp.MustCompile(pattern))
}

// want waits for a line of level warning or above that the pattern matches,
// and allows it.
func (l *daemonLog) want(t *testing.T, pattern string) {
	t.Helper()
	l.allow(pattern)
	re := l.expected[len(l.expected)-1]
	eventually(t, fmt.Sprintf("the log has a warning like %q", pattern), func() bool {
		for _, line := range l.warnings() {
			if re.MatchString(line) {
				return true
			}
		}
		return false
	})
}

// check fails the test for a warning that is not allowed, and for whatever is
// on stderr: a race report, a panic.
func (l *daemonLog) check(t *testing.T) {
	t.Helper()
lines:
	for _, line := range l.warnings() {
		for _, re := range l.expected {
			if re.MatchString(line) {
				continue lines
			}
		}
		t.Errorf("unexpected in the daemon's log: %s", line)
	}
	stderr, err := os.ReadFile(l.stderr)
	if err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"DATA RACE", "panic", "fatal error", "goroutine "} {
		if bytes.Contains(stderr, []byte(bad)) {
			t.Errorf("the daemon's stderr has %q:\n%s", bad, stderr)
		}
	}
}

// warnings returns the lines of level warning and above, and those that are
// not JSON.
func (l *daemonLog) warnings() (lines []string) {
	data, _ := os.ReadFile(l.file) // not made yet: nothing logged
	for line := range strings.Lines(string(data)) {
		var entry struct{ Level string }
		if !strings.HasSuffix(line, "\n") {
			break // is being written
		}
		err := json.Unmarshal([]byte(line), &entry)
		switch {
		case err != nil, entry.Level != "trace" && entry.Level != "debug" && entry.Level != "info":
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// tail returns the end of the log and of stderr.
func (l *daemonLog) tail() string {
	const most = 12_000
	tail := func(file string) []byte {
		data, _ := os.ReadFile(file) // not there: nothing to show
		return data[max(0, len(data)-most):]
	}
	return fmt.Sprintf("%s%s", tail(l.file), tail(l.stderr))
}
