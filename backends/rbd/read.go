//go:build ceph

package rbd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
)

// readers holds the images that are open for reading: one RBD image for all
// readers of an incarnation.
type readers struct {
	mu   sync.Mutex // guards the rest, and shared.users
	open map[readerKey]*shared
}

type readerKey struct {
	cluster     *cluster
	incarnation string
}

// shared is an RBD image that is open for reading.
type shared struct {
	readerKey
	image  *rbd.Image
	object int64  // bytes of a RADOS object
	header string // the RADOS object that knows the snapshots (cls_rbd.cc)
	snap   string // the snapshot's key in its omap
	users  int    // readers, and reads under way; 0: closed
}

// reader reads an image; see backends.Reader.
type reader struct {
	store *Store
	told  backends.Image
	*shared
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
	sh := s.readers.share(&shared{
		readerKey: readerKey{c, v.Incarnation},
		image:     img,
		object:    int64(info.Obj_size),
		header:    "rbd_header." + v.id,
		snap:      fmt.Sprintf("snapshot_%016x", v.snap),
	})
	return &reader{store: s, told: v.Image, shared: sh}, nil
}

// share returns what all readers of an incarnation share: sh, or what they
// have already; then it closes sh.
func (r *readers) share(sh *shared) *shared {
	r.mu.Lock()
	old := r.open[sh.readerKey]
	if old == nil {
		old = sh
		r.open[sh.readerKey] = sh
		sh.cluster.keep()
	}
	old.users++
	r.mu.Unlock()
	if old != sh {
		sh.image.Close() // nothing was written
	}
	return old
}

// take makes an RBD image stay open until another drop; false: it is closed.
func (r *readers) take(sh *shared) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sh.users == 0 {
		return false
	}
	sh.users++
	return true
}

// drop gives back what share or take gave, and closes what has no user.
func (r *readers) drop(sh *shared) error {
	r.mu.Lock()
	sh.users--
	unused := sh.users == 0
	if unused {
		delete(r.open, sh.readerKey)
	}
	r.mu.Unlock()
	if !unused {
		return nil
	}
	defer sh.cluster.leave()
	return at("close", sh.image.Close())
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
		if !r.store.readers.take(r.shared) {
			return 0, fs.ErrClosed
		}
		defer r.store.readers.drop(r.shared)
		n, err := r.read(p, off)
		return n, r.cluster.classify(err)
	}, nil)
}

// read reads all of p. Of an RBD image that was deleted, the objects that are
// gone read as zeros; as they go only after the snapshot has, zeros are
// believed if it is still there afterwards.
func (sh *shared) read(p []byte, off int64) (int, error) {
	n, err := sh.image.ReadAt(p, off)
	if n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return n, at(fmt.Sprintf("read %d bytes at %d", len(p), off), err)
	}
	if sh.hasEmptyObject(p, off) {
		return n, sh.checkSnap()
	}
	return n, nil
}

// hasEmptyObject tells whether what was read of one of the objects is all
// zeros.
func (sh *shared) hasEmptyObject(p []byte, off int64) bool {
	for len(p) > 0 {
		n := min(int64(len(p)), sh.object-off%sh.object)
		if backends.IsZero(p[:n]) {
			return true
		}
		p, off = p[n:], off+n
	}
	return false
}

// checkSnap tells whether the snapshot is still there. librbd does not notice
// in an RBD image that does not watch itself.
func (sh *shared) checkSnap() error {
	values, err := sh.cluster.pool.GetOmapValues(sh.header, "", sh.snap, 1)
	if err = at("look for the snapshot", err); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(values) == 0 {
		return fmt.Errorf("it was deleted while it was open: %w", fs.ErrNotExist)
	}
	return nil
}

func (r *reader) Close() error { return r.store.readers.drop(r.shared) }
