package http

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// streamed serves x without ranges.
func streamed(t *testing.T, size int) (*files, *Store) {
	f := &files{manners: manners{etag: `"a"`, noRanges: true}, data: map[string][]byte{"x": random(size)}}
	s, _ := newWeb(t, f.ServeHTTP)
	return f, s
}

// TestStreamWindow: requests as the kernel sends them, of up to 1 MiB and in
// any order, are answered from one body; only a jump behind the window asks
// again.
func TestStreamWindow(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		name  string
		reads []int // in MiB
		asked int
	}{
		{"in order", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, 1},
		{"out of order", []int{1, 0, 3, 2, 7, 5, 6, 4, 8, 11, 9, 10, 15, 12, 13, 14, 19, 18, 17, 16}, 1},
		{"twice", []int{0, 0, 1, 1, 0}, 1},
		{"ahead", []int{15, 16, 14, 18}, 1},
		{"far behind", []int{10, 0, 1, 2, 10}, 2},
		{"the end, and all over again", []int{19, 0, 19, 0}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, s := streamed(t, 20*mib-5)
				r := openX(t, s)
				for _, at := range test.reads {
					wantRead(t, r, f.data["x"], at*mib, mib)
				}
				asked := slices.DeleteFunc(f.requests(), func(r string) bool { return r == "HEAD x" })
				if len(asked) != test.asked {
					t.Errorf("asked %q, want %d requests", asked, test.asked)
				}
			})
		})
	}
}

// TestStreamJump: to go back, the rest of the body is not waited for.
func TestStreamJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := streamed(t, 3*window)
		r := openX(t, s)
		b := &breaker{files: f, bytes: 2*window + 1<<20, hang: true}
		b.left.Store(1)
		f.set(func() { f.manners.meddle = b.meddle })
		r.(*stream).breakOff()
		wantRead(t, r, f.data["x"], 2*window, 1000)
		begin := time.Now()
		wantRead(t, r, f.data["x"], 0, 1000)
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("waited for %v", waited)
		}
	})
}

// TestStreamTooFar: what a stream can't reach in time is an error that says
// so, and the image can be read on.
func TestStreamTooFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := streamed(t, 300_000)
		r := openX(t, s)
		b := &breaker{files: f, bytes: 1000, hang: true}
		b.left.Store(1)
		f.set(func() { f.manners.meddle = b.meddle })
		r.(*stream).breakOff()
		ctx, cancel := context.WithTimeout(t.Context(), s.stall/2)
		defer cancel()
		_, err := r.ReadAt(ctx, make([]byte, 1000), 200_000)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(errorText(err), "no ranges, and sent 1000 of") {
			t.Error(err)
		}
		wantRead(t, r, f.data["x"], 200_000, 1000)
	})
}

// TestStreamCancelled: a read whose caller goes away is over at once, also
// one that waits for another; the image can be read on.
func TestStreamCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := streamed(t, 300_000)
		r := openX(t, s)
		b := &breaker{files: f, bytes: 1000, hang: true}
		b.left.Store(1)
		f.set(func() { f.manners.meddle = b.meddle })
		r.(*stream).breakOff()
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error)
		for range 3 {
			go func() {
				_, err := r.ReadAt(ctx, make([]byte, 2000), 0)
				errs <- err
			}()
		}
		synctest.Wait()
		cancel()
		begin := time.Now()
		for range 3 {
			if err := <-errs; !errors.Is(err, context.Canceled) || time.Since(begin) != 0 {
				t.Errorf("after %v: %v", time.Since(begin), err)
			}
		}
		wantRead(t, r, f.data["x"], 0, 300_000)
	})
}

// TestStreamIdle: a stream that nobody reads is not broken off for that, and
// holds up nobody.
func TestStreamIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := streamed(t, 300_000)
		first := openX(t, s)
		wantRead(t, first, f.data["x"], 0, 1000)
		for range maxRequests {
			wantRead(t, openX(t, s), f.data["x"], 0, 1000)
		}
		f.requests()
		time.Sleep(time.Hour)
		wantRead(t, first, f.data["x"], 1000, 299_000)
		if asked := f.requests(); len(asked) != 0 {
			t.Errorf("asked again: %q", asked)
		}
	})
}

// TestStreamEnds: to close an image ends its request, and what its body has
// too much is an error.
func TestStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := streamed(t, 10<<20)
		served := make(chan struct{}, 1)
		f.manners.meddle = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet {
				f.manners.serve(w, r, f.data["x"])
				served <- struct{}{}
			}
			return r.Method == http.MethodGet
		}
		r, err := s.Open(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(served) != 0 {
			t.Fatal("all of the body was taken before anybody read")
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		<-served
	})
	synctest.Test(t, func(t *testing.T) {
		f, s := streamed(t, 1000)
		f.manners.meddle = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet {
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush() // no Content-Length
				_, _ = w.Write(append(random(1000), 0))
			}
			return r.Method == http.MethodGet
		}
		r := openX(t, s)
		for range 2 {
			n, err := r.ReadAt(t.Context(), make([]byte, 1000), 0)
			if diff := cmp.Diff("the server sends more bytes than it has announced", errorText(err)); diff != "" {
				t.Errorf("%d bytes (-want +got):\n%s", n, diff)
			}
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
