package readahead

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// idle is after what time without a read everything ahead is freed.
	idle = 5 * time.Second

	// closeWait is how long Close waits for fetches. They return soon after
	// their context is done; one that does not must not hold the caller.
	closeWait = time.Second
)

// Config is what a Reader reads.
type Config struct {
	// Fetch reads len(p) bytes at off, all of which are in the image. It is
	// called by several goroutines at once and returns soon after ctx is
	// done. When it returns an error, p may be the store's for ever.
	Fetch func(ctx context.Context, p []byte, off int64) (int, error)

	Size    int64         // of the image, in bytes
	Block   int64         // what is best fetched at once, in bytes; 256 KiB to 8 MiB, a power of two, or what is next below
	Timeout time.Duration // of one fetch ahead
	Share   *Share        // of the store
}

// Reader is one opened image. It is safe for parallel use.
type Reader struct {
	cfg     Config
	block   int64
	life    context.Context // of the fetches ahead
	fetches sync.WaitGroup  // ahead

	mu       sync.Mutex // guards the rest
	claim    claim
	runs     []*run
	pieces   []*piece // by offset; none overlaps another
	window   int64    // how far ahead it may be, in bytes: less when fetches are slow
	reads    int64    // how many there were
	reading  int      // how many are under way
	lastRead time.Time
	timer    *time.Timer // calls release; nil: nothing is ahead
	closed   bool
}

// New makes a reader, whose fetches ahead end with life, or with Close.
func New(life context.Context, cfg Config) *Reader {
	r := &Reader{
		cfg:   cfg,
		life:  life,
		block: roomFor(min(max(cfg.Block, smallest), largest)+1) / 2,
		claim: claim{share: cfg.Share},
	}
	r.window = r.most()
	return r
}

// most is how far ahead a run is at most, in bytes.
func (r *Reader) most() int64 { return parallel * r.block }

// ReadAt reads len(p) bytes at off, fewer only at the end of the image (0
// and nil beyond it). When it returns an error, p must not be used again: a
// fetch that hangs may still write to it.
func (r *Reader) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	p = p[:max(min(int64(len(p)), r.cfg.Size-off), 0)]
	if len(p) == 0 {
		return 0, nil
	}
	pieces := r.begin(off, off+int64(len(p)))
	defer r.done(pieces)
	for _, piece := range pieces {
		if at := off + int64(n); at < piece.off {
			m, err := r.fetch(ctx, p[n:n+int(piece.off-at)], at)
			if n += m; err != nil {
				return n, err
			}
		}
		m, err := r.take(ctx, piece, p[n:], off+int64(n))
		if n += m; err != nil {
			return n, err
		}
	}
	if n < len(p) {
		m, err := r.fetch(ctx, p[n:], off+int64(n))
		return n + m, err
	}
	return n, nil
}

// begin notes a read and returns the pieces with bytes of it, held until
// done.
func (r *Reader) begin(off, end int64) (held []*piece) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hold(off, end)
}

// hold is begin with mu held.
func (r *Reader) hold(off, end int64) (held []*piece) {
	r.reading++
	r.lastRead = time.Now()
	u := r.note(off, end)
	for i, _ := r.find(off); i < len(r.pieces) && r.pieces[i].off < end; i++ {
		r.pieces[i].refs++
		held = append(held, r.pieces[i])
	}
	r.advance(u)
	return held
}

// done ends what begin began. A piece that was read is freed.
func (r *Reader) done(held []*piece) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reading--
	r.lastRead = time.Now()
	for _, p := range held {
		if p.left <= 0 {
			r.dropIf(func(other *piece) bool { return other == p })
		}
		r.unref(p)
	}
}

// take copies from a piece, once it is there; if its fetch failed, it
// fetches the bytes again.
func (r *Reader) take(ctx context.Context, p *piece, dst []byte, off int64) (int, error) {
	dst = dst[:min(int64(len(dst)), p.end-off)]
	if err := p.wait(ctx); err != nil {
		return 0, err
	}
	if p.err != nil {
		return r.fetch(ctx, dst, off)
	}
	n := copy(dst, (*p.buf)[off-p.off:])
	r.took(p, int64(n))
	return n, nil
}

// wait waits for the fetch of a piece.
func (p *piece) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// took notes that n bytes of a piece were read.
func (r *Reader) took(p *piece, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.left -= n
}

// fetch fetches all of p or fails.
func (r *Reader) fetch(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := r.cfg.Fetch(ctx, p, off)
	if err == nil && n < len(p) {
		err = fmt.Errorf("%d bytes at %d instead of %d: %w", n, off, len(p), io.ErrUnexpectedEOF)
	}
	return n, err
}

// watch sees to it that release is called when the reader is idle.
func (r *Reader) watch() {
	if r.timer == nil {
		r.timer = time.AfterFunc(idle, r.release)
	}
}

// release frees everything that is ahead if nobody has read for a while, or
// looks again later.
func (r *Reader) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	wait := idle - time.Since(r.lastRead)
	if r.reading > 0 {
		wait = idle
	}
	if wait > 0 {
		r.timer.Reset(wait)
		return
	}
	r.timer = nil
	r.reset()
}

func (r *Reader) reset() {
	r.runs = nil
	r.dropIf(func(*piece) bool { return true })
}

// Close ends the fetches that are under way and frees what is ahead. No
// other call comes after.
func (r *Reader) Close() {
	r.mu.Lock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	r.reset()
	r.mu.Unlock()

	returned := make(chan struct{})
	go func() {
		r.fetches.Wait()
		close(returned)
	}()
	wait := time.NewTimer(closeWait)
	defer wait.Stop()
	select {
	case <-returned:
	case <-wait.C:
	}
}
