//go:build ceph

package rbd

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
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
		if err := w.cluster.classify(at("close", w.image.Close())); err != nil {
			w.store.log.WithError(err).WithField("image", w.name).Warn("the image under way could not be closed well")
		}
	}
	w.cluster.leave()
	switch {
	case w.stage.Load() == committed || !w.made:
	case w.mark == mark{}:
		w.store.RemoveLeftovers(w.store.life)
	default:
		w.store.settle(w.name, w.id, w.mark)
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
			log.WithError(err).Debug("what an add or a delete has left is still there")
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause/2 + rand.N(pause)): // who meet don't meet again
		}
	}
}

// settle settles what this process has left, as soon as the cluster answers.
func (s *Store) settle(name, id string, m mark) {
	again(s.life, s.log, func() error {
		return s.do(s.life, func(c *cluster) error { return c.settle(name, id, m) })
	})
}

// settle finishes or takes back what somebody has begun who is gone or has
// lost his connection. An add without the snapshot is removed; an RBD image
// with it is an image, and so is again one that was being deleted.
func (c *cluster) settle(name, id string, m mark) error {
	return c.alone(id, func() error { return c.settleAlone(name, id, m) })
}

// settleAlone is settle by the only one who is at it.
func (c *cluster) settleAlone(name, id string, m mark) error {
	img, err := c.openToChange(name, id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	now, err := readMark(img)
	if err != nil || now == nil || *now != m { // or nothing is to be done any more
		return errors.Join(err, img.Close())
	}
	stays, err := c.settleOpen(img, m)
	if err := errors.Join(err, img.Close()); err != nil || stays {
		return err
	}
	return at("remove", rbd.RemoveImage(c.pool, name))
}

// settleOpen does of settle what can be done while the RBD image is open, and
// tells whether it stays.
func (c *cluster) settleOpen(img *rbd.Image, m mark) (stays bool, err error) {
	if err := breakLock(img, m); err != nil {
		return false, err
	}
	if stays, err = hasSnap(img, snapName); err != nil {
		return false, err
	}
	if !stays && m.Snap == 0 {
		return false, removeTempSnap(img)
	}
	// Somebody else may be about to delete it, and does not if he sees us.
	if err := c.unwatched(img, m.Client); err != nil {
		return false, err
	}
	return true, restore(img, m)
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
	if there, err := hasSnap(img, tempSnap); err != nil || !there {
		return err
	}
	snap := img.GetSnapshot(tempSnap)
	if err := unprotect(snap); err != nil {
		return err
	}
	return at("remove the snapshot", snap.Remove())
}
