package file

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"glancefs/backends"
)

// Samples calls fn with an open regular file on each filesystem of the
// store: a new one that has no name any more, or where none can be made any
// image there is; see backends.LocalSampler.
func (s *Store) Samples(ctx context.Context, fn func(fd uintptr) error) error {
	files, err := pass(ctx, s, s.samples, closeAll)
	if err != nil {
		return err
	}
	defer closeAll(files)
	for _, f := range files {
		if err := fn(f.Fd()); err != nil {
			return err
		}
	}
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // nothing was written
	}
}

// samples opens a file on each filesystem.
func (s *Store) samples() (files []*os.File, err error) {
	err = s.eachFilesystem(func(d *datadir) error {
		f, err := s.sample(d)
		if f != nil {
			files = append(files, f)
		}
		return err
	})
	if err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

// sample opens a file in a datadir; nil if there is none.
func (s *Store) sample(d *datadir) (*os.File, error) {
	if !s.readOnly {
		if f, err := d.createTemp(); err == nil {
			return f, backends.ClassifyErrno(os.Remove(f.Name()))
		}
	}
	names, err := d.imageNames()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		found, err := d.find(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer found.Close() // O_PATH: nothing was written
		f, err := found.reopen()
		return f, backends.ClassifyErrno(err)
	}
	return nil, nil
}
