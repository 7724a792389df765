package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// listBatch is how many images are asked for in one pass through the gate:
// the pass (some 2 µs) is then nothing beside the calls, and a caller that
// stops has waited for no more than so many.
const listBatch = 256

// List calls fn for each image; see backends.Store. The records are left
// out. Of a name in several datadirs only the first is there, as for find.
func (s *Store) List(ctx context.Context, fn func(backends.Image) error) error {
	seen := make(map[string]bool) // only used with several datadirs
	for _, d := range s.dirs {
		err := s.list(ctx, d, func(img backends.Image) error {
			if len(s.dirs) > 1 {
				if seen[img.Name] {
					return nil
				}
				seen[img.Name] = true
			}
			return fn(img)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// list calls fn, outside of the gate, for each image in one datadir.
func (s *Store) list(ctx context.Context, d *datadir, fn func(backends.Image) error) error {
	names, err := pass(ctx, s, d.imageNames, nil)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(names, listBatch) {
		images, err := pass(ctx, s, func() ([]backends.Image, error) { return d.images(batch) }, nil)
		if err != nil {
			return err
		}
		for _, img := range images {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := fn(img); err != nil {
				return err
			}
		}
	}
	return nil
}

// imageNames returns the names that may be images'.
func (d *datadir) imageNames() ([]string, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	names, err := readNames(d.path)
	if err != nil {
		return nil, backends.ClassifyErrno(err)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return strings.HasPrefix(name, backends.OwnPrefix)
	}), nil
}

// images tells of those of the names that are images.
func (d *datadir) images(names []string) ([]backends.Image, error) {
	images := make([]backends.Image, 0, len(names))
	for _, name := range names {
		var st unix.Statx_t
		path := d.image(name)
		err := again(func() error {
			return unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, statMask, &st)
		})
		switch {
		case errors.Is(err, fs.ErrNotExist): // deleted meanwhile
		case err != nil:
			return nil, backends.ClassifyErrno(&os.PathError{Op: "stat", Path: path, Err: err})
		case st.Mode&unix.S_IFMT == unix.S_IFREG:
			images = append(images, imageOf(name, &st))
		}
	}
	return images, nil
}
