package readahead_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"glancefs/backends/readahead"
)

// view reads and wants to get it from where it was fetched to.
func view(t *testing.T, r *readahead.Reader, length, off int64) (p []byte, done func()) {
	t.Helper()
	p, done, err := r.View(t.Context(), length, off)
	if err != nil || p == nil {
		t.Fatalf("view of %d at %d: %d bytes, %v", length, off, len(p), err)
	}
	return p, done
}

// TestView: the bytes of a view stay until its end, whatever is read
// meanwhile and after the reader was closed, and so long they are in use.
func TestView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, share := newServer(32*mib), newShare()
		r := s.open(t, share)
		readAll(t, r, 0, 16*mib, 128*kib)
		p, done := view(t, r, mib, 16*mib)
		rest, doneRest := view(t, r, mib, 17*mib) // of the same piece
		readAll(t, r, 18*mib, 32*mib, 128*kib)
		wantUsed(t, share, 2*mib)
		r.Close()
		other := s.open(t, share)
		readAll(t, other, 0, 16*mib, 128*kib)
		other.Close()
		wantUsed(t, share, 2*mib)
		if !bytes.Equal(p, random()[16*mib:17*mib]) || !bytes.Equal(rest, random()[17*mib:18*mib]) {
			t.Error("the bytes have changed")
		}
		done()
		wantUsed(t, share, 2*mib)
		doneRest()
		wantUsed(t, share, 0)
	})
}

// TestNoView: what is not in one piece has no view, and asking for it leaves
// no trace.
func TestNoView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(32 * mib)
		r := s.open(t, newShare())
		readAll(t, r, 0, 8*mib, 128*kib)
		synctest.Wait()
		before, _ := s.asked()
		for _, c := range []struct{ length, off int64 }{
			{mib, 0},           // it was read
			{2 * mib, 9 * mib}, // two pieces have it
			{mib, 31 * mib},    // not there yet
			{mib, 32 * mib},    // beyond the end
			{mib, 1 << 40}, {mib, -1},
			{0, 8*mib + 1},
		} {
			if p, _, err := r.View(t.Context(), c.length, c.off); p != nil || err != nil {
				t.Errorf("view of %d at %d: %d bytes, %v", c.length, c.off, len(p), err)
			}
		}
		synctest.Wait()
		if after, _ := s.asked(); len(after) > len(before) {
			t.Errorf("asked for %v", after[len(before):])
		}
	})
}

// TestViewFails: what a view waits for in vain is fetched again, for that
// view; if it fails again, that is the error, and nothing stays in use.
func TestViewFails(t *testing.T) {
	for _, again := range []error{nil, errBroken} {
		synctest.Test(t, func(t *testing.T) {
			s, share := newServer(32*mib), newShare()
			s.fault = func(_ context.Context, q request) (int, error, bool) {
				if q.off < 2*mib {
					return 0, nil, false
				}
				time.Sleep(time.Second)
				return 0, errBroken, again != nil || q.size() != 64*kib
			}
			r := s.open(t, share)
			readAll(t, r, 0, 2*mib, 128*kib)
			p, done, err := r.View(t.Context(), 64*kib, 2*mib)
			if !errors.Is(err, again) {
				t.Fatalf("error %v, want %v", err, again)
			}
			if err == nil {
				if !bytes.Equal(p, random()[2*mib:2*mib+64*kib]) {
					t.Error("wrong bytes")
				}
				done()
			}
			synctest.Wait()
			wantUsed(t, share, 0)
		})
	}
}
