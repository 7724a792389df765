package file

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// quiet is after how long without a write a temporary file counts as left
// over where locks can't tell. Nobody pauses an upload for a day.
const quiet = 24 * time.Hour

// removeLeftovers removes the temporary files of processes that are gone;
// the package comment says how that is told.
func (d *datadir) removeLeftovers() error {
	names, err := readNames(d.tmp())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	faults := []error{err}
	for _, name := range names {
		faults = append(faults, d.removeIfDead(filepath.Join(d.tmp(), name)))
	}
	return errors.Join(faults...)
}

// removeIfDead removes a temporary file that nobody works on. It holds the
// lock while it does, so that who has just made the file, and is about to
// lock it, sees that it is gone and makes another one.
func (d *datadir) removeIfDead(path string) error {
	// Locking on NFS needs a file that is open for writing.
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil // its owner was faster
	}
	if err != nil {
		return err
	}
	defer f.Close() // nothing was written
	dead, err := d.isDead(f)
	if err != nil || !dead || !isNamed(f, path) {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	var st unix.Statx_t
	if err := statx(f, &st); err != nil {
		return err
	}
	if st.Nlink == 0 { // else it is an image already
		d.removeSidecar(st.Ino)
	}
	return nil
}

// isDead tells whether nobody works on a temporary file, and locks it if so.
func (d *datadir) isDead(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false, err // not one of ours
	}
	isQuiet := time.Since(info.ModTime()) > quiet
	err = lock(f, unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return false, nil
	case errors.Is(err, errNoLocks):
		return isQuiet, nil
	case err != nil:
		return false, err
	}
	ourKernel := strings.HasPrefix(filepath.Base(f.Name()), bootID()+"-")
	return ourKernel || d.mounted().locksTravel() || isQuiet, nil
}

// readNames returns the names in a directory.
func readNames(path string) ([]string, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close() // only read
	return dir.Readdirnames(-1)
}
