package main

import (
	"errors"
	"fmt"
	"io/fs"

	"glancefs/backends"
)

// Exit statuses, the same for every command.
const (
	statusDone     = 0
	statusFailed   = 1
	statusUsage    = 2
	statusNotFound = 3
	statusExists   = 4
	statusMismatch = 5
)

// statusError is an error that has its exit status with it.
type statusError struct {
	error
	status int
}

func (e *statusError) Unwrap() error { return e.error }

// usageErrorf makes an error of the command line.
func usageErrorf(format string, args ...any) error {
	return &statusError{fmt.Errorf(format, args...), statusUsage}
}

// exitStatus tells the exit status for the error that a command ended with.
// Only a store's error is looked into: a missing configuration file is no
// missing image.
func exitStatus(err error) int {
	var withStatus *statusError
	var ofStore *backends.Error
	switch {
	case err == nil:
		return statusDone
	case errors.As(err, &withStatus):
		return withStatus.status
	case !errors.As(err, &ofStore):
		return statusFailed
	case errors.Is(err, fs.ErrNotExist):
		return statusNotFound
	case errors.Is(err, fs.ErrExist):
		return statusExists
	case errors.Is(err, backends.ErrMismatch), errors.Is(err, backends.ErrSignature):
		return statusMismatch
	}
	return statusFailed
}
