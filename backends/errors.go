package backends

import (
	"errors"
	"fmt"
)

// What a store returns besides fs.ErrNotExist (glance_store: NotFound),
// fs.ErrExist (Duplicate), fs.ErrPermission (Forbidden, StorageWriteDenied),
// errors.ErrUnsupported and context.DeadlineExceeded. Test with errors.Is.
var (
	ErrFull          = errors.New("no space left in the store")            // StorageFull
	ErrQuota         = errors.New("quota exceeded")                        // StorageFull of a quota
	ErrReadOnly      = errors.New("the store is read-only")                // StoreAddDisabled, StoreDeleteNotSupported
	ErrMisconfigured = errors.New("the store is misconfigured")            // BadStoreConfiguration
	ErrBusy          = errors.New("the image is in use")                   // InUseByStore, HasSnapshot
	ErrInvalid       = errors.New("invalid argument")                      // UnknownHashingAlgo, BadStoreUri, Invalid
	ErrMismatch      = errors.New("the image is not what it should be")    // digest or size mismatch
	ErrSignature     = errors.New("the image's signature is not accepted") // SignatureVerificationError
	ErrUnknown       = errors.New("the outcome of the commit is unknown")
	ErrUnavailable   = errors.New("the store is unavailable") // RemoteServiceUnavailable
)

// Classify makes err one of the errors above, or of those that io/fs and
// context have, too; its text stays its own.
func Classify(class, err error) error { return &classified{class, err} }

type classified struct{ class, err error }

func (c *classified) Error() string   { return c.err.Error() }
func (c *classified) Unwrap() []error { return []error{c.class, c.err} }

// Misconfigured makes a fault of the configuration.
func Misconfigured(format string, args ...any) error {
	return Classify(ErrMisconfigured, fmt.Errorf(format, args...))
}

// Error is a failed operation on a store. It is made once, by Instance.
type Error struct {
	Op    string // add, get, stat, list, delete, rename, …
	Store string
	Image string // "" for the store itself
	Err   error
}

func (e *Error) Error() string {
	if e.Image == "" {
		return fmt.Sprintf("%s: store %s: %v", e.Op, e.Store, e.Err)
	}
	return fmt.Sprintf("%s %s/%s: %v", e.Op, e.Store, e.Image, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }
