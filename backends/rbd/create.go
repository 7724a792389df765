//go:build ceph

package rbd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"github.com/ceph/go-ceph/rados"
	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
)

// firstSize is the size that a new RBD image begins with, in bytes: odd, so
// that one which a crash has left before it was marked is known for ours. One
// resize takes 6 ms, so it is not small.
const firstSize = 64<<20 - 7919

// Create begins an add; see backends.Store.
func (s *Store) Create(ctx context.Context, name string) (backends.Writer, error) {
	if s.readOnly {
		return nil, backends.ErrReadOnly
	}
	w := s.newWriter(name)
	err := s.do(ctx, func(c *cluster) error {
		if !w.busy.TryRLock() {
			return errEnded // the caller has gone
		}
		defer w.busy.RUnlock()
		return w.begin(c)
	})
	if err != nil {
		_ = w.Abort(ctx) // it goes on behind, and the first error is the one to report
		return nil, err
	}
	return w, nil
}

// begin makes the RBD image. Of two who make one by the same name one wins.
func (w *writer) begin(c *cluster) error {
	c.keep()
	w.cluster = c
	if err := c.makeTrash(); err != nil {
		return err
	}
	if err := w.store.makeImage(c, w.name); err != nil {
		w.made = errors.Is(err, syscall.ETIMEDOUT) // perhaps
		return err
	}
	w.made = true
	img, err := c.openToWrite(w.name)
	if err != nil {
		return fmt.Errorf("the new image: %w", err)
	}
	w.image = img
	if w.id, err = img.GetId(); err != nil {
		return at("ask for the id", err)
	}
	m := c.mark()
	if err := m.set(img); err != nil {
		return err
	}
	w.mark = m
	return lock(img)
}

// makeTrash makes the RADOS object in which librbd notes each RBD image that
// it removes (librbd/api/Image.cc): a full pool takes notes there, but can't
// make the object, and would not let us remove what did not fit.
func (c *cluster) makeTrash() error {
	op := rados.CreateWriteOp()
	defer op.Release()
	op.Create(rados.CreateIdempotent)
	return at("make the pool's list of trash", op.Operate(c.pool, "rbd_trash", rados.OperationNoFlag))
}

// makeImage makes an RBD image as glance_store does: format 2, and the
// features of rbd_default_features, or layering where there are none, as
// clones need it.
func (s *Store) makeImage(c *cluster, name string) error {
	o := rbd.NewRbdImageOptions()
	defer o.Destroy()
	features, err := c.conn.GetConfigOption("rbd_default_features")
	if err != nil {
		return at("ask for rbd_default_features", err)
	}
	err = errors.Join(o.SetUint64(rbd.ImageOptionFormat, 2), o.SetUint64(rbd.ImageOptionOrder, uint64(s.opts.order())))
	if n, notNumber := strconv.ParseUint(features, 0, 64); notNumber == nil && n == 0 {
		err = errors.Join(err, o.SetUint64(rbd.ImageOptionFeatures, rbd.FeatureLayering))
	}
	if err != nil {
		return at("choose the options of the new image", err)
	}
	return at("make the image", rbd.CreateImage(c.pool, name, firstSize, o))
}

// lock takes the exclusive lock of an RBD image and does not give it to who
// asks for it. Without that feature the watch alone tells that we live.
func lock(img *rbd.Image) error {
	features, err := img.GetFeatures()
	if err != nil {
		return at("ask for the features", err)
	}
	if features&rbd.FeatureExclusiveLock == 0 {
		return nil
	}
	return at("take the exclusive lock", img.LockAcquire(rbd.LockModeExclusive))
}
