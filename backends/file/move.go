package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// move renames the open file f, and never replaces another one: then it is
// fs.ErrExist.
func move(f *os.File, from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || errors.Is(err, errors.ErrUnsupported) {
		err = linkAndUnlink(f, from, to) // NFS, and many FUSE filesystems
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return fs.ErrExist
	}
	return backends.ClassifyErrno(&os.LinkError{Op: "rename", Old: from, New: to, Err: err})
}

// linkAndUnlink is the rename that does not replace of filesystems without
// one.
func linkAndUnlink(f *os.File, from, to string) error {
	err := unix.Link(from, to)
	// NFS repeats a request whose reply was lost, and finds its own link
	// (open(2) on O_EXCL has the same).
	if err != nil && !(err == unix.EEXIST && isNamed(f, to)) {
		return err
	}
	if err := unix.Unlink(from); err != nil && err != unix.ENOENT {
		return errors.Join(err, unix.Unlink(to))
	}
	return nil
}

// syncDir makes the names in a directory durable. A filesystem that can't is
// taken to do it by itself.
func syncDir(path string) error {
	dir, err := openFile(path, path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer dir.Close() // only read
	err = dir.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// lockNames keeps others, on this host and elsewhere, from giving names, so
// that no two datadirs get the same. One datadir does that by itself.
func (s *Store) lockNames() (unlock func(), err error) {
	if len(s.dirs) == 1 {
		return func() {}, nil
	}
	d := s.dirs[0]
	if err := d.makeOwn(d.tmp()); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(d.own(), "lock"), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o666)
	if err != nil {
		return nil, backends.ClassifyErrno(err)
	}
	_ = f.Chmod(0o666)                // for whoever else adds here; only its owner may
	unlock = func() { _ = f.Close() } // nothing was written
	if err := lock(f, unix.LOCK_EX); err != nil && err != errNoLocks {
		unlock()
		return nil, backends.ClassifyErrno(err)
	}
	return unlock, nil
}
