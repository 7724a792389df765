package backends

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Find finds the image that a URI means, and makes sure that it is there. With
// a store named, only that one is asked; with none, every store whose driver
// has the URI's scheme, in the order of the configuration, the reserved ones
// last. What is in none of them is asked for through the first that reads
// what is elsewhere (Elsewherer): the instance is then not one of the set, but
// one like it, which has that image.
//
// A store that can't be asked does not stop the search. But if none has the
// image, the error is that of the stores that could not be asked, since the
// image may be in one of them: fs.ErrNotExist is certain. An unknown scheme or
// store is fs.ErrNotExist too (glance_store: UnknownScheme, NotFound), a URI
// that no driver of its scheme can parse ErrInvalid (BadStoreUri). No error
// repeats the URI: it may have credentials.
func (s *Set) Find(ctx context.Context, uri, store string) (in *Instance, name string, err error) {
	stores, err := s.candidates(uri, store)
	if err != nil {
		return nil, "", err
	}
	var missing, failed error
	for _, in := range stores {
		if err := ctx.Err(); err != nil {
			return nil, "", errors.Join(failed, err)
		}
		name, err := in.find(ctx, uri)
		switch {
		case err == nil:
			return in, name, nil
		case errors.Is(err, fs.ErrNotExist):
			missing = errors.Join(missing, err)
		default:
			failed = errors.Join(failed, err)
		}
	}
	for _, in := range stores {
		in, name, err := in.elsewhere(ctx, uri)
		switch {
		case err == nil:
			return in, name, nil
		case errors.Is(err, fs.ErrNotExist):
			missing = errors.Join(missing, err)
		case !errors.Is(err, errors.ErrUnsupported):
			failed = errors.Join(failed, err)
		}
	}
	if failed != nil {
		return nil, "", failed
	}
	return nil, "", missing
}

// elsewhere returns an instance that has the image a URI means, though the
// store has not; errors.ErrUnsupported if the store is not one for that.
func (in *Instance) elsewhere(ctx context.Context, uri string) (other *Instance, name string, err error) {
	err = in.call(ctx, "find", "", in.readable, func(ctx context.Context, store Store) error {
		e, ok := As[Elsewherer](store)
		if !ok {
			return errors.ErrUnsupported
		}
		place, there, err := e.Elsewhere(uri)
		if err != nil {
			return err
		}
		other, name = in.with(place), there
		_, err = other.Stat(ctx, name)
		return err
	})
	return other, name, err
}

// with returns an instance like in, of another store that needs not be
// closed.
func (in *Instance) with(store Store) *Instance {
	return &Instance{
		cfg: in.cfg, drv: in.drv, opts: in.opts, trust: in.trust, log: in.log, faults: in.faults,
		ahead: in.ahead, life: in.life, algo: in.HashingAlgo(), current: &attempt{store: store},
	}
}

// candidates returns the stores in which the image of a URI may be: at least
// one.
func (s *Set) candidates(uri, store string) ([]*Instance, error) {
	scheme, _, ok := strings.Cut(uri, ":")
	if !ok || scheme == "" {
		return nil, fmt.Errorf("%w: a URI begins with a scheme (one of %s) and a colon", ErrInvalid, s.knownSchemes())
	}
	stores := s.instances
	if store != "" {
		in, ok := s.byName[store]
		if !ok {
			return nil, fmt.Errorf("no store is named %q: %w", store, fs.ErrNotExist)
		}
		stores = []*Instance{in}
	}
	var found []*Instance
	for _, in := range stores {
		if slices.Contains(in.Schemes(), scheme) {
			found = append(found, in)
		}
	}
	switch {
	case found != nil:
		return found, nil
	case store != "":
		return nil, fmt.Errorf("the store %s has no URIs of the scheme %q (only %s): %w",
			store, scheme, strings.Join(stores[0].Schemes(), ", "), fs.ErrNotExist)
	}
	return nil, fmt.Errorf("unknown scheme %q (one of %s): %w", scheme, s.knownSchemes(), fs.ErrNotExist)
}

func (s *Set) knownSchemes() string { return strings.Join(s.Schemes(), ", ") }

// find returns the name of the image that a URI means, if the store has it.
func (in *Instance) find(ctx context.Context, uri string) (name string, err error) {
	err = in.call(ctx, "find", "", in.readable, func(ctx context.Context, store Store) error {
		if name, err = store.Name(ctx, uri); err != nil {
			return err
		}
		_, err = in.Stat(ctx, name)
		return err
	})
	return name, err
}
