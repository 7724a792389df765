//go:build ceph

package rbd

import (
	"context"
	"errors"
	"time"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
)

// Rename renames an image; see backends.Renamer. The record is of the RBD
// image and goes with it.
func (s *Store) Rename(ctx context.Context, oldName, newName string) error {
	if s.readOnly {
		return backends.ErrReadOnly
	}
	return s.do(ctx, func(c *cluster) error {
		img, err := c.openComplete(oldName)
		if err != nil {
			return err
		}
		defer img.Close() // nothing was written
		return at("rename", rbd.GetImage(c.pool, oldName).Rename(newName))
	})
}

// SetMtime changes an image's modification time; see backends.MtimeSetter.
func (s *Store) SetMtime(ctx context.Context, name string, mtime time.Time) error {
	return s.change(ctx, name, func(v view, img *rbd.Image) error {
		if v.Record != nil {
			r := *v.Record
			r.Mtime = mtime
			return at("write the metadata", img.SetMetadata(backends.KeyOf, r.Fields()[backends.KeyOf]))
		}
		// What there is of a record is for another snapshot, and stays of
		// no use.
		for _, key := range backends.RecordKeys {
			if err := removeMetadata(img, key); err != nil {
				return err
			}
		}
		return writeRecord(img, backends.Record{Size: v.Size, Mtime: mtime}, v.snap)
	})
}

// KeepRecord keeps a record with an image; see backends.Recorder.
func (s *Store) KeepRecord(ctx context.Context, of backends.Image, r backends.Record) error {
	return s.change(ctx, of.Name, func(v view, img *rbd.Image) error {
		if !v.SameAs(of) {
			return backends.ErrBusy
		}
		return writeRecord(img, r, v.snap)
	})
}

// change runs a change of an image's metadata.
func (s *Store) change(ctx context.Context, name string, fn func(view, *rbd.Image) error) error {
	if s.readOnly {
		return backends.ErrReadOnly
	}
	return s.do(ctx, func(c *cluster) error {
		img, err := c.openComplete(name)
		if err != nil {
			return err
		}
		v, err := look(img, name)
		img.Close() // nothing was written
		if err != nil {
			return err
		}
		return c.reopen(name, v.id, func(img *rbd.Image) error { return fn(v, img) })
	})
}

// reopen runs fn on an RBD image that is open to be changed.
func (c *cluster) reopen(name, id string, fn func(*rbd.Image) error) error {
	img, err := c.openToChange(name, id)
	if err != nil {
		return err
	}
	return errors.Join(fn(img), at("close", img.Close()))
}
