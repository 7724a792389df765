package digest

import (
	"encoding/hex"
	"hash"
	"sync"
	"sync/atomic"
)

// depth is how many pieces wait in front of each hash. It evens out what the
// writer's pace and the scheduler do to it: with md5 and sha512 on two cores
// 1 MiB pieces run at the same speed for 2, 4 and 8, but 64 KiB pieces at
// 540 MB/s for 2, at 700 for 4, and at 720 for 8; more only costs memory.
const depth = 4

// Stream computes several digests of one stream of bytes, each hash on a
// goroutine of its own, so that it runs as fast as its slowest hash. One
// goroutine at a time calls Write and Sums; Stop may come from any.
type Stream struct {
	lanes   []*lane
	running sync.WaitGroup
	sums    map[string]string // what Sums returned

	stopped  chan struct{} // closed by Stop
	stopOnce sync.Once

	mu    sync.Mutex // held over a Write's sends, so that end closes no lane under them
	ended bool       // the lanes' channels are closed
}

// lane is one hash and the pieces on their way to it.
type lane struct {
	algo   string
	hash   hash.Hash
	pieces chan *piece
}

// piece is one Write, shared by all lanes.
type piece struct {
	p       []byte
	done    func()
	holders atomic.Int32 // the lanes that still need p, and the Write while it hands it out
}

// release takes n holders off; without any, p is the caller's again.
func (p *piece) release(n int) {
	if p.holders.Add(int32(-n)) == 0 && p.done != nil {
		p.done()
	}
}

// NewStream starts a stream with a hash for each algorithm; an algorithm that
// is named twice is computed once. The error, for a name that New refuses, is
// ErrUnknown, and nothing is started then. A stream ends with Sums or Stop.
func NewStream(algos ...string) (*Stream, error) {
	hashes := make(map[string]hash.Hash, len(algos))
	for _, algo := range algos {
		h, err := New(algo)
		if err != nil {
			return nil, err
		}
		hashes[algo] = h
	}
	return newStream(hashes), nil
}

func newStream(hashes map[string]hash.Hash) *Stream {
	s := &Stream{stopped: make(chan struct{})}
	for algo, h := range hashes {
		l := &lane{algo: algo, hash: h, pieces: make(chan *piece, depth)}
		s.lanes = append(s.lanes, l)
		s.running.Go(func() { s.run(l) })
	}
	return s
}

// run hashes the pieces of a lane until end closes it. After Stop it only
// lets go of those that are left.
func (s *Stream) run(l *lane) {
	for p := range l.pieces {
		if !s.isStopped() {
			l.hash.Write(p.p) // hash.Hash: never returns an error
		}
		p.release(1)
	}
}

// Write appends p to the stream. All hashes read p itself, no copy of it, so
// it must not change until done is called: exactly once, as soon as no hash
// needs p any more, on a hash's goroutine or before Write returns; at once if
// the stream was stopped or has given its sums. done may call Stop, but must
// not wait for the stream. It may be nil for bytes that never change, such as
// a page of zeros.
//
// Write waits while depth pieces lie before the slowest hash; Stop ends the
// wait. A stream so holds at most depth+2 pieces: those, the one being hashed
// and the one being written.
func (s *Stream) Write(p []byte, done func()) {
	pc := &piece{p: p, done: done}
	pc.holders.Store(int32(len(s.lanes) + 1))
	sent := s.send(pc)
	pc.release(len(s.lanes) - sent + 1)
}

// send hands the piece to the lanes, and returns how many got it: all, or
// fewer if the stream ended.
func (s *Stream) send(p *piece) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return 0
	}
	for i, l := range s.lanes {
		select {
		case l.pieces <- p:
		case <-s.stopped:
			return i
		}
	}
	return len(s.lanes)
}

// Sums waits until everything written is hashed, ends the stream, and returns
// the digests in lower-case hex by algorithm. Every further call returns the
// same map. If Stop came first it returns nil.
func (s *Stream) Sums() map[string]string {
	if s.sums != nil {
		return s.sums
	}
	s.end()
	s.running.Wait()
	if s.isStopped() {
		return nil
	}
	s.sums = make(map[string]string, len(s.lanes))
	for _, l := range s.lanes {
		s.sums[l.algo] = hex.EncodeToString(l.hash.Sum(nil))
	}
	return s.sums
}

// Stop abandons the stream: a Write or Sums that waits returns, the hashes
// end, and done is called for every piece that was written. It does not wait
// for that: a hash in the middle of a piece finishes it first. Stop may be
// called any number of times, at any time and from any goroutine; after Sums
// it does nothing.
func (s *Stream) Stop() {
	s.stopOnce.Do(func() { close(s.stopped) })
	s.end()
}

func (s *Stream) isStopped() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}

// end closes the lanes; their goroutines end when they are empty.
func (s *Stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	for _, l := range s.lanes {
		close(l.pieces)
	}
}
