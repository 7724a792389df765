package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// found is an image in a datadir, by an O_PATH descriptor: what is asked of
// it next is asked of this file, whatever has the name by then.
type found struct {
	*os.File
	dir  *datadir
	name string
	stat unix.Statx_t
}

// find looks for an image in all datadirs. The caller closes what it finds.
func (s *Store) find(name string) (*found, error) {
	var down error
	for _, d := range s.dirs {
		f, err := d.find(name)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
		// Is the image missing, or its datadir?
		down = errors.Join(down, d.check())
	}
	if down != nil {
		return nil, down
	}
	return nil, fs.ErrNotExist
}

// find looks for an image in one datadir. What is no regular file is none:
// symlinks, which might lead anywhere, are not followed.
func (d *datadir) find(name string) (*found, error) {
	path := d.image(name)
	file, err := openFile(path, path, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return nil, backends.ClassifyErrno(err)
	}
	f := &found{File: file, dir: d, name: name}
	if err := statx(f.File, &f.stat); err != nil {
		return nil, errors.Join(backends.ClassifyErrno(err), f.Close())
	}
	if f.stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.Join(fs.ErrNotExist, f.Close())
	}
	return f, nil
}

// openFile opens a path with exactly these flags, mode 0600 if it is made;
// name is what the file is called in errors. os.OpenFile takes five system
// calls more, to find out whether the file can be polled.
func openFile(path, name string, flags int) (*os.File, error) {
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// again repeats a system call that a signal has interrupted, as package os
// does.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// procPath is a path that leads to an open file itself, also for the calls
// that take no O_PATH descriptor.
func procPath(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// statMask is what is asked of statx(2).
const statMask = unix.STATX_BASIC_STATS | unix.STATX_BTIME

// statx asks for the attributes of an open file.
func statx(f *os.File, st *unix.Statx_t) error {
	err := again(func() error { return unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, statMask, st) })
	if err != nil {
		return &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return nil
}

// wantFree is fs.ErrExist if anything has the name in any datadir.
func (s *Store) wantFree(name string) error {
	for _, d := range s.dirs {
		var st unix.Stat_t
		switch err := unix.Lstat(d.image(name), &st); {
		case err == nil:
			return fs.ErrExist
		case !errors.Is(err, fs.ErrNotExist):
			return backends.ClassifyErrno(&os.PathError{Op: "stat", Path: d.image(name), Err: err})
		}
		if err := d.check(); err != nil {
			return err
		}
	}
	return nil
}
