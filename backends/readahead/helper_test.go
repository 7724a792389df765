package readahead_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"glancefs/backends/readahead"
)

const (
	kib = 1 << 10
	mib = 1 << 20

	block   = 2 * mib
	timeout = 10 * time.Second
)

// random is the bytes of every image, again and again.
var random = sync.OnceValue(func() []byte {
	data := make([]byte, 64*mib)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
})

// request is one fetch.
type request struct{ off, end int64 }

func (q request) size() int64 { return q.end - q.off }

// server is a store with one image.
type server struct {
	size  int64
	block int64 // what is best fetched at once

	mu      sync.Mutex // guards the rest
	latency time.Duration
	rate    int64 // bytes a second of one request; 0: endless

	// fault answers a request in the server's place, if it says so.
	fault func(ctx context.Context, q request) (n int, err error, did bool)

	requests []request
	flying   int // requests in flight
	peak     int // of them
}

// change changes how the server answers from now on.
func (s *server) change(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *server) fetch(ctx context.Context, p []byte, off int64) (int, error) {
	q := request{off, off + int64(len(p))}
	s.mu.Lock()
	s.requests = append(s.requests, q)
	s.flying++
	s.peak = max(s.peak, s.flying)
	fault, took := s.fault, s.latency
	if s.rate > 0 {
		took += time.Duration(q.size() * int64(time.Second) / s.rate)
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.flying--
		s.mu.Unlock()
	}()
	if fault != nil {
		if n, err, did := fault(ctx, q); did {
			if err != nil {
				scribble(p, 50)
			}
			return n, err
		}
	}
	wait := time.NewTimer(took)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	return copy(p, random()[off%(64*mib):]), nil
}

// scribble writes to the buffer of a read that has failed, as a store may
// that did not notice.
func scribble(p []byte, times int) {
	if clear(p); times > 0 {
		time.AfterFunc(time.Millisecond/2, func() { scribble(p, times-1) })
	}
}

// asked returns the requests so far and how many bytes they asked for.
func (s *server) asked() (requests []request, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.requests {
		total += q.size()
	}
	return append(requests, s.requests...), total
}

// inFlight returns how many requests are in flight.
func (s *server) inFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flying
}

// most returns how many were at once.
func (s *server) most() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peak
}

// largest returns the largest request that was made.
func (s *server) largest() (n int64) {
	requests, _ := s.asked()
	for _, q := range requests {
		n = max(n, q.size())
	}
	return n
}

// open opens the image, and closes it in the end.
func (s *server) open(t testing.TB, share *readahead.Share) *readahead.Reader {
	r := readahead.New(context.Background(), readahead.Config{
		Fetch: s.fetch, Size: s.size, Block: s.block, Timeout: timeout, Share: share,
	})
	t.Cleanup(r.Close)
	return r
}

// newServer makes a server of an image of size bytes, one millisecond away.
func newServer(size int64) *server {
	return &server{size: size, block: block, latency: time.Millisecond}
}

// newShare makes the share of a store that is alone, with memory enough.
func newShare() *readahead.Share { return readahead.NewBudget(64*mib, 16*mib).Share() }

// get reads as a mount does: what is there in one piece from where it is.
// p is the caller's to read, until done.
func get(ctx context.Context, r *readahead.Reader, length, off int64) (p []byte, done func(), err error) {
	if p, done, err = r.View(ctx, length, off); p != nil || err != nil {
		return p, done, err
	}
	p = make([]byte, length)
	n, err := r.ReadAt(ctx, p, off)
	return p[:n], func() {}, err
}

// read reads and checks what it got.
func read(t testing.TB, r *readahead.Reader, off, length int64) {
	t.Helper()
	from := off % (64 * mib)
	p, done, err := get(context.Background(), r, length, off)
	if err == nil {
		defer done()
	}
	if err != nil || int64(len(p)) != length {
		t.Errorf("read of %d at %d: %d, %v", length, off, len(p), err)
	} else if !bytes.Equal(p, random()[from:from+length]) {
		t.Errorf("read of %d at %d: wrong bytes", length, off)
	}
}

// readAll reads from off to end in reads of some length.
func readAll(t testing.TB, r *readahead.Reader, off, end, length int64) {
	t.Helper()
	for ; off < end; off += length {
		read(t, r, off, min(length, end-off))
	}
}

// wantOnce checks that requests cover 0 to size, no byte twice.
func wantOnce(t *testing.T, s *server) {
	t.Helper()
	requests, total := s.asked()
	seen := make(map[int64]request)
	for _, q := range requests {
		seen[q.off] = q
	}
	at := int64(0)
	for at < s.size {
		q, ok := seen[at]
		if !ok {
			t.Errorf("of %d bytes, %d were asked for; none of the requests begins at %d", s.size, total, at)
			return
		}
		at = q.end
	}
	if total != s.size {
		t.Errorf("%d bytes were asked for, the image has %d", total, s.size)
	}
}

// wantUsed checks what memory is in use when all that goes on behind the reads
// has come to rest: the fetch of a piece gives up its part of that after its
// bytes were read, perhaps.
func wantUsed(t *testing.T, share *readahead.Share, want int64) {
	t.Helper()
	synctest.Wait()
	if got := share.Used(); got != want {
		t.Errorf("%d bytes of memory are in use, want %d", got, want)
	}
}
