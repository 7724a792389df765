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
	local bool // on a filesystem of this machine
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
			return nil, backends.ClassifyErrno(err)
		}
		return &reader{store: s, file: file, image: f.image(), local: isLocal(file)}, nil
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
		return n, backends.ClassifyErrno(err)
	}, nil)
}

// LocalFile returns the descriptor of the image's file, unless it is on
// another machine or a FUSE filesystem: a read that the kernel does by itself
// has no deadline there.
func (r *reader) LocalFile() (fd uintptr, ok bool) {
	if !r.local {
		return 0, false
	}
	return r.file.Fd(), true
}

// isLocal tells whether a file is on a filesystem that can't hang because
// another machine, or a process, does not answer.
func isLocal(file *os.File) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(int(file.Fd()), &st) != nil {
		return false
	}
	switch st.Type {
	case unix.NFS_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.CIFS_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.V9FS_MAGIC, unix.AFS_SUPER_MAGIC:
		return false
	}
	return true
}

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
		return at, backends.ClassifyErrno(err)
	}, nil)
}

// Close closes the image when the last read of it has ended.
func (r *reader) Close() error { return r.file.Close() }
