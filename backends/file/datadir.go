package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// datadir is a directory of images. Its methods make system calls and may
// hang: they are called inside of the store's gate.
type datadir struct {
	path     string
	priority int
	log      *logrus.Entry
	traverse uint32 // permission bits it must have
	create   bool   // make it if it is missing at the start

	swept chan struct{} // closed when what a crash left was removed

	mu       sync.Mutex // guards the rest
	prepared bool
	mount    mount // where the images are; zero: not known yet
}

func newDatadir(path string, priority int) *datadir {
	return &datadir{path: path, priority: priority, swept: make(chan struct{})}
}

func (d *datadir) image(name string) string { return filepath.Join(d.path, name) }

// own is the directory of what is glancefs' own.
func (d *datadir) own() string     { return filepath.Join(d.path, backends.OwnPrefix) }
func (d *datadir) tmp() string     { return filepath.Join(d.own(), "tmp") }
func (d *datadir) records() string { return filepath.Join(d.own(), "records") }

// errGone is a datadir that is not there.
var errGone = errors.New("the datadir is not there")

// prepare makes the datadir ready to be written to, once: it exists, and may
// be written to and traversed. Its faults are those of glance_store's
// configure_add. first is true for the call that did it.
func (d *datadir) prepare() (first bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.prepared {
		return false, nil
	}
	if d.create {
		d.create = false // later it is gone, or not mounted, and is not made
		if err := makeDatadir(d.path); err != nil {
			return false, err
		}
	}
	if err := d.checkLocked(); err != nil {
		return false, err
	}
	if err := unix.Access(d.path, unix.W_OK|unix.X_OK); err != nil {
		return false, faultOrDown(err, "the datadir %s: %w: expected permission to write", d.path, err)
	}
	d.makeTraversable()
	d.prepared = true
	return true, nil
}

// makeDatadir makes a datadir that is missing, with its parents.
func makeDatadir(path string) error {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(path, 0o777) // less the umask, as glance_store does
	}
	if err != nil {
		return faultOrDown(err, "the datadir %s can't be made: %w", path, err)
	}
	return nil
}

// faultOrDown makes the error of a datadir that can't be used: one that is
// down comes back, anything else is for the operator to change.
func faultOrDown(err error, format string, args ...any) error {
	err = backends.ClassifyErrno(err)
	if errors.Is(err, backends.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, unix.EIO) {
		return err
	}
	return backends.Misconfigured(format, args...)
}

// makeTraversable gives the datadir the permission bits that the images'
// mode asks for. As in glance_store, that this fails is only warned of.
func (d *datadir) makeTraversable() {
	info, err := os.Stat(d.path)
	if err != nil || uint32(info.Mode().Perm())&d.traverse == d.traverse {
		return
	}
	if err := os.Chmod(d.path, info.Mode().Perm()|fs.FileMode(d.traverse)); err != nil {
		d.log.WithError(err).Warn("filesystem_store_file_perm lets others read the images, but the datadir does not")
	}
}

// check tells whether the datadir is there, and not merely the directory on
// which it was mounted: without it an add goes to the local disk and is
// hidden by the next mount.
func (d *datadir) check() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.checkLocked()
}

func (d *datadir) checkLocked() error {
	info, err := os.Stat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return backends.Classify(errGone, unavailable("the datadir %s is not there", d.path))
	case err != nil:
		return backends.ClassifyErrno(err)
	case !info.IsDir():
		return backends.Misconfigured("the datadir %s is not a directory", d.path)
	case info.Sys().(*syscall.Stat_t).Dev == d.mount.dev:
		return nil
	}
	now, err := mountOf(d.path)
	if err != nil {
		return backends.ClassifyErrno(err)
	}
	if isBelow(d.mount.point, now.point) {
		return unavailable("the datadir %s was on the %s at %s, which is not mounted now", d.path, d.mount.fsType, d.mount.point)
	}
	d.mount = now // for the first time, mounted again, or mounted at last
	return nil
}

// mounted returns the mount of the datadir, as of the last check.
func (d *datadir) mounted() mount {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mount
}

// isBelow tells whether path is in, and not at, the directory dir.
func isBelow(path, dir string) bool {
	return path != dir && strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
