package main

import (
	"fmt"
	"io/fs"
	"os"
	"testing"

	"glancefs/backends"
)

func TestExitStatus(t *testing.T) {
	_, noFile := os.ReadFile("nowhere.conf")
	ofStore := func(err error) error {
		return fmt.Errorf("wrapped: %w", &backends.Error{Op: "stat", Store: "one", Image: "x", Err: err})
	}
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{fmt.Errorf("some error"), 1},
		{noFile, 1}, // no image
		{usageErrorf("no command"), 2},
		{fmt.Errorf("wrapped: %w", &statusError{fs.ErrClosed, statusNotFound}), 3},
		{ofStore(fs.ErrNotExist), 3},
		{ofStore(fs.ErrExist), 4},
		{ofStore(backends.ErrMismatch), 5},
		{ofStore(backends.ErrSignature), 5},
		{ofStore(backends.ErrFull), 1},
	} {
		if got := exitStatus(test.err); got != test.want {
			t.Errorf("exitStatus(%v) = %d, want %d", test.err, got, test.want)
		}
	}
}
