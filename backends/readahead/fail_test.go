package readahead_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"glancefs/backends/readahead"
)

var errBroken = errors.New("broken")

// TestFailedAhead: an error of a fetch ahead is nobody's. Who wants the bytes
// fetches them again; only if that fails, it is an error.
func TestFailedAhead(t *testing.T) {
	for name, answer := range map[string]struct {
		n    int
		err  error
		want error
	}{
		"error": {0, errBroken, errBroken},
		"short": {100, nil, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, share := newServer(16*mib), newShare()
				r := s.open(t, share)
				readAll(t, r, 0, mib, 128*kib)
				synctest.Wait()
				s.change(func() {
					s.fault = func(_ context.Context, q request) (int, error, bool) {
						return answer.n, answer.err, q.off >= 8*mib || q.size() > 128*kib
					}
				})
				readAll(t, r, mib, 6*mib, 128*kib)
				synctest.Wait()
				requests, _ := s.asked()
				if last := requests[len(requests)-1]; last.size() > 256*kib {
					t.Errorf("after many failures, %d bytes were asked for at once", last.size())
				}
				_, err := r.ReadAt(t.Context(), make([]byte, 4096), 12*mib)
				if !errors.Is(err, answer.want) {
					t.Errorf("error %v, want %v", err, answer.want)
				}
				s.change(func() { s.fault = nil })
				readAll(t, r, 6*mib, s.size, 128*kib)
			})
		})
	}
}

// TestHangingAhead: a fetch ahead that hangs is given up in time, and what
// waited for it fetches for itself; a caller who goes, goes at once.
func TestHangingAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(16*mib), newShare()
		s.fault = func(ctx context.Context, q request) (int, error, bool) {
			if q.off <= mib || q.size() == 128*kib {
				return 0, nil, false
			}
			<-ctx.Done()
			return 0, ctx.Err(), true
		}
		r := s.open(t, share)
		readAll(t, r, 0, mib, 128*kib)
		at := mib
		requests, _ := s.asked()
		for _, q := range requests { // the first that hangs
			if q.off > mib {
				at = int(q.off)
				break
			}
		}

		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := get(ctx, r, 128*kib, int64(at))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v, want the caller's deadline after 1 s", err, time.Since(start))
		}
		read(t, r, int64(at), 128*kib)
		if took := time.Since(start); took < timeout-time.Second || took > timeout+time.Second {
			t.Errorf("read after %v, want about %v", took, timeout)
		}
	})
}

// TestDirect: an error of a read's own fetch is the read's.
func TestDirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(mib)
		s.fault = func(context.Context, request) (int, error, bool) { return 0, errBroken, true }
		r := s.open(t, newShare())
		if _, err := r.ReadAt(t.Context(), make([]byte, 10), 0); !errors.Is(err, errBroken) {
			t.Errorf("error %v", err)
		}
		s.fault = func(_ context.Context, q request) (int, error, bool) { return int(q.size()) - 1, nil, true }
		if _, err := r.ReadAt(t.Context(), make([]byte, 10), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("error %v of a body that ends early", err)
		}
		if n, err := r.ReadAt(t.Context(), make([]byte, 10), -1); n != 0 || err == nil {
			t.Errorf("read before the image: %d, %v", n, err)
		}
	})
}

// TestEnd: reads end with the image.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, size := range []int64{0, 1, 5*mib - 1, 5 * mib, 5*mib + 1} {
			s, share := newServer(size), newShare()
			r := s.open(t, share)
			readAll(t, r, 0, size, 128*kib)
			for _, c := range []struct{ off, want int64 }{
				{size - 1, 1}, {size, 0}, {size + 1, 0}, {size + block, 0},
			} {
				if c.off < 0 {
					continue
				}
				n, err := r.ReadAt(t.Context(), make([]byte, 10), c.off)
				if err != nil || int64(n) != c.want {
					t.Errorf("size %d, at %d: %d, %v; want %d", size, c.off, n, err, c.want)
				}
			}
			requests, _ := s.asked()
			for _, q := range requests {
				if q.end > size || q.size() <= 0 {
					t.Errorf("size %d: asked for %v", size, q)
				}
			}
			wantUsed(t, share, 0)
		}
	})
}

// TestClose: the fetches under way end, all memory is given back.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(64*mib), newShare()
		r := s.open(t, share)
		readAll(t, r, 0, 8*mib, 128*kib)
		s.change(func() { s.latency = time.Minute })
		readAll(t, r, 8*mib, 10*mib, 128*kib)
		synctest.Wait()
		if s.inFlight() == 0 || share.Used() == 0 {
			t.Fatal("nothing is under way")
		}
		start := time.Now()
		r.Close()
		if s.inFlight() != 0 || time.Since(start) != 0 {
			t.Errorf("after %v, %d fetches are under way", time.Since(start), s.inFlight())
		}
		wantUsed(t, share, 0)

		before, _ := s.asked() // a read that comes too late fetches nothing ahead
		read(t, r, 10*mib, 128*kib)
		readAll(t, r, 11*mib, 12*mib, 128*kib)
		if after, _ := s.asked(); len(after)-len(before) != 9 {
			t.Errorf("9 reads after the close asked %d times", len(after)-len(before))
		}
	})
}

// TestCloseHanging: a fetch that knows no context does not hold Close, and
// its memory is in use until it returns.
func TestCloseHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(64*mib), newShare()
		s.fault = func(_ context.Context, q request) (int, error, bool) {
			if q.size() > 128*kib {
				time.Sleep(time.Minute)
			}
			return 0, nil, false
		}
		r := s.open(t, share)
		readAll(t, r, 0, 384*kib, 128*kib)
		synctest.Wait()
		start := time.Now()
		r.Close()
		if took := time.Since(start); took != time.Second {
			t.Errorf("Close took %v", took)
		}
		wantUsed(t, share, 256*kib)
		time.Sleep(time.Minute)
		wantUsed(t, share, 0)
	})
}

// TestLife: with the store's life, the fetches end.
func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(64*mib), newShare()
		life, end := context.WithCancel(t.Context())
		r := readahead.New(life, readahead.Config{Fetch: s.fetch, Size: s.size, Block: block, Timeout: timeout, Share: share})
		defer r.Close()
		readAll(t, r, 0, 8*mib, 128*kib)
		s.change(func() { s.latency = time.Minute })
		read(t, r, 8*mib, 128*kib)
		end()
		synctest.Wait()
		if s.inFlight() != 0 {
			t.Errorf("%d fetches are under way", s.inFlight())
		}
	})
}
