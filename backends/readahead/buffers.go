package readahead

import (
	"math/bits"
	"runtime/debug"
	"time"
)

// roomFor returns the size of the buffer for n bytes: a power of two.
func roomFor(n int64) int64 { return 1 << bits.Len64(uint64(n-1)) }

// keep is how long after its last use the memory is given back to the system.
// New memory is slow: reading 1 GiB with it takes 0.2 s more on a virtual
// machine.
const keep = time.Minute

// buffers are those of pieces that are gone, for pieces that come. (A
// sync.Pool would drop them at every collection, so the heap was twice what
// was in use, and keep the last ones for more than four minutes.)
type buffers struct {
	free  [64][]*[]byte // by the logarithm of their size
	bytes int64         // of all
	idle  *time.Timer   // calls Budget.release; nil: not started yet
}

// buffer returns a buffer for n bytes.
func (b *Budget) buffer(n int64) *[]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := roomFor(n)
	free := &b.free[bits.Len64(uint64(size))]
	if last := len(*free) - 1; last >= 0 {
		buf := (*free)[last]
		*free = (*free)[:last]
		b.bytes -= size
		return buf
	}
	if b.used+b.bytes > b.total { // they are of other sizes, and in the way
		b.forget()
	}
	buf := make([]byte, size)
	return &buf
}

// recycle takes back a buffer that nobody uses any more.
func (b *Budget) recycle(buf *[]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := int64(len(*buf))
	free := &b.free[bits.Len64(uint64(size))]
	*free = append(*free, buf)
	b.bytes += size
}

// forget leaves the buffers to the garbage collection.
func (b *buffers) forget() {
	clear(b.free[:])
	b.bytes = 0
}

// rest sees to it that release is called some time after the last use.
func (b *Budget) rest() {
	if b.idle == nil {
		b.idle = time.AfterFunc(keep, b.release)
		return
	}
	b.idle.Reset(keep)
}

// release gives the memory back to the system, if none is used any more.
func (b *Budget) release() {
	b.mu.Lock()
	unused := b.used == 0 // or rest will be called again
	if unused {
		b.forget()
	}
	b.mu.Unlock()
	if unused {
		debug.FreeOSMemory()
	}
}
