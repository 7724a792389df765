//go:build ceph

package rbd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
)

// reader reads an image; see backends.Reader.
type reader struct {
	store *Store
	told  backends.Image
	*source
}

// Open opens a complete image for reading; see backends.Store.
func (s *Store) Open(ctx context.Context, name string) (backends.Reader, error) {
	r, err := pass(ctx, s, func(c *cluster) (*reader, error) { return s.openReader(c, name) },
		func(r *reader) { r.Close() })
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (s *Store) openReader(c *cluster, name string) (*reader, error) {
	img, err := c.openComplete(name)
	if err != nil {
		return nil, err
	}
	v, err := look(img, name)
	if err != nil {
		return nil, errors.Join(err, img.Close())
	}
	info, err := img.Stat()
	if err != nil {
		return nil, errors.Join(at("ask for the size of the objects", err), img.Close())
	}
	src := s.sources.add(&source{
		key:    v.Incarnation,
		id:     v.id,
		object: int64(info.Obj_size),
		header: "rbd_header." + v.id,
		snap:   fmt.Sprintf("snapshot_%016x", v.snap),
	})
	s.sources.setOpen(src, newOpened(c, img))
	return &reader{store: s, told: v.Image, source: src}, nil
}

func (r *reader) Image() backends.Image { return r.told }

// BlockSize makes that the image is read ahead; see backends.BlockReader.
func (r *reader) BlockSize() int64 { return r.object }

func (r *reader) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off >= r.told.Size {
		return 0, nil
	}
	p = p[:min(int64(len(p)), r.told.Size-off)]
	return backends.Pass(ctx, r.store.gate, func() (int, error) {
		o, err := r.store.enterSource(r.source)
		if err != nil {
			return 0, err
		}
		defer r.store.sources.leave(r.source, o)
		n, err := r.read(o, p, off)
		return n, o.cluster.classify(err)
	}, nil)
}

// enterSource returns the open RBD image of a source, which it opens again if
// the connection was lost.
func (s *Store) enterSource(src *source) (*opened, error) {
	if o := s.sources.enter(src); o != nil {
		return o, nil
	}
	c, err := s.link.enter()
	if err != nil {
		return nil, err
	}
	defer c.leave()
	img, err := rbd.OpenImageByIdReadOnly(c.pool, src.id, rbd.NoSnapshot)
	if img, err = c.openedAt(snapName, img, err); err != nil {
		return nil, c.classify(err)
	}
	s.sources.setOpen(src, newOpened(c, img))
	if o := s.sources.enter(src); o != nil {
		return o, nil
	}
	return nil, fs.ErrClosed
}

// read reads all of p. Of an RBD image that was deleted, the objects that are
// gone read as zeros; as they go only after the snapshot has, zeros are
// believed if it is still there afterwards.
func (src *source) read(o *opened, p []byte, off int64) (int, error) {
	n, err := o.image.ReadAt(p, off)
	if n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return n, at(fmt.Sprintf("read %d bytes at %d", len(p), off), err)
	}
	if src.hasEmptyObject(p, off) {
		return n, src.checkSnap(o)
	}
	return n, nil
}

// hasEmptyObject tells whether what was read of one of the objects is all
// zeros.
func (src *source) hasEmptyObject(p []byte, off int64) bool {
	for len(p) > 0 {
		n := min(int64(len(p)), src.object-off%src.object)
		if backends.IsZero(p[:n]) {
			return true
		}
		p, off = p[n:], off+n
	}
	return false
}

// checkSnap tells whether the snapshot is still there. librbd does not notice
// in an RBD image that does not watch itself.
func (src *source) checkSnap(o *opened) error {
	values, err := o.cluster.pool.GetOmapValues(src.header, "", src.snap, 1)
	if err = at("look for the snapshot", err); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(values) == 0 {
		return fmt.Errorf("it was deleted while it was open: %w", fs.ErrNotExist)
	}
	return nil
}

func (r *reader) Close() error {
	r.store.sources.drop(r.source)
	return nil
}
