package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"glancefs/backends"
)

// schemes are those of glance_store's filesystem driver.
var schemes = []string{"file", "filesystem"}

// Location is the image's URI, unescaped as glance_store builds it; see
// backends.Store.
func (s *Store) Location(ctx context.Context, name string) (string, error) {
	if len(s.dirs) == 1 {
		return locationIn(s.dirs[0], name), nil
	}
	d, err := pass(ctx, s, func() (*datadir, error) { return s.where(name) }, nil)
	if err != nil {
		return "", err
	}
	return locationIn(d, name), nil
}

func locationIn(d *datadir, name string) string { return "file://" + d.image(name) }

// where returns the datadir in which an image is, or would be.
func (s *Store) where(name string) (*datadir, error) {
	f, err := s.find(name)
	if errors.Is(err, fs.ErrNotExist) {
		return s.pick()
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // O_PATH: nothing was written
	return f.dir, nil
}

// Name is the inverse of Location; see backends.Store. All that follows the
// scheme is the path, "?" and "#" included: file names have them. (glance_store
// takes them for a query and a fragment, and does not find such images
// again.)
func (s *Store) Name(ctx context.Context, location string) (string, error) {
	scheme, path, ok := strings.Cut(location, "://")
	if !ok || !slices.Contains(schemes, scheme) {
		return "", fmt.Errorf("%w: the location must begin with file:// or filesystem://", backends.ErrInvalid)
	}
	dir, name := filepath.Split(path)
	if !filepath.IsAbs(path) || slices.Contains(strings.Split(path, "/"), "..") {
		return "", fmt.Errorf("%w: the location must have an absolute path, without ..", backends.ErrInvalid)
	}
	if err := backends.CheckName(name); err != nil {
		return "", err
	}
	dir = filepath.Clean(dir)
	if !slices.ContainsFunc(s.dirs, func(d *datadir) bool { return d.path == dir }) {
		return "", fmt.Errorf("the directory %s is none of this store's: %w", dir, fs.ErrNotExist)
	}
	if len(s.dirs) == 1 {
		return name, nil
	}
	return name, s.do(ctx, func() error { return s.wantNotElsewhere(dir, name) })
}

// wantNotElsewhere is fs.ErrNotExist if the image of that name is in another
// datadir than dir. Two datadirs can have a file each of one name, written by
// somebody else: who asks for the second must not get, or delete, the first.
func (s *Store) wantNotElsewhere(dir, name string) error {
	f, err := s.find(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() // O_PATH: nothing was written
	if f.dir.path != dir {
		return fmt.Errorf("the image is in the datadir %s, not in %s: %w", f.dir.path, dir, fs.ErrNotExist)
	}
	return nil
}
