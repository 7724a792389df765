package backends

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Find finds the image that a URI means, and the store that has it: the named
// store, or with store "" the first in the order of the configuration. Unlike
// glance_store it passes over a store that fails or is misconfigured, and
// finds empty images. fs.ErrNotExist: no such image, or no store of that
// name. ErrInvalid: bad grammar, or a scheme that no store understands. If a
// store could not be asked and no other has the image, the error is that
// store's: the image may be there.
func (s *Set) Find(ctx context.Context, uri, store string) (*Instance, string, error) {
	stores, err := s.candidates(uri, store)
	if err != nil {
		return nil, "", err
	}
	var missing, failed error
	for _, in := range stores {
		name, err := in.find(ctx, uri)
		switch {
		case err == nil:
			return in, name, nil
		case errors.Is(err, fs.ErrNotExist):
			missing = err
		default:
			failed = errors.Join(failed, err)
		}
	}
	if failed != nil {
		return nil, "", failed
	}
	if len(stores) > 1 {
		missing = notFound(uri, "no store has it: %w", fs.ErrNotExist)
	}
	return nil, "", missing
}

// candidates returns the stores that may have the image of a URI.
func (s *Set) candidates(uri, store string) ([]*Instance, error) {
	scheme, _, ok := strings.Cut(uri, "://")
	if !ok {
		return nil, notFound(uri, "%w: no URI", ErrInvalid)
	}
	understand := func(in *Instance) bool { return slices.Contains(in.Schemes(), scheme) }
	if store != "" {
		in, ok := s.Get(store)
		switch {
		case !ok:
			return nil, notFound(uri, "no store is named %q: %w", store, fs.ErrNotExist)
		case !understand(in):
			return nil, in.fail("find "+uri, "", fmt.Errorf("%w: the scheme %s is not one of the store's", ErrInvalid, scheme))
		}
		return []*Instance{in}, nil
	}
	var some []*Instance
	for _, in := range s.instances {
		if understand(in) {
			some = append(some, in)
		}
	}
	if some == nil {
		return nil, notFound(uri, "%w: no store understands the scheme %s (they understand: %s)", ErrInvalid, scheme, strings.Join(s.Schemes(), ", "))
	}
	return some, nil
}

// notFound makes the error of a search that no single store is to blame for.
func notFound(uri, format string, args ...any) error {
	return &Error{Op: "find " + uri, Err: fmt.Errorf(format, args...)}
}

// find returns the name of the image that a URI means, if the store has it.
func (in *Instance) find(ctx context.Context, uri string) (name string, err error) {
	err = in.call(ctx, "find "+uri, "", in.readable, func(ctx context.Context) error {
		if name, err = in.store.Name(ctx, uri); err != nil {
			return err
		}
		_, err = in.store.Stat(ctx, name)
		return err
	})
	return name, err
}
