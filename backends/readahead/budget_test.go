package readahead_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"glancefs/backends/readahead"
)

// TestBudget: the readers of one store stay within the memory, each gets
// some, and all is given back.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 8 * mib
		share := readahead.NewBudget(total, 2*mib).Share()
		servers := make([]*server, 8)
		var wg sync.WaitGroup
		for i := range servers {
			s := newServer(16 * mib)
			servers[i] = s
			r := s.open(t, share)
			wg.Go(func() {
				for off := int64(0); off < s.size; off += 128 * kib {
					read(t, r, off, 128*kib)
					if used := share.Used(); used > total {
						t.Errorf("%d bytes in use", used)
					}
				}
			})
		}
		wg.Wait()
		for i, s := range servers {
			wantOnce(t, s)
			if s.most() < 2 {
				t.Errorf("reader %d: nothing was read ahead", i)
			}
		}
		wantUsed(t, share, 0)
	})
}

// TestFair: the memory is divided between the stores that are read, and then
// between the readers of each.
func TestFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := readahead.NewBudget(8*mib, mib)
		one, two := budget.Share(), budget.Share()
		s := newServer(64 * mib)
		s.rate = 10 * mib
		readers := []*readahead.Reader{s.open(t, one), s.open(t, one), s.open(t, two)}
		for off := int64(0); off < 16*mib; off += 128 * kib {
			for _, r := range readers {
				read(t, r, off, 128*kib)
			}
			synctest.Wait()
		}
		// A piece that is being read counts too.
		for _, part := range []struct {
			share *readahead.Share
			want  int64
		}{{one, 2 * 2 * mib}, {two, 4 * mib}} {
			if used := part.share.Used(); used < part.want-mib || used > part.want+2*mib {
				t.Errorf("%d bytes are in use, want about %d", used, part.want)
			}
		}
		for _, r := range readers {
			r.Close()
		}

		alone := s.open(t, one)
		readAll(t, alone, 0, 16*mib, 128*kib)
		synctest.Wait()
		if used := one.Used(); used < 6*mib {
			t.Errorf("a reader that is alone again has %d bytes", used)
		}
	})
}

// TestLateReader: a reader that comes when another one has all the memory
// gets its half.
func TestLateReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		share := readahead.NewBudget(8*mib, mib).Share()
		s := newServer(64 * mib)
		first, second := s.open(t, share), s.open(t, share)
		readAll(t, first, 0, 16*mib, 128*kib)
		for off := int64(0); off < 32*mib; off += 128 * kib {
			read(t, first, 16*mib+off, 128*kib)
			read(t, second, off, 128*kib)
			synctest.Wait()
		}
		both := share.Used()
		first.Close()
		used := share.Used()
		if used < 3*mib || both-used < 3*mib {
			t.Errorf("the second has %d bytes of %d", used, both)
		}
	})
}

// TestSmallShare: who may have little has smaller pieces, not fewer.
func TestSmallShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(16 * mib)
		r := s.open(t, readahead.NewBudget(2*mib, mib).Share())
		readAll(t, r, 0, s.size, 128*kib)
		if s.most() < 4 {
			t.Errorf("at most %d requests in flight", s.most())
		}
	})
}

// TestFloor: readers that hang in one store, with all the memory in use, do
// not keep another store from reading ahead.
func TestFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := readahead.NewBudget(16*mib, 4*mib)
		dead, good := budget.Share(), budget.Share()
		s := newServer(64 * mib)
		s.fault = func(ctx context.Context, q request) (int, error, bool) {
			if q.off < 4*mib || q.size() == mib {
				return 0, nil, false
			}
			<-ctx.Done()
			return 0, ctx.Err(), true
		}
		for range 100 {
			r := s.open(t, dead)
			for off := range int64(6) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				_, _ = r.ReadAt(ctx, make([]byte, mib), off*mib)
				cancel()
			}
		}
		if used := dead.Used(); used < 14*mib || used > 16*mib {
			t.Errorf("the store that hangs has %d bytes", used)
		}
		start := time.Now()
		alive := newServer(16 * mib)
		r := alive.open(t, good)
		var most int64
		for off := int64(0); off < alive.size; off += 128 * kib {
			read(t, r, off, 128*kib)
			most = max(most, good.Used())
		}
		wantOnce(t, alive)
		if alive.most() < 4 || most < 3*mib || most > 4*mib {
			t.Errorf("the other one had %d requests in flight and %d bytes", alive.most(), most)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("and took %v", took)
		}
	})
}

// TestGivenBack: buffers are used again, and when nothing is read any more the
// system gets them.
func TestGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random()
		debug.FreeOSMemory()
		before := heap()
		s := newServer(256 * mib)
		r := s.open(t, newShare())
		readAll(t, r, 0, s.size, mib)
		synctest.Wait()
		if made := heap().TotalAlloc - before.TotalAlloc; made > 48*mib {
			t.Errorf("%d bytes were allocated to read %d with 8 MiB ahead", made, s.size)
		}
		time.Sleep(70 * time.Second)
		if left := int64(heap().HeapAlloc - before.HeapAlloc); left > mib {
			t.Errorf("%d bytes are still in use", left)
		}
		if kept := heap(); kept.HeapIdle-kept.HeapReleased > 6*mib {
			t.Errorf("%d bytes are idle and not given back", kept.HeapIdle-kept.HeapReleased)
		}
		readAll(t, r, 0, 16*mib, 128*kib) // it can go on
	})
}

// TestSizes: the buffers that wait for another use count, too: all are within
// the memory, whatever their sizes.
func TestSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 16 * mib
		share := readahead.NewBudget(total, mib).Share()
		runtime.GC()
		before := heap()
		for _, block := range []int64{256 * kib, 512 * kib, mib, 2 * mib, 4 * mib} {
			var readers []*readahead.Reader
			for range total / (4 * block) {
				s := newServer(64 * mib)
				s.block = block
				r := s.open(t, share)
				readAll(t, r, 0, 32*mib, 128*kib)
				readers = append(readers, r)
			}
			synctest.Wait()
			runtime.GC()
			if held := int64(heap().HeapAlloc - before.HeapAlloc); held > total+mib {
				t.Errorf("%d bytes after blocks of %d", held, block)
			}
			for _, r := range readers {
				r.Close()
			}
		}
	})
}

// heap tells about the heap.
func heap() (m runtime.MemStats) {
	runtime.ReadMemStats(&m)
	return m
}
