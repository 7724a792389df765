package readahead

import (
	"context"
	"slices"
	"time"
)

const (
	// smallest is the least that is fetched ahead at once, in bytes. A
	// request costs a round trip; with less it would cost more than its
	// bytes.
	smallest = 256 << 10

	// largest is the most, in bytes: Glance's objects in Ceph. An rbd image
	// may have objects of 32 MiB, of which four would be the whole budget.
	largest = 8 << 20

	// parallel is how many requests of one run are under way at once: what
	// saturates one stream (see the package's comment).
	parallel = 4

	// slow is how long a fetch takes when more at once would not help: not
	// the round trip is the bound, but the bandwidth.
	slow = time.Second
)

// piece is a part of the image that was or is being fetched ahead.
type piece struct {
	run      *run
	off, end int64
	cancel   context.CancelFunc

	done chan struct{} // closed when the fetch has returned
	buf  *[]byte       // its first end-off bytes, then
	err  error         // then

	// Guarded by Reader.mu.
	left int64 // bytes that nobody has read
	refs int   // its place in the list, its fetch, the reads that want it
}

// advance starts the fetches that are due now that u has come as far as it
// has, and frees what it has passed by.
func (r *Reader) advance(u *run) {
	if !u.sequential() || r.closed {
		return
	}
	r.dropIf(func(p *piece) bool { return p.run == u && p.end+reorder*u.largest <= u.next })
	window := min(u.bytes, r.window, r.claim.fair())
	size := min(max(roomFor(window+1)/2/parallel, smallest), r.block)
	for {
		from := max(u.ahead, u.next)
		i, there := r.find(from)
		if there {
			u.ahead = r.pieces[i].end
			continue
		}
		end := min(from-from%size+size, r.cfg.Size)
		if i < len(r.pieces) {
			end = min(end, r.pieces[i].off)
		}
		if from >= end || end-u.next > window || !r.start(u, from, end, i) {
			return
		}
		u.ahead = end
	}
}

// find returns the index of the piece with the byte at off, or where one
// would have to be inserted.
func (r *Reader) find(off int64) (i int, there bool) {
	i, _ = slices.BinarySearchFunc(r.pieces, off, func(p *piece, off int64) int {
		if p.end <= off {
			return -1
		}
		return 1
	})
	return i, i < len(r.pieces) && r.pieces[i].off <= off
}

// start begins to fetch a piece, whose place in the list is i, if there is
// memory for it.
func (r *Reader) start(u *run, off, end int64, i int) bool {
	if !r.claim.take(roomFor(end - off)) {
		return false
	}
	ctx, cancel := context.WithTimeout(r.life, r.cfg.Timeout)
	p := &piece{run: u, off: off, end: end, cancel: cancel, done: make(chan struct{}), left: end - off, refs: 2}
	r.pieces = slices.Insert(r.pieces, i, p)
	r.watch()
	r.fetches.Go(func() { r.fill(ctx, p) })
	return true
}

// fill fetches a piece.
func (r *Reader) fill(ctx context.Context, p *piece) {
	defer p.cancel()
	began := time.Now()
	p.buf = r.claim.share.budget.buffer(p.end - p.off)
	_, p.err = r.fetch(ctx, (*p.buf)[:p.end-p.off], p.off)
	close(p.done)

	r.mu.Lock()
	defer r.mu.Unlock()
	if p.err != nil || time.Since(began) > slow {
		r.window = max(r.window/2, smallest)
	} else {
		r.window = min(2*r.window, r.most())
	}
	if p.err != nil {
		r.dropIf(func(other *piece) bool { return other == p })
	}
	r.unref(p)
}

// dropIf takes pieces out of the list. A fetch that is under way ends; a
// read that waits for it goes on by itself.
func (r *Reader) dropIf(drop func(*piece) bool) {
	r.pieces = slices.DeleteFunc(r.pieces, func(p *piece) bool {
		if !drop(p) {
			return false
		}
		p.cancel()
		r.unref(p)
		return true
	})
}

// unref ends a use of a piece; the last one frees it. The buffer of a fetch
// that failed may be the store's for ever.
func (r *Reader) unref(p *piece) {
	if p.refs--; p.refs > 0 {
		return
	}
	r.claim.give(roomFor(p.end - p.off))
	if p.err == nil {
		r.claim.share.budget.recycle(p.buf)
	}
}
