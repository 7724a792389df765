//go:build ceph

package rbd

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"github.com/ceph/go-ceph/rbd"
	"github.com/sirupsen/logrus"
)

// Abort ends the add; see backends.Writer. What can't be removed at once is
// removed when the cluster answers again, whoever waits for it.
func (w *writer) Abort(ctx context.Context) error {
	w.stage.CompareAndSwap(underWay, ended)
	w.release.Do(func() { w.store.work.Go(w.cleanUp) })
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-w.released:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// cleanUp closes the RBD image, and removes it unless it is complete.
func (w *writer) cleanUp() {
	defer close(w.released)
	w.busy.Lock() // for good: no call comes any more
	if w.cluster == nil {
		return // none was made
	}
	if w.image != nil { // with the lock, and the watch
		if err := w.cluster.classify(at("close", w.cluster.exclusively(w.image.Close))); err != nil {
			w.store.log.WithError(err).WithField("image", w.name).Warn("the image under way could not be closed well")
		}
	}
	w.cluster.leave()
	switch {
	case w.stage.Load() == committed || !w.made:
	case w.image == nil:
		w.store.RemoveLeftovers(w.store.life) // it is not marked
	default:
		again(w.store.life, w.store.log, func() error {
			return w.store.do(w.store.life, func(c *cluster) error { return c.settle(w.name) })
		})
	}
}

// The pauses between the attempts to remove what an add has left.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// again runs fn until it succeeds, or ctx ends: then the next start has to do
// it.
func again(ctx context.Context, log *logrus.Entry, fn func() error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := fn()
		if err == nil {
			return
		}
		if ctx.Err() == nil {
			log.WithError(err).Debug("what an add has left is not removed yet")
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// settle finishes what the writer or deleter of an RBD image, who is gone or
// has lost his connection, has begun: with its snapshot it is complete, and
// loses the mark; without, it is removed.
func (c *cluster) settle(name string) error {
	img, err := rbd.OpenImage(c.pool, name, rbd.NoSnapshot)
	if err != nil {
		if err = at("open", err); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	m, err := readMark(img)
	if err == nil && m != nil {
		err = breakLock(img, *m)
	}
	if err != nil || m == nil { // or nothing is to be done any more
		return errors.Join(err, img.Close())
	}
	if _, err := img.GetSnapID(snapName); err == nil {
		return errors.Join(complete(img), img.Close())
	}
	err = removeTempSnap(img)
	if err := errors.Join(err, img.Close()); err != nil {
		return err
	}
	return at("remove", rbd.RemoveImage(c.pool, name))
}

// complete makes a marked image with the snapshot one that is not marked.
func complete(img *rbd.Image) error {
	snap := img.GetSnapshot(snapName)
	protected, err := snap.IsProtected()
	if err != nil {
		return at("look at the snapshot", err)
	}
	if !protected {
		if err := at("protect the snapshot", snap.Protect()); err != nil {
			return err
		}
	}
	return removeMetadata(img, keyMark)
}

// removeTempSnap removes the snapshot that was to become snapName.
func removeTempSnap(img *rbd.Image) error {
	if _, err := img.GetSnapID(tempSnap); err != nil {
		return nil // it was not made
	}
	snap := img.GetSnapshot(tempSnap)
	if err := at("unprotect the snapshot", snap.Unprotect()); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err // EINVAL: it was not protected
	}
	return at("remove the snapshot", snap.Remove())
}
