package readahead_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"glancefs/backends/readahead"
)

// TestSequential: an image that is read from front to back, by requests that
// come out of order as the kernel's do, is right, and no byte is asked for
// twice.
func TestSequential(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, length := range []int64{4 * kib, 100_000, 128 * kib, mib, 3 * mib} {
		for _, parallel := range []int{1, 2, 4, 8} {
			t.Run(fmt.Sprintf("%d×%d", parallel, length), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, share := newServer(24*mib+12345), newShare()
					r := s.open(t, share)
					var offsets []int64
					for off := int64(0); off < s.size; off += length {
						offsets = append(offsets, off)
					}
					for group := range slices.Chunk(offsets, parallel) {
						rnd.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
						var wg sync.WaitGroup
						for _, off := range group {
							wg.Go(func() { read(t, r, off, min(length, s.size-off)) })
						}
						wg.Wait()
					}
					wantOnce(t, s)
					if s.most() <= parallel {
						t.Errorf("nothing was read ahead: at most %d requests in flight", s.most())
					}
					wantUsed(t, share, 0)
					requests, _ := s.asked()
					for _, q := range requests {
						if q.size() > length && q.off/block != (q.end-1)/block {
							t.Errorf("a request from %d to %d is of two blocks", q.off, q.end)
						}
					}
				})
			})
		}
	}
}

// TestGrows: what is ahead grows with what was read, to four blocks in
// flight. Before, they are up to eight smaller pieces.
func TestGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(64*mib), newShare()
		s.rate = 100 * mib
		r := s.open(t, share)
		for off := int64(0); off < 32*mib; off += mib {
			read(t, r, off, mib)
			if _, asked := s.asked(); asked > 2*(off+mib) {
				t.Errorf("%d bytes asked for after %d were read", asked, off+mib)
			}
			synctest.Wait()
			if used := share.Used(); used > 6*block {
				t.Errorf("%d bytes ahead", used)
			}
		}
		if s.most() > 8 {
			t.Errorf("%d requests in flight", s.most())
		}
		s.change(func() { s.peak = 0 })
		readAll(t, r, 32*mib, s.size, mib)
		if s.most() != 4 || s.largest() != block {
			t.Errorf("at most %d requests in flight, the largest %d bytes; want 4, %d", s.most(), s.largest(), block)
		}
		wantOnce(t, s)
	})
}

// TestBlock: what is fetched at once has limits, whatever the store wants.
func TestBlock(t *testing.T) {
	for _, c := range []struct{ block, want int64 }{
		{0, 256 * kib}, {mib, mib}, {mib + 1, mib}, {2*mib - 1, mib}, {8 * mib, 8 * mib}, {32 * mib, 8 * mib},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(20 * c.want)
			s.block = c.block
			readAll(t, s.open(t, newShare()), 0, s.size, 128*kib)
			if got := s.largest(); got != c.want {
				t.Errorf("block of %d bytes: the largest request is %d, want %d", c.block, got, c.want)
			}
		})
	}
}

// TestSlow: of a store that is slow, no more is asked for than it can send
// within the deadline.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(24 * mib)
		s.rate = 150 * kib // a block takes 14 s
		r := s.open(t, newShare())
		readAll(t, r, 0, s.size, 128*kib)
		wantOnce(t, s)
	})
}

// TestRandom: random reads ask for their own bytes.
func TestRandom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(64*mib), newShare()
		r := s.open(t, share)
		rnd := rand.New(rand.NewPCG(1, 2))
		const reads = 5000
		for range reads {
			read(t, r, rnd.Int64N(s.size/4096)*4096, 4096)
		}
		if _, asked := s.asked(); asked != reads*4096 {
			t.Errorf("%d reads of 4096 bytes asked for %d bytes", reads, asked)
		}
		wantUsed(t, share, 0)
	})
}

// TestBackward: nor is anything ahead of a reader that goes backward, or of
// one that reads the same again and again.
func TestBackward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(16 * mib)
		r := s.open(t, newShare())
		for off := int64(8 * mib); off > 0; off -= mib {
			read(t, r, off, 128*kib)
		}
		s = newServer(16 * mib)
		again := s.open(t, newShare())
		for range 100 {
			read(t, again, 4*mib, 128*kib)
		}
		if s.largest() > 128*kib {
			t.Errorf("a request of %d bytes", s.largest())
		}
	})
}

// TestJump: after a jump the reads ask for their own bytes, and what was
// ahead before is freed.
func TestJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(64*mib), newShare()
		r := s.open(t, share)
		readAll(t, r, 0, 8*mib, 128*kib)
		synctest.Wait()
		if share.Used() < 4*block {
			t.Errorf("%d bytes ahead before the jump", share.Used())
		}
		before, _ := s.asked()
		read(t, r, 40*mib, 128*kib)
		synctest.Wait()
		after, _ := s.asked()
		if got := after[len(before):]; len(got) != 1 || got[0] != (request{40 * mib, 40*mib + 128*kib}) {
			t.Errorf("the jump asked for %v", got)
		}
		jump(t, r)
		wantUsed(t, share, 0)
	})
}

// jump reads so much elsewhere that a run near the start is given up.
func jump(t *testing.T, r *readahead.Reader) {
	t.Helper()
	for i := range int64(33) {
		read(t, r, (62-i)*mib, 4*kib)
	}
}

// TestJumpEnds: with the jump, the fetches that are under way end.
func TestJumpEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(64*mib), newShare()
		r := s.open(t, share)
		s.fault = hangAhead
		readAll(t, r, 0, 384*kib, 128*kib)
		synctest.Wait()
		if s.inFlight() == 0 {
			t.Error("nothing is under way")
		}
		jump(t, r)
		synctest.Wait()
		if n := s.inFlight(); n != 0 {
			t.Errorf("%d fetches are under way", n)
		}
		wantUsed(t, share, 0)
	})
}

// hangAhead is a fault: whatever is larger than 128 KiB hangs.
func hangAhead(ctx context.Context, q request) (int, error, bool) {
	if q.size() <= 128*kib {
		return 0, nil, false
	}
	<-ctx.Done()
	return 0, ctx.Err(), true
}

// TestStart: a run may begin with any of its reads.
func TestStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(16 * mib)
		r := s.open(t, newShare())
		for _, i := range []int64{3, 0, 2, 1} {
			read(t, r, 8*mib+i*128*kib, 128*kib)
		}
		synctest.Wait()
		if s.largest() <= 128*kib {
			t.Error("nothing was read ahead")
		}
	})
}

// TestSkips: what a run leaves out is freed when it has passed by.
func TestSkips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(64*mib), newShare()
		r := s.open(t, share)
		for i := range int64(48 * 8) {
			if i%4 != 3 {
				read(t, r, i*128*kib, 128*kib)
			}
		}
		synctest.Wait()
		if used := share.Used(); used < 4*block || used > 6*block {
			t.Errorf("%d bytes are in use", used)
		}
	})
}

// TestHops: however long a run was, when it hops it is none any more.
func TestHops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(64*mib), newShare()
		s.block = 256 * kib // so a run is remembered for 4 MiB
		r := s.open(t, share)
		readAll(t, r, 0, 48*mib, 128*kib)
		for off := int64(49 * mib); off < 64*mib; off += mib {
			read(t, r, off, 4*kib)
		}
		requests, _ := s.asked()
		if last := requests[len(requests)-1]; last.size() != 4*kib {
			t.Errorf("the last hop asked for %d bytes", last.size())
		}
	})
}

// TestNeighbours: a stream that runs into what another one has ahead does
// not fetch it again.
func TestNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(64*mib), newShare()
		r := s.open(t, share)
		const second = 21*mib + 256*kib
		readAll(t, r, second-mib, second, 128*kib)
		readAll(t, r, 16*mib, 24*mib, 256*kib)
		requests, _ := s.asked()
		for i, q := range requests {
			for _, other := range requests[:i] {
				if q.end > second && other.off < q.end && q.off < other.end {
					t.Errorf("%v was asked for, and %v", other, q)
				}
			}
		}
	})
}

// TestTwoStreams: two streams on one handle are both read ahead.
func TestTwoStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(64*mib), newShare()
		r := s.open(t, share)
		for off := int64(0); off < s.size/2; off += 128 * kib {
			read(t, r, off, 128*kib)
			read(t, r, s.size/2+off, 128*kib)
		}
		// The first runs into what the second has read: up to four blocks.
		requests, asked := s.asked()
		if asked > s.size+4*block {
			t.Errorf("%d bytes were asked for, the image has %d", asked, s.size)
		}
		if len(requests) > 100 {
			t.Errorf("%d requests", len(requests))
		}
	})
}

// TestIdle: a reader that does not read gives its memory back, and can go on.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(64*mib), newShare()
		r := s.open(t, share)
		readAll(t, r, 0, 4*mib, 128*kib)
		time.Sleep(4 * time.Second)
		if share.Used() == 0 {
			t.Error("nothing is ahead after 4 s")
		}
		read(t, r, 4*mib, 128*kib)
		time.Sleep(4 * time.Second)
		if share.Used() == 0 {
			t.Error("nothing is ahead 4 s after the last read")
		}
		time.Sleep(2 * time.Second)
		wantUsed(t, share, 0)
		readAll(t, r, 4*mib+128*kib, 12*mib, 128*kib)
		if s.most() < 4 {
			t.Errorf("at most %d requests in flight afterwards", s.most())
		}
		time.Sleep(6 * time.Second)
		wantUsed(t, share, 0)
	})
}
