package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A daemon that neither reports nor ends is given up.
func TestSilentDaemon(t *testing.T) {
	ours, its, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer its.Close()
	d := spawned{pipe: ours}
	if r, err := d.wait(time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wait = %+v, %v, want %v", r, err, os.ErrDeadlineExceeded)
	}
}

// A daemon whose parent has gone learns it.
func TestParentGone(t *testing.T) {
	ours, its, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ours.Close()
	if err := (&parentPipe{its}).tell(report{statusDone, "mounted"}, nil); err == nil {
		t.Error("a report that nobody got succeeded")
	}
}

func TestLogTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if got := logTail(path, 0); got != "nothing is in the log "+path {
		t.Errorf("of no log: %q", got)
	}
	old := "an old line\n"
	if err := os.WriteFile(path, []byte(old+strings.Repeat("a line\n", 10)+"the last\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "the log " + path + " ends with:\n" + strings.Repeat("a line\n", 9) + "the last"
	if got := logTail(path, int64(len(old))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
