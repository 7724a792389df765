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
	pieceSize = backends.ChunkSize

	// writes is how many pieces are on their way at once. Two of 4 MiB are as
	// fast, and so are eight, but take 40 MiB more.
	writes = 4

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

	slots chan struct{}  // of writes
	group sync.WaitGroup // writes under way
	fault atomic.Pointer[error]

	release  sync.Once
	released chan struct{} // closed when nothing is left
}

func (s *Store) newWriter(name string) *writer {
	return &writer{
		store:    s,
		name:     name,
		size:     firstSize,
		slots:    make(chan struct{}, writes),
		released: make(chan struct{}),
	}
}

// pieces are buffers of pieceSize.
var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

func (w *writer) Append(ctx context.Context, c backends.Chunk) error {
	data := c.Data
	for len(data) > 0 {
		if err := w.failed(ctx); err != nil {
			return err
		}
		if w.piece == nil && len(data) >= w.pieceLen() {
			// A piece as it came.
			w.next += int64(w.pieceLen())
			c.Keep()
			if err := w.send(ctx, data[:w.pieceLen()], c.Done); err != nil {
				return err
			}
			data = data[w.pieceLen():]
			continue
		}
		if w.piece == nil {
			w.piece = pieces.Get().(*[pieceSize]byte)[:0]
		}
		n := min(len(data), w.pieceLen()-len(w.piece))
		w.piece = append(w.piece, data[:n]...)
		w.next += int64(n)
		data = data[n:]
		if len(w.piece) == w.pieceLen() {
			if err := w.sendPiece(ctx); err != nil {
				return err
			}
		}
	}
	return w.failed(ctx)
}

// pieceLen is the length of all pieces but the last.
func (w *writer) pieceLen() int { return min(pieceSize, 1<<w.store.opts.order()) }

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

// sendPiece sends what has been put together.
func (w *writer) sendPiece(ctx context.Context) error {
	piece := w.piece
	w.piece = nil
	return w.send(ctx, piece, func() { pieces.Put((*[pieceSize]byte)(piece[:pieceSize])) })
}

// send has a piece written behind, all bytes that came up to its end having
// been sent, and then calls free. It waits for a slot.
func (w *writer) send(ctx context.Context, piece []byte, free func()) error {
	off := w.sent
	w.sent = w.next
	if w.store.opts.Thin && backends.IsZero(piece) {
		free()
		return nil
	}
	if err := w.grow(ctx); err != nil {
		free()
		return err
	}
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		free()
		return context.Cause(ctx)
	}
	w.group.Go(func() {
		defer free()
		defer func() { <-w.slots }()
		err := w.call(context.Background(), func() error {
			_, err := w.image.WriteAt(piece, off)
			return at("write", err)
		})
		if err != nil {
			w.fault.CompareAndSwap(nil, &err)
		}
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
