//go:build ceph

package rbd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
)

// The stages of an add.
const (
	underWay   = iota
	publishing // its snapshot is being named: it may be an image by now
	committed
	ended // given up
)

// tempSnap is the name of a snapshot that is to become snapName, or was.
const tempSnap = "glancefs"

// Commit makes the image complete; see backends.Writer.
func (w *writer) Commit(ctx context.Context, r backends.Record) (backends.Image, error) {
	if err := w.settle(ctx); err != nil {
		return backends.Image{}, err
	}
	if r.Mtime.IsZero() {
		r.Mtime = time.Now().Round(0) // no monotonic reading: it is shown to users
	}
	var snap uint64
	err := w.call(ctx, func() (err error) {
		snap, err = w.finish(r)
		return err
	})
	if err != nil {
		return backends.Image{}, err
	}
	if err := w.call(ctx, w.publish); err != nil {
		if w.stage.CompareAndSwap(underWay, ended) {
			return backends.Image{}, err // it was not begun, and won't be
		}
		return backends.Image{}, fmt.Errorf("%w: naming the snapshot: %w", backends.ErrUnknown, err)
	}
	select { // closed, too: who deletes it now must not find it open
	case <-w.released:
	case <-ctx.Done():
	}
	return backends.Image{
		Name: w.name, Size: r.Size, Mtime: r.Mtime, Allocated: -1,
		Incarnation: incarnation(w.id, snap), Record: &r,
	}, nil
}

// settle waits until all bytes are written.
func (w *writer) settle(ctx context.Context) error {
	if err := w.failed(ctx); err != nil {
		return err
	}
	if len(w.piece) > 0 {
		if err := w.sendPiece(ctx); err != nil {
			return err
		}
	}
	done := make(chan struct{})
	go func() {
		w.group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return w.failed(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// finish makes everything of the image but the name of its snapshot, whose id
// it returns.
func (w *writer) finish(r backends.Record) (snap uint64, err error) {
	if err := at("flush", w.image.Flush()); err != nil {
		return 0, err
	}
	if w.size != r.Size {
		if err := at("resize", w.image.Resize(uint64(r.Size))); err != nil {
			return 0, err
		}
		w.size = r.Size
	}
	if snap, err = makeSnap(w.image); err != nil {
		return 0, err
	}
	if err := w.checkSnap(); err != nil {
		return 0, err
	}
	return snap, writeRecord(w.image, r, snap)
}

// checkSnap tells whether the snapshot can be opened. One made when the pool
// was becoming full may lack its object map, which librbd says only then.
func (w *writer) checkSnap() error {
	img, err := w.cluster.openNamed(w.name, tempSnap)
	if err == nil {
		err = img.Close()
	}
	if err = at("look at the snapshot", err); errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%v", err) // a part of it; the image is there
	}
	return err
}

// makeSnap makes the snapshot by its temporary name, and protects it.
func makeSnap(img *rbd.Image) (uint64, error) {
	snap, err := img.CreateSnapshot(tempSnap)
	if err != nil {
		return 0, at("make the snapshot", err)
	}
	if err := at("protect the snapshot", snap.Protect()); err != nil {
		return 0, err
	}
	id, err := img.GetSnapID(tempSnap)
	return id, at("look for the snapshot", err)
}

// publish makes the image one, if it was not given up meanwhile.
func (w *writer) publish() error {
	if !w.stage.CompareAndSwap(underWay, publishing) {
		return errEnded
	}
	err := at("name the snapshot", w.image.GetSnapshot(tempSnap).Rename(snapName))
	if err != nil {
		if err = backends.ClassifyErrno(err); !errors.Is(err, context.DeadlineExceeded) {
			w.stage.Store(underWay) // refused
		}
		return err
	}
	w.stage.Store(committed)
	// A start takes care of it if this fails.
	if err := removeMetadata(w.image, keyMark); err != nil {
		w.store.log.WithError(err).WithField("image", w.name).Warn("the image keeps the mark of being under way")
	}
	w.release.Do(func() { w.store.work.Go(w.cleanUp) })
	return nil
}
