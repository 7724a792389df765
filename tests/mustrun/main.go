// Command mustrun runs go test and says in few lines what came of it:
//
//	mustrun [-list FILE] -- [NAME=VALUE…] ARG… [-- [NAME=VALUE…] ARG…]…
//
// It runs `go test -json ARG…`, once for each group of arguments, with the
// variables in its environment. It prints a line for each package, the whole
// output of the tests that failed, what was skipped and why, what failed and
// why in a line each, and at the end how many passed, failed and were skipped.
//
// FILE lists tests that have to pass: a skipped or forgotten test is no
// reason to be green. A line is "PACKAGE TEST", with the package relative to
// the module; # begins a comment.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
)

func main() {
	list := flag.String("list", "", "`file` of the tests that have to pass")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: mustrun [-list FILE] -- [NAME=VALUE…] ARG… [-- [NAME=VALUE…] ARG…]…")
		os.Exit(2)
	}
	ok, err := run(os.Stdout, *list, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "mustrun:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// run runs all groups; it returns whether everything passed.
func run(out io.Writer, list string, args []string) (ok bool, err error) {
	must, err := readList(list)
	if err != nil {
		return false, err
	}
	results := newResults(out)
	for _, group := range groups(args) {
		if err := goTest(results, group); err != nil {
			return false, err
		}
	}
	results.require(must)
	return results.summary(), nil
}

// groups splits arguments at each "--".
func groups(args []string) (groups [][]string) {
	for {
		i := slices.Index(args, "--")
		if i < 0 {
			return append(groups, args)
		}
		groups = append(groups, args[:i])
		args = args[i+1:]
	}
}

var assignment = regexp.MustCompile(`^[A-Z_]+=`)

// goTest runs go test for one group. The error is not one of the tests.
func goTest(results *results, args []string) error {
	env := os.Environ()
	for len(args) > 0 && assignment.MatchString(args[0]) {
		env, args = append(env, args[0]), args[1:]
	}
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := results.read(stdout)
	_, _ = io.Copy(io.Discard, stdout) // after an error of ours go test must not block
	if err := cmd.Wait(); err != nil && results.failed == 0 {
		return fmt.Errorf("go test %v: %w", args, err)
	}
	return readErr
}

// read takes the events of one go test.
func (r *results) read(stream io.Reader) error {
	decoder := json.NewDecoder(stream)
	for {
		var e event
		switch err := decoder.Decode(&e); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("output of go test: %w", err)
		}
		r.take(e)
	}
}
