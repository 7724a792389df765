package digest

import (
	"encoding/hex"
	"hash"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// depth is how many pieces wait in front of each hash. It evens out what the
// writer's pace and the scheduler do to it: with md5 and sha512 on two cores
// 1 MiB pieces run at the same speed for 2, 4 and 8, but 64 KiB pieces at
// 540 MB/s for 2, at 700 for 4, and at 720 for 8; more only costs memory.
const depth = 4

// alone is how long a piece may be, in bytes, to be hashed by Sums itself if
// it is the only one: goroutines would cost more than they save. An add of
// 64 KiB through a mount takes 2.3 ms with them and 2.16 without, and the
// daemon 0.2 ms less of CPU time.
const alone = 128 << 10

// turn is how many bytes a hash computes before it lets other goroutines run,
// which takes 0.4 ms. The scheduler itself takes it off the processor after 10
// ms: beside four adds on two processors half of the lookups then take 4 ms
// instead of 1, 1 % of them 30 instead of 9. With 128 KiB they are no shorter,
// and a turn beside an idle processor costs 35 us.
const turn = 256 << 10

// Stream computes several digests of one stream of bytes, each hash on a
// goroutine of its own (md5 and sha512 share one where that is faster, see
// pair), so that it runs as fast as its slowest hash. One goroutine at a time
// calls Write and Sums; Stop may come from any.
type Stream struct {
	lanes   []*lane
	running sync.WaitGroup
	sums    map[string]string // what Sums returned

	stopped  chan struct{} // closed by Stop
	stopOnce sync.Once

	mu      sync.Mutex // guards the rest; held over a Write's sends, so that end closes no lane under them
	first   *piece     // the first one, which may stay alone: no lane has it yet
	started bool       // the lanes run
	ended   bool       // their channels are closed
}

// lane is one hash, or a pair, and the pieces on their way to it.
type lane struct {
	writer io.Writer            // of the hashes
	hashes map[string]hash.Hash // by algorithm
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
	md5, sha512 := hashes["md5"], hashes["sha512"]
	together := md5 != nil && sha512 != nil && pairsFit()
	if together {
		s.add(&pair{md5: md5, sha512: sha512}, map[string]hash.Hash{"md5": md5, "sha512": sha512})
	}
	for algo, h := range hashes {
		if !together || h != md5 && h != sha512 {
			s.add(h, map[string]hash.Hash{algo: h})
		}
	}
	return s
}

// add adds a lane for hashes that w writes.
func (s *Stream) add(w io.Writer, hashes map[string]hash.Hash) {
	s.lanes = append(s.lanes, &lane{writer: w, hashes: hashes, pieces: make(chan *piece, depth)})
}

// start starts the lanes. The caller holds mu.
func (s *Stream) start() {
	s.started = true
	for _, l := range s.lanes {
		s.running.Go(func() { s.run(l) })
		if s.first != nil {
			l.pieces <- s.first // there is room
		}
	}
	s.first = nil
}

// run hashes the pieces of a lane until end closes it. After Stop it only
// lets go of those that are left.
func (s *Stream) run(l *lane) {
	for p := range l.pieces {
		s.hash(l, p)
	}
}

// hash hashes a piece, and lets others run in between.
func (s *Stream) hash(l *lane, p *piece) {
	for part := range slices.Chunk(p.p, turn) {
		if s.isStopped() {
			break
		}
		l.writer.Write(part) // hash.Hash: never returns an error
		runtime.Gosched()
	}
	p.release(1)
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
	switch {
	case s.ended:
		return 0
	case !s.started && s.first == nil && len(p.p) <= alone:
		s.first = p
		return len(s.lanes)
	case !s.started:
		s.start()
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
	if only := s.end(); only != nil {
		for _, l := range s.lanes {
			s.hash(l, only)
		}
	}
	s.running.Wait()
	if s.isStopped() {
		return nil
	}
	s.sums = make(map[string]string, len(s.lanes))
	for _, l := range s.lanes {
		for algo, h := range l.hashes {
			s.sums[algo] = hex.EncodeToString(h.Sum(nil))
		}
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
	if only := s.end(); only != nil {
		only.release(len(s.lanes))
	}
}

func (s *Stream) isStopped() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}

// end closes the lanes; their goroutines end when they are empty. It returns
// the piece that no lane has got.
func (s *Stream) end() (only *piece) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	s.ended = true
	for _, l := range s.lanes {
		close(l.pieces)
	}
	only, s.first = s.first, nil
	return only
}
