//go:build ceph

package rbd

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
)

// looks is how many images are looked at at once: 300 of them take 1.7 s with
// 4, 1.45 s with 8, and 1.4 s with 16.
const looks = 8

// List calls fn for each complete image; see backends.Store.
func (s *Store) List(ctx context.Context, fn func(backends.Image) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	names, err := pass(ctx, s, (*cluster).names, nil)
	if err != nil {
		return err
	}
	for found := range atOnce(ctx, names, func(name string) found {
		img, err := s.Stat(ctx, name)
		img.Name = name
		return found{img, err}
	}) {
		switch {
		case errors.Is(found.err, fs.ErrNotExist):
			continue
		case isOfStore(found.err):
			return found.err
		case found.err != nil:
			s.log.WithError(found.err).WithField("image", found.image.Name).Warn("list: an RBD image can't be looked at, and is not listed")
			continue
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		if err := fn(found.image); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// isOfStore tells an error of all images from that of one which is damaged or
// has features that this librbd does not know.
func isOfStore(err error) bool {
	for _, class := range []error{
		context.DeadlineExceeded, context.Canceled, fs.ErrPermission, backends.ErrUnavailable, backends.ErrMisconfigured,
	} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// names lists the RBD images of the pool by whose names images can be.
func (c *cluster) names() ([]string, error) {
	names, err := rbd.GetImageNames(c.pool)
	if err != nil {
		return nil, at("list the pool "+c.poolName, err)
	}
	if len(names) == 0 { // to librbd a pool that has gone is an empty one
		return nil, c.wantPool()
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return backends.CheckName(name) != nil
	}), nil
}

// found is what came of looking at an image.
type found struct {
	image backends.Image
	err   error
}

// atOnce runs fn for many RBD images, some of them at once, until ctx ends.
func atOnce[T any](ctx context.Context, names []string, fn func(name string) T) <-chan T {
	todo, results := make(chan string), make(chan T)
	var group sync.WaitGroup
	for range min(looks, len(names)) {
		group.Go(func() {
			for name := range todo {
				select {
				case results <- fn(name):
				case <-ctx.Done():
				}
			}
		})
	}
	go func() {
		defer close(results)
		defer group.Wait()
		defer close(todo)
		for _, name := range names {
			select {
			case todo <- name:
			case <-ctx.Done():
				return
			}
		}
	}()
	return results
}
