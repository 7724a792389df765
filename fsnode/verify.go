package fsnode

import (
	"encoding/hex"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"

	"glancefs/backends"
	"glancefs/digest"
)

// verifier hashes what a handle reads, for as long as it is read from front
// to back, and compares it at the end (verify_on_read). Its handle is direct
// I/O: through the page cache two readers share pages, requests come out of
// order, and the EIO of a read-ahead request is dropped.
type verifier struct {
	node *imageNode
	img  backends.Image

	mu  sync.Mutex // guards the rest; held while hashing, never over I/O
	sum hash.Hash  // nil: given up, or nothing to compare with
	off int64      // how far it has come
}

// newVerifier prepares for an image that was just opened. An image without a
// record has nothing to be compared with.
func newVerifier(n *imageNode, img backends.Image) *verifier {
	v := &verifier{node: n, img: img}
	if v.img.Record != nil {
		v.sum, _ = digest.New(v.img.Record.HashingAlgo) // unknown: nothing to compare with
	}
	return v
}

// next takes the bytes read at off. It is false if they end the image, and
// its digest is not the recorded one.
func (v *verifier) next(p []byte, off int64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sum == nil || len(p) == 0 {
		return true
	}
	if off != v.off {
		v.sum = nil // a jump: not front to back
		return true
	}
	v.sum.Write(p)
	v.off += int64(len(p))
	return v.compare(off)
}

// empty is next for an image without a byte, of which none will be read.
func (v *verifier) empty() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.img.Size > 0 || v.sum == nil || v.compare(0)
}

// compare is false if all has come, the last of it from off on, and its digest
// is not the recorded one.
func (v *verifier) compare(off int64) bool {
	if v.off < v.img.Size {
		return true
	}
	got := hex.EncodeToString(v.sum.Sum(nil))
	v.sum = nil
	if got == v.img.Record.Multihash {
		return true
	}
	v.node.tail.found.Store(&mismatch{off, v.img.Record.Multihash})
	v.node.store.tree.fail(&backends.Error{
		Op: "read", Store: v.node.store.in.Name(), Image: v.img.Name,
		Err: fmt.Errorf("%w: its recorded %s is %s, what was read has %s",
			backends.ErrMismatch, v.img.Record.HashingAlgo, v.img.Record.Multihash, got),
	})
	return false
}

// badTail is where the part of an image begins that can't be read any more:
// the request at which a mismatch was found. Every later read that reaches
// into it is EIO, through any handle, until the image changes and with it
// the node, or another digest is told of it.
type badTail struct{ found atomic.Pointer[mismatch] }

type mismatch struct {
	off       int64
	multihash string // the one that the image should have had
}

func (b *badTail) reaches(end int64) bool {
	m := b.found.Load()
	return m != nil && end > m.off
}

// forget forgets a mismatch with another digest than r has.
func (b *badTail) forget(r *backends.Record) {
	if m := b.found.Load(); m != nil && r != nil && r.Multihash != m.multihash {
		b.found.CompareAndSwap(m, nil)
	}
}
