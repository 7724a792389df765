package backends

import (
	"bytes"
	"sync"
	"sync/atomic"
)

// ChunkSize is the size of the buffers in which an image travels, in bytes:
// the largest FUSE request.
const ChunkSize = 1 << 20

// Chunk is a piece of an image on its way into a store. Its bytes are shared
// with the hashes and never change.
type Chunk struct {
	Data []byte
	buf  *buffer // nil: the bytes are nobody's (zeros, tests)
}

// Keep lets a driver hold on to c.Data after Append has returned, until Done.
func (c Chunk) Keep() {
	if c.buf != nil {
		c.buf.refs.Add(1)
	}
}

// Done gives back what Keep held.
func (c Chunk) Done() {
	if c.buf != nil {
		c.buf.unref()
	}
}

// buffer is a pooled ChunkSize buffer with a count of its users.
type buffer struct {
	data []byte
	refs atomic.Int32
}

var bufferPool = sync.Pool{New: func() any { return &buffer{data: make([]byte, ChunkSize)} }}

// newBuffer returns an empty buffer with one reference, the caller's.
func newBuffer() *buffer {
	b := bufferPool.Get().(*buffer)
	b.data = b.data[:0]
	b.refs.Store(1)
	return b
}

func (b *buffer) unref() {
	if b.refs.Add(-1) == 0 {
		bufferPool.Put(b)
	}
}

// zeros is what a gap is made of.
var zeros [ChunkSize]byte

// IsZero tells whether p holds nothing but zeros.
func IsZero(p []byte) bool {
	for len(p) > len(zeros) {
		if !bytes.Equal(p[:len(zeros)], zeros[:]) {
			return false
		}
		p = p[len(zeros):]
	}
	return bytes.Equal(p, zeros[:len(p)])
}
