package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// Commit makes the image complete; see backends.Writer. An add whose time is
// over before it gets its name never gets it; one that hangs in that very
// call may have it or not.
func (w *writer) Commit(ctx context.Context, r backends.Record) (backends.Image, error) {
	var img backends.Image
	var decided atomic.Bool // that it gets its name, or that it never does
	progress, err := w.do(ctx, func() (err error) {
		if err := w.finish(&r); err != nil {
			return err
		}
		if decided.Swap(true) || w.ended.Load() {
			return errEnded
		}
		img, err = w.publish(r)
		return err
	})
	switch {
	case progress == unfinished && decided.Swap(true):
		return backends.Image{}, fmt.Errorf("%w: giving the image its name: %w", backends.ErrUnknown, err)
	case err != nil:
		return backends.Image{}, err
	}
	return img, nil
}

// finish makes everything of the image but its name. It sets the time in its
// record.
func (w *writer) finish(r *backends.Record) error {
	// Zeros at the end that were left out.
	if err := w.file.Truncate(w.size); err != nil {
		return backends.ClassifyErrno(err)
	}
	if err := w.setMtime(r.Mtime); err != nil {
		return backends.ClassifyErrno(err)
	}
	var st unix.Statx_t
	if err := statx(w.file, &st); err != nil {
		return backends.ClassifyErrno(err)
	}
	r.Mtime = timeOf(st.Mtime) // filesystems round: NFS to 100 ns, ext3 to 1 s
	w.sidecar = st.Ino
	if err := w.dir.writeRecord(w.file, &st, *r, w.store.sync); err != nil {
		return err
	}
	// After the xattrs: who may not write to a file may not set them.
	w.setOwner()
	if w.store.sync {
		return backends.ClassifyErrno(w.file.Sync())
	}
	return nil
}

// setMtime sets the modification time; zero means now.
func (w *writer) setMtime(mtime time.Time) error {
	if mtime.IsZero() {
		mtime = time.Now()
	}
	return utimens(w.file, mtime)
}

// utimens sets an open file's modification time and leaves its atime.
func utimens(f *os.File, mtime time.Time) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: mtime.Unix(), Nsec: int64(mtime.Nanosecond())}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, procPath(f), times, 0); err != nil {
		return &os.PathError{Op: "set the mtime of", Path: f.Name(), Err: err}
	}
	return nil
}

// setOwner gives the image its owner and mode. As in glance_store, that this
// fails (NFS without root's rights, SMB) is only warned of.
func (w *writer) setOwner() {
	var err error
	if os.Geteuid() == 0 {
		err = w.file.Chown(int(w.owner.UID), int(w.owner.GID))
	}
	if err == nil {
		err = w.file.Chmod(fs.FileMode(w.owner.Mode))
	}
	if err != nil {
		w.store.log.WithError(err).WithField("image", w.name).Warn("the owner or mode of the image is not what it should be")
	}
}

// publish gives the image, whose record is r, its name.
func (w *writer) publish(r backends.Record) (backends.Image, error) {
	unlock, err := w.store.lockNames()
	if err != nil {
		return backends.Image{}, err
	}
	defer unlock()
	if err := w.store.wantFree(w.name); err != nil {
		return backends.Image{}, err
	}
	target := w.dir.image(w.name)
	if err := move(w.file, w.path, target); err != nil {
		return backends.Image{}, err
	}
	if w.store.sync {
		if err := errors.Join(syncDir(w.dir.path), syncDir(w.dir.tmp())); err != nil {
			return backends.Image{}, w.undo(target, err)
		}
	}
	var st unix.Statx_t
	if err := statx(w.file, &st); err != nil {
		return backends.Image{}, w.undo(target, err)
	}
	img := imageOf(w.name, &st)
	img.Record = &r
	// All of it is synced, or was not to be; and it can't be undone by now.
	if err := w.close(); err != nil {
		w.store.log.WithError(err).WithField("image", w.name).Warn("closing the image")
	}
	return img, nil
}

// undo takes the name away from an image that could not be made durable. err
// is why; it is ErrUnknown if the image could not be removed either.
func (w *writer) undo(target string, err error) error {
	err = backends.ClassifyErrno(err)
	if !isNamed(w.file, target) {
		return err
	}
	if removeErr := os.Remove(target); removeErr != nil {
		return fmt.Errorf("%w: %w, and then %w", backends.ErrUnknown, err, removeErr)
	}
	return err
}
