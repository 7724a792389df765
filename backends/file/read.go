package file

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// reader reads one image.
type reader struct {
	store *Store
	file  *os.File
	image backends.Image
}

var (
	_ backends.LocalFiler = (*reader)(nil)
	_ backends.HoleFinder = (*reader)(nil)
)

// Open opens an image for reading; see backends.Store.
func (s *Store) Open(ctx context.Context, name string) (backends.Reader, error) {
	r, err := pass(ctx, s, func() (*reader, error) {
		f, err := s.find(name)
		if err != nil {
			return nil, err
		}
		defer f.Close() // O_PATH: nothing was written
		file, err := f.reopen()
		if err != nil {
			return nil, classify(err)
		}
		return &reader{store: s, file: file, image: f.image()}, nil
	}, func(r *reader) { _ = r.Close() }) // nobody is there to hear the error
	if err != nil {
		return nil, err
	}
	return r, nil
}

// reopen opens the file that was found for reading, if possible without
// writing to its atime.
func (f *found) reopen() (*os.File, error) {
	file, err := openFile(procPath(f.File), f.Name(), unix.O_RDONLY|unix.O_NOATIME)
	if errors.Is(err, unix.EPERM) { // only the owner and root may
		file, err = openFile(procPath(f.File), f.Name(), unix.O_RDONLY)
	}
	return file, err
}

func (r *reader) Image() backends.Image { return r.image }

// ReadAt reads at off; see backends.Reader.
func (r *reader) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	return passData(ctx, r.store, func() (int, error) {
		n, err := r.file.ReadAt(p, off)
		if err == io.EOF {
			err = nil
			if off+int64(n) < r.image.Size {
				err = io.ErrUnexpectedEOF // somebody has truncated it
			}
		}
		return n, classify(err)
	}, nil)
}

// LocalFile returns the descriptor of the image's file.
func (r *reader) LocalFile() (fd uintptr, ok bool) { return r.file.Fd(), true }

// SeekData finds data; see backends.HoleFinder.
func (r *reader) SeekData(ctx context.Context, off int64) (int64, error) {
	return r.seek(ctx, off, unix.SEEK_DATA)
}

// SeekHole finds a hole; see backends.HoleFinder.
func (r *reader) SeekHole(ctx context.Context, off int64) (int64, error) {
	return r.seek(ctx, off, unix.SEEK_HOLE)
}

// seek moves the descriptor's offset, which no read here depends on.
func (r *reader) seek(ctx context.Context, off int64, whence int) (int64, error) {
	return pass(ctx, r.store, func() (int64, error) {
		at, err := r.file.Seek(off, whence)
		return at, classify(err)
	}, nil)
}

// Close closes the image when the last read of it has ended.
func (r *reader) Close() error { return r.file.Close() }
