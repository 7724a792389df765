package http

import (
	"context"
	"errors"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"glancefs/backends"
)

// listers is how many images of a listing are asked for at once.
const listers = 16

// List asks for the index page, and for each file that it names, since what
// it says of them is rounded, and is not their incarnation; see
// backends.Store. What can't be asked for, or has no size, is left out: an
// index names what is not for everybody, and what programs make on demand.
func (s *Store) List(ctx context.Context, fn func(backends.Image) error) error {
	if s.base == nil {
		return nil
	}
	names, err := s.index(ctx)
	if err != nil {
		return err
	}
	images := make([]*backends.Image, len(names))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(listers)
	for i, name := range names {
		group.Go(func() error {
			f, err := s.facts(groupCtx, name)
			switch {
			case err == nil:
				img := f.image(name)
				images[i] = &img
			case !isLeftOut(err):
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, img := range images {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if img == nil {
			continue
		}
		if err := fn(*img); err != nil {
			return err
		}
	}
	return nil
}

// isLeftOut tells whether an error is of one image, and not of its server.
func isLeftOut(err error) bool {
	for _, of := range []error{fs.ErrNotExist, fs.ErrPermission, backends.ErrInvalid, errNoSize} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}
