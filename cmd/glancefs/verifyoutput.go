package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// print prints the outcomes.
func (v *verification) print(w io.Writer) error {
	if v.flags.format == "sums" {
		return v.printSums(w)
	}
	return printTable(w, v.flags.asJSON, v.rows, []string{"STORE", "NAME", "SIZE", "OUTCOME", "DETAIL"}, func(r *verifyRow) []string {
		return []string{r.Store, printable(r.Name), fmt.Sprint(r.Size), r.Outcome, r.Detail}
	})
}

// path names the image, or the store, in a message.
func (r *verifyRow) path() string {
	if r.Name == "" {
		return r.Store
	}
	return r.Store + "/" + printable(r.Name)
}

// printSums prints lines that sha512sum -c accepts, for the images whose bytes
// are what they should be, and a line on stderr for the others.
func (v *verification) printSums(w io.Writer) error {
	for _, r := range v.rows {
		if r.sum == "" {
			fmt.Fprintf(os.Stderr, "%s %s: %s\n", r.Outcome, r.path(), r.Detail)
			continue
		}
		name := r.Store + "/" + r.Name
		escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(name)
		mark := ""
		if escaped != name {
			mark = `\` // GNU coreutils: the name is escaped
		}
		if _, err := fmt.Fprintf(w, "%s%s  %s\n", mark, r.sum, escaped); err != nil {
			return err
		}
	}
	return nil
}

// verdict is the error that all outcomes together are: the worst of them.
func (v *verification) verdict(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("verify: %w", context.Cause(ctx))
	}
	for _, worst := range []struct {
		status int
		is     func(*verifyRow) bool
		what   string
	}{
		{statusMismatch, func(r *verifyRow) bool { return r.Outcome == outcomeMismatch }, "do not match their digests"},
		{statusFailed, func(r *verifyRow) bool { return r.err != nil && !errors.Is(r.err, fs.ErrNotExist) }, "can't be verified"},
		{statusNotFound, func(r *verifyRow) bool { return r.err != nil }, "do not exist"},
	} {
		rows := slices.DeleteFunc(slices.Clone(v.rows), func(r *verifyRow) bool { return !worst.is(r) })
		if len(rows) > 0 {
			return &statusError{fmt.Errorf("verify: %d of %d %s, first %s: %s",
				len(rows), len(v.rows), worst.what, rows[0].path(), rows[0].Detail), worst.status}
		}
	}
	return nil
}
