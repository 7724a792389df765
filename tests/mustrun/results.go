package main

import (
	"fmt"
	"io"
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

	output map[test][]string // of what has not ended yet
	order  []test            // the keys of output, as they came
	known  map[test]bool     // that passed or failed
	bad    map[string]bool   // packages with a failed test
	skips  []string
}

func newResults(out io.Writer) *results {
	return &results{
		out:    out,
		output: make(map[test][]string),
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
		if _, known := r.output[id]; !known {
			r.order = append(r.order, id)
		}
		r.output[id] = append(r.output[id], e.Output)
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
		fmt.Fprint(r.out, strings.Join(r.output[id], ""))
	case "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("skipped: %s %s: %s", short(id.Package), id.Test, reason(r.output[id])))
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
		fmt.Fprint(r.out, rest)
		if !r.bad[e.Package] {
			r.failed++
		}
	}
	fmt.Fprintf(r.out, "%s %-24s %6.1f s\n", mark, short(e.Package), e.Elapsed)
	delete(r.bad, e.Package) // it may come again, in another group
}

// takeRest removes and returns what a package printed that is not printed
// yet, the tests' output after the package's own.
func (r *results) takeRest(pkg string) string {
	var rest strings.Builder
	r.order = slices.DeleteFunc(r.order, func(id test) bool {
		if id.Package != pkg {
			return false
		}
		for _, line := range r.output[id] {
			if id.Test != "" || !isVerdict(line) {
				rest.WriteString(line)
			}
		}
		delete(r.output, id)
		return true
	})
	return rest.String()
}

// isVerdict tells the lines of go test that say of a package what endPackage
// says.
func isVerdict(line string) bool {
	return line == "FAIL\n" || strings.HasPrefix(line, "FAIL\t")
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
	for _, line := range r.skips {
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
