//go:build ceph

package rbd

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
)

const (
	// pieceSize is how many bytes are written at once, at most an object.
	// The OSD needs less time for few large ones: with 4 MiB an add takes
	// 3.6 s a GiB where it takes 4.3 s with 1 MiB.
	pieceSize = 4 << 20

	// writes is how many pieces are on their way at once. Four are no faster.
	writes = 2

	// growObjects bounds how many objects an RBD image may be too large:
	// without an object map cutting it to its size takes one request each.
	growObjects = 1024
)

// errEnded is what a Writer says after Commit or Abort.
var errEnded = errors.New("the add has ended")

// writer is an add under way.
type writer struct {
	store *Store
	name  string

	// busy is read-locked by each call of librbd on image, and locked for
	// good by who closes that.
	busy    sync.RWMutex
	stage   atomic.Int32
	cluster *cluster
	image   *rbd.Image // nil: not open yet
	id      string
	made    bool // there is an RBD image, perhaps
	mark    mark // of the RBD image, which may have none when this is zero

	size  int64  // of the RBD image
	next  int64  // bytes that came
	piece []byte // the last of them, not sent yet
	sent  int64  // where piece begins

	free  chan []byte    // buffers for pieces: what is not here is piece, or being written
	group sync.WaitGroup // writes under way
	fault atomic.Pointer[error]

	release  sync.Once
	released chan struct{} // closed when nothing is left
}

func (s *Store) newWriter(name string) *writer {
	w := &writer{
		store:    s,
		name:     name,
		size:     firstSize,
		free:     make(chan []byte, writes+1),
		released: make(chan struct{}),
	}
	for range cap(w.free) {
		w.free <- nil // made when it is needed
	}
	return w
}

func (w *writer) Append(ctx context.Context, c backends.Chunk) error {
	for data := c.Data; len(data) > 0; {
		if err := w.failed(ctx); err != nil {
			return err
		}
		if err := w.nextPiece(ctx); err != nil {
			return err
		}
		n := min(len(data), cap(w.piece)-len(w.piece))
		w.piece = append(w.piece, data[:n]...)
		w.next += int64(n)
		data = data[n:]
		if len(w.piece) == cap(w.piece) {
			if err := w.sendPiece(ctx); err != nil {
				return err
			}
		}
	}
	return w.failed(ctx)
}

// nextPiece sees to it that there is a piece to fill. It waits for a buffer.
func (w *writer) nextPiece(ctx context.Context) error {
	if w.piece != nil {
		return nil
	}
	select {
	case w.piece = <-w.free:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if w.piece == nil {
		w.piece = make([]byte, 0, min(pieceSize, 1<<w.store.opts.order()))
	}
	return nil
}

// failed returns why the add can't go on.
func (w *writer) failed(ctx context.Context) error {
	switch err := w.fault.Load(); {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case w.stage.Load() != underWay:
		return errEnded
	case err != nil:
		return *err
	}
	return nil
}

// sendPiece has the piece written behind: all bytes that came have been sent
// then.
func (w *writer) sendPiece(ctx context.Context) error {
	piece, off := w.piece, w.sent
	w.piece, w.sent = nil, w.next
	if w.store.opts.Thin && backends.IsZero(piece) {
		w.free <- piece[:0]
		return nil
	}
	if err := w.grow(ctx); err != nil {
		w.free <- piece[:0]
		return err
	}
	w.group.Go(func() {
		err := w.call(context.Background(), func() error {
			_, err := w.image.WriteAt(piece, off)
			return at("write", err)
		})
		if err != nil {
			w.fault.CompareAndSwap(nil, &err)
		}
		w.free <- piece[:0]
	})
	return nil
}

// grow makes the RBD image large enough for all bytes that came.
func (w *writer) grow(ctx context.Context) error {
	if w.next <= w.size {
		return nil
	}
	size := grown(w.size, w.next, w.store.opts.order())
	err := w.call(ctx, func() error { return at("resize", w.image.Resize(uint64(size))) })
	if err == nil {
		w.size = size
	}
	return err
}

// grown is the next size of an RBD image that has size bytes and needs more:
// twice as many, but at most growObjects of 1<<order bytes beyond.
func grown(size, need int64, order int) int64 {
	return max(size+min(size, growObjects<<order), need)
}

// call runs a call on the RBD image in the store's gate.
func (w *writer) call(ctx context.Context, fn func() error) error {
	return w.store.gate.Do(ctx, func() error {
		if !w.busy.TryRLock() {
			return errEnded
		}
		defer w.busy.RUnlock()
		return w.cluster.classify(fn())
	})
}
