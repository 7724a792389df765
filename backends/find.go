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
// last. What none of them has a name for is asked for through the first that
// reads what is elsewhere (Elsewherer), and through no other, whose options
// (https_insecure) may not be meant for it: the instance is then not one of
// the set, but one like it, which has that image.
//
// A store that can't be asked does not stop the search. But if none has the
// image, the error is that of the stores that could not be asked, since the
// image may be in one of them: fs.ErrNotExist is certain. An unknown scheme or
// store is fs.ErrNotExist too (glance_store: UnknownScheme, NotFound), a URI
// that no driver of its scheme can parse ErrInvalid (BadStoreUri). What
// several stores say alike is said once. No error has the credentials or the
// query of the URI, which may be a token.
func (s *Set) Find(ctx context.Context, uri, store string) (in *Instance, name string, err error) {
	if scheme, rest, ok := strings.Cut(uri, ":"); ok { // RFC 3986: in either case
		uri = strings.ToLower(scheme) + ":" + rest
	}
	stores, err := s.candidates(uri, store)
	if err != nil {
		return nil, "", err
	}
	var failed, missing, foreign causes
	named := false
	for _, in := range stores {
		if err := ctx.Err(); err != nil {
			return nil, "", errors.Join(append(failed, err)...)
		}
		name, err := in.find(ctx, uri)
		named = named || name != ""
		switch {
		case err == nil:
			return in, name, nil
		case errors.Is(err, fs.ErrNotExist) && name == "":
			foreign.add(err)
		case errors.Is(err, fs.ErrNotExist):
			missing.add(err)
		default:
			failed.add(err)
		}
	}
	if !named {
		in, name, err := elsewhere(ctx, stores, uri)
		switch {
		case err == nil:
			return in, name, nil
		case errors.Is(err, fs.ErrNotExist):
			missing.add(err)
		case !errors.Is(err, errors.ErrUnsupported):
			failed.add(err)
		}
	}
	for _, errs := range []causes{failed, missing} {
		if errs != nil {
			return nil, "", errors.Join(errs...)
		}
	}
	return nil, "", errors.Join(foreign...)
}

// causes are the errors of several stores, one for each cause.
type causes []error

func (c *causes) add(err error) {
	for _, have := range *c {
		if cause(have).Error() == cause(err).Error() {
			return
		}
	}
	*c = append(*c, err)
}

// cause is an error without the store and the operation.
func cause(err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// elsewhere returns an instance that has the image a URI means, though none
// of the stores has; errors.ErrUnsupported if none of them is one for that.
func elsewhere(ctx context.Context, stores []*Instance, uri string) (other *Instance, name string, err error) {
	for _, in := range stores {
		other, name, err = in.elsewhere(ctx, uri)
		if !errors.Is(err, errors.ErrUnsupported) {
			break
		}
	}
	return other, name, err
}

// elsewhere is the function of that name for one store.
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
		if _, err = other.Stat(ctx, name); err != nil {
			return at(ctx, place, name, cause(err))
		}
		return nil
	})
	return other, name, err
}

// at says where an image should have been, without the query.
func at(ctx context.Context, place Store, name string, err error) error {
	location, errNone := place.Location(ctx, name)
	if errNone != nil {
		return err
	}
	location, _, _ = strings.Cut(location, "?")
	return fmt.Errorf("%s: %w", location, err)
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
	for _, drv := range s.drivers {
		if slices.Contains(drv.Schemes, scheme) {
			return nil, fmt.Errorf("no store has URIs of the scheme %q: enabled_backends needs one of type %s for that: %w", scheme, drv.Type, fs.ErrNotExist)
		}
	}
	return nil, fmt.Errorf("unknown scheme %q (one of %s): %w", scheme, s.knownSchemes(), fs.ErrNotExist)
}

func (s *Set) knownSchemes() string { return strings.Join(s.Schemes(), ", ") }

// find returns the name that the store has for what a URI means, "" if it has
// none; without an error it also has the image.
func (in *Instance) find(ctx context.Context, uri string) (name string, err error) {
	err = in.call(ctx, "find", "", in.readable, func(ctx context.Context, store Store) error {
		its, err := store.Name(ctx, uri)
		if err != nil {
			return err
		}
		name = its
		_, err = in.Stat(ctx, name)
		return err
	})
	return name, err
}
