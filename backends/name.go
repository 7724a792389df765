package backends

import (
	"fmt"
	"strings"
)

// OwnPrefix begins the names that are glancefs' own (temporary files and
// the like); no image has one.
const OwnPrefix = ".glancefs"

// CheckName tells whether name can be an image's: one path component
// (glance_store checks nothing, and "../x" escapes its datadir). The error
// wraps ErrInvalid.
func CheckName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%w: %q is no name of an image", ErrInvalid, name)
	case len(name) > 255:
		return fmt.Errorf("%w: a name has at most 255 bytes", ErrInvalid)
	case strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("%w: a name can't contain a slash or a NUL", ErrInvalid)
	case strings.HasPrefix(name, OwnPrefix):
		return fmt.Errorf("%w: names that begin with %s are glancefs' own", ErrInvalid, OwnPrefix)
	}
	return nil
}
