package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// event is a line of go test -json (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build-output
	Test       string
	Output     string
	Elapsed    float64 // seconds
}

// test names a test; Test is "" for its package.
type test struct{ Package, Test string }

// results are the events so far.
type results struct {
	out                     io.Writer
	passed, failed, skipped int

	output   map[test][]line // of what has not ended yet
	lines    int             // that came
	known    map[test]bool   // that passed or failed
	bad      map[string]bool // packages with a failed test
	skips    []string
	failures []string // said once more at the end, which is all that some CI shows
}

// line is a line of output, and the how-manyth it is.
type line struct {
	number int
	text   string
}

func newResults(out io.Writer) *results {
	return &results{
		out:    out,
		output: make(map[test][]line),
		known:  make(map[test]bool),
		bad:    make(map[string]bool),
	}
}

// take takes the next event.
func (r *results) take(e event) {
	id := test{e.Package, e.Test}
	switch {
	case e.Action == "build-output":
		fmt.Fprint(r.out, e.Output)
	case e.Action == "output":
		r.lines++
		r.output[id] = append(r.output[id], line{r.lines, e.Output})
	case e.Test == "":
		r.endPackage(e)
	default:
		r.endTest(id, e.Action)
	}
}

// endTest counts a test that has ended.
func (r *results) endTest(id test, action string) {
	switch action {
	case "pass":
		r.passed++
		r.known[id] = true
	case "fail":
		r.failed++
		r.known[id], r.bad[id.Package] = true, true
		said := texts(r.output[id])
		fmt.Fprint(r.out, strings.Join(said, ""))
		r.failures = append(r.failures, fmt.Sprintf("failed: %s %s: %s", short(id.Package), id.Test, failure(said)))
	case "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("skipped: %s %s: %s", short(id.Package), id.Test, reason(texts(r.output[id]))))
	default: // run, pause, cont
		return
	}
	delete(r.output, id)
}

// endPackage prints a package's line, and before it what explains a failure
// that is no test's: what was printed outside of tests, or by tests that
// never ended (a panic, a timeout).
func (r *results) endPackage(e event) {
	if e.Action != "pass" && e.Action != "fail" {
		return // start; skip: it has no tests
	}
	rest := r.takeRest(e.Package)
	mark := "ok  "
	if e.Action == "fail" {
		mark = "FAIL"
		fmt.Fprint(r.out, strings.Join(rest, ""))
		if !r.bad[e.Package] {
			r.failed++
		}
		if !r.bad[e.Package] || slices.ContainsFunc(rest, crashes.MatchString) {
			r.failures = append(r.failures, fmt.Sprintf("failed: %s: %s", short(e.Package), failure(rest)))
		}
	}
	fmt.Fprintf(r.out, "%s %-24s %6.1f s\n", mark, short(e.Package), e.Elapsed)
	delete(r.bad, e.Package) // it may come again, in another group
}

// takeRest removes and returns what a package printed that is not printed
// yet, as it came.
func (r *results) takeRest(pkg string) []string {
	var rest []line
	for id, lines := range r.output {
		if id.Package == pkg {
			rest = append(rest, lines...)
			delete(r.output, id)
		}
	}
	slices.SortFunc(rest, func(a, b line) int { return a.number - b.number })
	return slices.DeleteFunc(texts(rest), isFrame)
}

func texts(lines []line) []string {
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i] = line.text
	}
	return texts
}

// isFrame tells the lines of go test that say when a test began or went on,
// and of a package what endPackage says.
func isFrame(line string) bool {
	return strings.HasPrefix(line, "=== ") || line == "FAIL\n" || strings.HasPrefix(line, "FAIL\t")
}

// require counts the tests of the list that have neither passed nor failed
// as failed.
func (r *results) require(must []test) {
	known := make(map[test]bool)
	for id := range r.known {
		known[test{short(id.Package), id.Test}] = true
	}
	for _, id := range must {
		if !known[id] {
			r.failed++
			fmt.Fprintf(r.out, "FAIL: %s %s has to pass, but it was skipped or did not run\n", id.Package, id.Test)
		}
	}
}

// summary prints the end and returns whether everything passed.
func (r *results) summary() bool {
	for _, line := range slices.Concat(r.skips, r.failures) {
		fmt.Fprintln(r.out, line)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	return r.failed == 0
}

// short returns a package's path without the module.
func short(pkg string) string {
	_, path, ok := strings.Cut(pkg, "/")
	if !ok {
		return pkg
	}
	return path
}

// reason returns the line in which a skipped test says why.
func reason(output []string) string {
	for _, line := range output {
		// "    file_test.go:12: the reason"
		if _, why, ok := strings.Cut(line, ".go:"); ok {
			_, why, _ = strings.Cut(why, ": ")
			return strings.TrimSpace(why)
		}
	}
	return "no reason given"
}

// logged is how a test logs.
var logged = regexp.MustCompile(`^\w+\.go:\d+: `)

// crashes are how lines begin, or what they have, that say why a process ended
// before its tests had: those of Go, of the shell's signals, and of C and C++.
var crashes = regexp.MustCompile(`^(panic: |fatal error: |SIG[A-Z]+: |signal: |terminate called)|[Aa]ssert.* failed|FAILED .*assert`)

// failure returns the line that says best why a test, or its process, has
// failed: how a process ended, else the last that a test has logged, else the
// last of all.
func failure(output []string) string {
	best := "it printed nothing"
	for _, line := range output {
		line = strings.TrimSpace(line)
		switch {
		case crashes.MatchString(line):
			return line
		case logged.MatchString(line), line != "" && !logged.MatchString(best):
			best = line
		}
	}
	return best
}
