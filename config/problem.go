package config

import (
	"errors"
	"fmt"
)

// Problem is one fault in the configuration. It never shows the value of a
// Secret.
type Problem struct {
	File   string // where the value is; empty if it is in no file
	Group  string
	Option string
	// Message says what was found and what was expected, for example:
	// "abc" is not an integer
	Message string
}

func (p Problem) Error() string {
	text := fmt.Sprintf("[%s] %s: %s", p.Group, p.Option, p.Message)
	if p.File != "" {
		text = p.File + ": " + text
	}
	return text
}

// Problems are faults in the order of the options.
type Problems []Problem

// Err returns the problems as one error, a line for each; nil if there are none.
func (p Problems) Err() error {
	errs := make([]error, len(p))
	for i := range p {
		errs[i] = p[i]
	}
	return errors.Join(errs...)
}
