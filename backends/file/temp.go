package file

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// bootID names this run of the kernel, the same in all containers on it.
var bootID = sync.OnceValue(func() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return rand.Text() // what is named so is another boot's to everybody else
	}
	return strings.TrimSpace(string(id))
})

// createTemp makes a temporary file in the datadir, open for reading and
// writing, and locked until it is closed.
func (d *datadir) createTemp() (*os.File, error) {
	for {
		path := filepath.Join(d.tmp(), bootID()+"-"+rand.Text())
		f, err := openFile(path, path, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_NOFOLLOW)
		if errors.Is(err, os.ErrNotExist) {
			if err = d.makeOwn(d.tmp()); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, backends.ClassifyErrno(err)
		}
		// A store that starts just now may have locked the file before us,
		// to remove it; then it is not ours.
		locked, err := tryLock(f)
		if err == nil && locked && isNamed(f, path) {
			return f, nil
		}
		if closeErr := f.Close(); err == nil && closeErr != nil {
			err = closeErr
		}
		if err != nil {
			return nil, errors.Join(backends.ClassifyErrno(err), os.Remove(path))
		}
	}
}

// errNoLocks is a filesystem without flock(2).
var errNoLocks = errors.New("the filesystem has no locks")

// tryLock locks a file unless somebody else has: then it returns false. A
// file on a filesystem without locks is as good as locked: nobody else can
// take it, either.
func tryLock(f *os.File) (bool, error) {
	err := lock(f, unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case err == nil, errors.Is(err, errNoLocks):
		return true, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return false, nil
	}
	return false, err
}

// lock calls flock(2).
func lock(f *os.File, how int) error {
	err := control(f, func(fd int) error {
		return again(func() error { return unix.Flock(fd, how) })
	})
	for _, none := range []error{unix.ENOLCK, unix.EOPNOTSUPP, unix.ENOSYS, unix.EINVAL} {
		if err == none {
			return errNoLocks
		}
	}
	if err != nil {
		return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}

// isNamed tells whether path is a name of the open file.
func isNamed(f *os.File, path string) bool {
	open, err1 := f.Stat()
	named, err2 := os.Lstat(path)
	return err1 == nil && err2 == nil && os.SameFile(open, named)
}

// control calls fn with f's descriptor, which is not closed meanwhile.
func control(f *os.File, fn func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if ctlErr := conn.Control(func(fd uintptr) { err = fn(int(fd)) }); ctlErr != nil {
		return ctlErr
	}
	return err
}

// makeOwn makes one of glancefs' own directories. It gets the owner, group
// and permissions of the datadir. Its sticky bit, too: who may add there may add
// through us, and who may not remove another's file there may not here. And its
// setgid bit: what is made here gets the group that it would have there.
func (d *datadir) makeOwn(dir string) error {
	if err := d.check(); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat(d.path, &st); err != nil {
		return backends.ClassifyErrno(&os.PathError{Op: "stat", Path: d.path, Err: err})
	}
	for _, path := range []string{d.own(), dir} {
		err := os.Mkdir(path, 0o700)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil && os.Geteuid() == 0 {
			err = os.Chown(path, int(st.Uid), int(st.Gid))
		}
		if err == nil {
			err = unix.Chmod(path, st.Mode&0o3777)
		}
		if err != nil {
			return fmt.Errorf("glancefs' own directory: %w", backends.ClassifyErrno(err))
		}
	}
	return nil
}
