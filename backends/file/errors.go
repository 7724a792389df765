package file

import (
	"fmt"

	"glancefs/backends"
)

// unavailable makes the error of a datadir that can't be used now.
func unavailable(format string, args ...any) error {
	return backends.Classify(backends.ErrUnavailable, fmt.Errorf(format, args...))
}
