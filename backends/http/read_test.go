package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"glancefs/backends"
)

// openX opens the image x until the test ends.
func openX(t *testing.T, s *Store) backends.Reader {
	t.Helper()
	return openNamed(t, s, "x")
}

func openNamed(t *testing.T, s *Store, name string) backends.Reader {
	t.Helper()
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// wantRead reads and compares.
func wantRead(t *testing.T, r backends.Reader, data []byte, off, size int) {
	t.Helper()
	p := make([]byte, size)
	n, err := r.ReadAt(t.Context(), p, int64(off))
	want := data[min(off, len(data)):min(off+size, len(data))]
	if err != nil || !bytes.Equal(p[:n], want) {
		t.Errorf("%d bytes at %d: %d bytes, the right ones: %v; error %v", size, off, n, bytes.Equal(p[:n], want), err)
	}
}

// eachKind runs a test with a server that answers ranges, and with one that
// does not.
func eachKind(t *testing.T, m manners, run func(t *testing.T, f *files, s *Store)) {
	for _, noRanges := range []bool{false, true} {
		t.Run(fmt.Sprintf("ranges %v", !noRanges), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &files{manners: m, data: map[string][]byte{"x": random(300_000)}}
				f.manners.noRanges = noRanges
				s, _ := newWeb(t, f.ServeHTTP)
				run(t, f, s)
			})
		})
	}
}

// TestReadAt reads anywhere.
func TestReadAt(t *testing.T) {
	eachKind(t, manners{etag: `"a"`}, func(t *testing.T, f *files, s *Store) {
		data := f.data["x"]
		r := openX(t, s)
		for _, at := range [][2]int{{0, 10}, {0, 400_000}, {299_999, 10}, {300_000, 10}, {300_001, 10}, {1 << 40, 1}, {5, 0}} {
			wantRead(t, r, data, at[0], at[1])
		}
		done := make(chan struct{})
		for i := range 8 {
			go func() {
				random := mathrand.New(mathrand.NewPCG(1, uint64(i)))
				for range 20 {
					wantRead(t, r, data, random.IntN(300_001), random.IntN(100_000))
				}
				done <- struct{}{}
			}()
		}
		for range 8 {
			<-done
		}
	})
}

// TestRequestsOfReader: one request for each read, where the server answers
// ranges; to see whether it does is another one only if it does not say so.
func TestRequestsOfReader(t *testing.T) {
	for _, test := range []struct {
		manners manners
		size    int
		want    []string
	}{
		{manners{etag: `"a"`}, 1000, []string{"HEAD x", "GET x 0-9", "GET x 500-999"}},
		{manners{etag: `"a"`, silent: true}, 1000, []string{"HEAD x", "GET x 0-0", "GET x 0-9", "GET x 500-999"}},
		{manners{etag: `"a"`, noRanges: true}, 1000, []string{"HEAD x", "GET x 0-0"}},
		{manners{etag: `"a"`, noHead: 405}, 1000, []string{"HEAD x", "GET x 0-0", "GET x 0-9", "GET x 500-999"}},
		{manners{etag: `"a"`, noRanges: true}, 0, []string{"HEAD x", "GET x 0-0"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &files{manners: test.manners, data: map[string][]byte{"x": random(test.size)}}
			s, _ := newWeb(t, f.ServeHTTP)
			r := openX(t, s)
			wantRead(t, r, f.data["x"], 0, 10)
			wantRead(t, r, f.data["x"], 500, 1000)
			wantRead(t, r, f.data["x"], test.size, 10)
			if diff := cmp.Diff(test.want, f.requests()); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", test.manners, diff)
			}
		})
	}
}

// TestChanged: an image that is replaced under its reader is an error, as
// far as the server tells, whether it knows conditions or not.
func TestChanged(t *testing.T) {
	for name, test := range map[string]struct {
		before, after manners
		size          int // afterwards
	}{
		"ETag":                    {manners{etag: `"a"`}, manners{etag: `"b"`}, 300_000},
		"Last-Modified":           {manners{modified: day}, manners{modified: day.Add(time.Second)}, 300_000},
		"weak ETag alone":         {manners{etag: `W/"a"`}, manners{etag: `W/"b"`}, 300_000},
		"weak ETag, strong":       {manners{etag: `W/"a"`}, manners{etag: `"b"`}, 300_000},
		"same weak ETag":          {manners{etag: `W/"a"`, modified: day}, manners{etag: `W/"a"`, modified: day.Add(time.Second)}, 300_000},
		"size":                    {manners{}, manners{}, 300_001},
		"smaller":                 {manners{}, manners{}, 1},
		"ETag, ignorant":          {manners{etag: `"a"`, ignorant: true}, manners{etag: `"b"`, ignorant: true}, 300_000},
		"Last-Modified, ignorant": {manners{modified: day, ignorant: true}, manners{modified: day.Add(time.Second), ignorant: true}, 300_000},
	} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, test.before, func(t *testing.T, f *files, s *Store) {
				data, noRanges := f.data["x"], f.manners.noRanges
				r := openX(t, s)
				wantRead(t, r, data, 1000, 1000)
				f.set(func() {
					f.data = map[string][]byte{"x": make([]byte, test.size)}
					f.manners = test.after
					f.manners.noRanges = noRanges
				})
				if stream, ok := r.(*stream); ok { // it has to ask again
					stream.breakOff()
				}
				p := make([]byte, 1000)
				if n, err := r.ReadAt(t.Context(), p, 250_000); !errors.Is(err, errChanged) || n != 0 {
					t.Errorf("%d bytes, error %v", n, err)
				}
				f.set(func() { f.data = nil })
				if _, err := r.ReadAt(t.Context(), p, 250_000); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("deleted: error %v", err)
				}
			})
		})
	}
}

// TestUnchanged: with the same ETag an image is the same one, though the
// server, or another one of several, tells another Last-Modified. And so it is
// when the ETag has become a weak one (nginx, when it compresses), or where
// with the same Last-Modified a weak one is another (some make it anew for
// each answer).
func TestUnchanged(t *testing.T) {
	for _, test := range []struct{ before, after manners }{
		{manners{etag: `"a"`, modified: day}, manners{etag: `"a"`, modified: day.Add(time.Hour)}},
		{manners{etag: `"a"`, modified: day}, manners{etag: `W/"a"`, modified: day, ignorant: true}},
		{manners{etag: `W/"a"`, modified: day}, manners{etag: `W/"b"`, modified: day}},
		{manners{etag: `W/"a"`, modified: day}, manners{etag: `W/"a"`}},
	} {
		eachKind(t, test.before, func(t *testing.T, f *files, s *Store) {
			r := openX(t, s)
			f.set(func() {
				noRanges := f.manners.noRanges
				f.manners = test.after
				f.manners.noRanges = noRanges
			})
			if stream, ok := r.(*stream); ok {
				stream.breakOff()
			}
			wantRead(t, r, f.data["x"], 1000, 1000)
		})
	}
}

// breaker cuts bodies off: of each GET all but so many bytes, so often.
type breaker struct {
	files *files
	bytes int
	left  atomic.Int32
	hang  bool // instead: nothing comes any more
}

func (b *breaker) meddle(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || b.left.Add(-1) < 0 {
		return false
	}
	m := b.files.manners
	m.meddle = nil
	m.serve(&cutting{ResponseWriter: w, left: b.bytes, hang: b.hang, gone: r.Context()}, r, b.files.data["x"])
	return true
}

// cutting is a response that breaks off.
type cutting struct {
	http.ResponseWriter
	left int
	hang bool
	gone context.Context
}

func (c *cutting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	if c.left -= n; c.left > 0 {
		return n, err
	}
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	if c.hang {
		<-c.gone.Done()
	}
	panic(http.ErrAbortHandler)
}

// TestResume: a body that breaks off is resumed where it ended, and without
// ranges from the beginning; one that always does is an error.
func TestResume(t *testing.T) {
	eachKind(t, manners{etag: `"a"`}, func(t *testing.T, f *files, s *Store) {
		for _, hang := range []bool{false, true} {
			r := openX(t, s)
			b := &breaker{files: f, bytes: 100_000, hang: hang}
			f.set(func() { f.manners.meddle = b.meddle })
			b.left.Store(2)
			if stream, ok := r.(*stream); ok {
				stream.breakOff() // its first request has been made
			}
			f.requests()
			begin := time.Now()
			wantRead(t, r, f.data["x"], 0, 300_000)
			want := []string{"GET x 0-299999", "GET x 100000-299999", "GET x 200000-299999"}
			if f.manners.noRanges {
				want = []string{"GET x", "GET x", "GET x"}
			}
			if diff := cmp.Diff(want, f.requests()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if waited := time.Since(begin); hang && waited < 2*s.stall || waited > 2*s.stall+2*time.Second {
				t.Errorf("hangs %v: it took %v", hang, waited)
			}

			b.left.Store(1000)
			b.bytes = 1000
			if stream, ok := r.(*stream); ok {
				stream.breakOff()
				stream.pos = 0
			}
			begin = time.Now()
			n, err := r.ReadAt(t.Context(), make([]byte, 300_000), 0)
			if waited := time.Since(begin); waited > 2*s.limit {
				t.Errorf("hangs %v: broken for ever: it took %v", hang, waited)
			}
			if hang && !errors.Is(err, context.DeadlineExceeded) || !hang && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("hangs %v: broken for ever: %d bytes, error %v", hang, n, err)
			}
			f.set(func() { f.manners.meddle = nil })
			wantRead(t, r, f.data["x"], 0, 300_000)
		}
	})
}

// TestSilent: the error of a read that is not over in time names the server,
// and so does one of a server that stays silent.
func TestSilent(t *testing.T) {
	eachKind(t, manners{etag: `"a"`}, func(t *testing.T, f *files, s *Store) {
		r := openX(t, s)
		b := &breaker{files: f, bytes: 1000, hang: true}
		b.left.Store(1000)
		f.set(func() { f.manners.meddle = b.meddle })
		if stream, ok := r.(*stream); ok {
			stream.breakOff() // its first request has been made
		}
		for limit, want := range map[time.Duration]string{
			time.Second: "web: context deadline exceeded",
			time.Hour:   "web sends nothing for 10s",
		} {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			_, err := r.ReadAt(ctx, make([]byte, 300_000), 0)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) {
				t.Errorf("with %v: %v, want %q", limit, err, want)
			}
		}
	})
}

// TestBrokenOften: a body that breaks off again and again, and has brought
// something each time, is resumed without longer and longer pauses.
func TestBrokenOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &files{manners: manners{etag: `"a"`}, data: map[string][]byte{"x": random(300_000)}}
		s, _ := newWeb(t, f.ServeHTTP)
		r := openX(t, s)
		b := &breaker{files: f, bytes: 10_000}
		b.left.Store(29)
		f.set(func() { f.manners.meddle = b.meddle })
		begin := time.Now()
		wantRead(t, r, f.data["x"], 0, 300_000)
		if waited := time.Since(begin); waited > 29*firstBackoff {
			t.Errorf("it took %v", waited)
		}
	})
}

// TestServerRestarts: a reader of an open image does not notice that its
// server is down for a time, whatever that looks like; if it stays so, the
// error comes in time, with a deadline and without.
func TestServerRestarts(t *testing.T) {
	for name, test := range map[string]struct {
		fail func(w http.ResponseWriter) // nil: no connections
		want error
	}{
		"429":     {status(429), backends.ErrUnavailable},
		"500":     {status(500), backends.ErrUnavailable},
		"503":     {status(503), backends.ErrUnavailable},
		"reset":   {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, backends.ErrUnavailable},
		"refused": {nil, backends.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, manners{etag: `"a"`}, func(t *testing.T, f *files, s *Store) {
				var downTill time.Time
				r := openX(t, s)
				isDown := func() bool { return time.Now().Before(downTill) }
				f.set(func() {
					f.manners.meddle = func(w http.ResponseWriter, _ *http.Request) bool {
						if isDown() {
							test.fail(w)
						}
						return isDown()
					}
				})
				dial := s.transport.DialContext
				s.transport.DialContext = func(ctx context.Context, kind, address string) (net.Conn, error) {
					if test.fail == nil && isDown() {
						return nil, refused(kind)
					}
					return dial(ctx, kind, address)
				}
				fall := func(length time.Duration) {
					downTill = time.Now().Add(length)
					if stream, ok := r.(*stream); ok {
						stream.breakOff()
						stream.pos = 0
					}
					s.transport.CloseIdleConnections()
					synctest.Wait()
				}
				wantRead(t, r, f.data["x"], 0, 1000)

				fall(12 * time.Second)
				begin := time.Now()
				wantRead(t, r, f.data["x"], 1000, 200_000)
				if waited := time.Since(begin); waited < 12*time.Second || waited > 12*time.Second+maxBackoff {
					t.Errorf("down for 12 s: it took %v", waited)
				}

				for _, limit := range []time.Duration{15 * time.Second, time.Hour} {
					fall(time.Hour)
					ctx, cancel := context.WithTimeout(t.Context(), limit)
					begin := time.Now()
					_, err := r.ReadAt(ctx, make([]byte, 1000), 0)
					cancel()
					most := min(limit, s.limit)
					if waited := time.Since(begin); !errors.Is(err, test.want) || waited < most-maxBackoff || waited > most {
						t.Errorf("after %v of %v: %v", waited, limit, err)
					}
				}
				fall(0)
				wantRead(t, r, f.data["x"], 0, 300_000)
			})
		})
	}
}

// TestShortBodies: a body without a byte of what was wanted is tried a few
// times, and not for as long as there is time.
func TestShortBodies(t *testing.T) {
	eachKind(t, manners{etag: `"a"`}, func(t *testing.T, f *files, s *Store) {
		r := openX(t, s)
		if stream, ok := r.(*stream); ok {
			stream.breakOff()
		}
		f.set(func() {
			f.manners.meddle = func(w http.ResponseWriter, r *http.Request) bool {
				m := f.manners
				m.meddle = nil
				m.serve(&cutting{ResponseWriter: w, left: 0, gone: r.Context()}, r, f.data["x"])
				return true
			}
		})
		f.requests()
		begin := time.Now()
		_, err := r.ReadAt(t.Context(), make([]byte, 1000), 100_000)
		if n := len(f.requests()); !errors.Is(err, io.ErrUnexpectedEOF) || n != maxTries || time.Since(begin) > 2*time.Second {
			t.Errorf("%d requests in %v: %v", n, time.Since(begin), err)
		}
	})
}

// TestWrongBodies: what is not what was asked for, or not what was announced,
// is an error.
func TestWrongBodies(t *testing.T) {
	for name, test := range map[string]struct {
		status  int
		span    string // Content-Range
		bytes   int    // negative: with Content-Length
		want    error
		message string
	}{
		"short":         {206, "bytes 0-9/1000", 0, io.ErrUnexpectedEOF, "ended at byte 0"},
		"long":          {206, "bytes 0-9/1000", 11, nil, "more bytes than it has announced"},
		"elsewhere":     {206, "bytes 1-10/1000", 10, nil, "asked for the bytes 0 to 9"},
		"larger range":  {206, "bytes 0-10/1000", 11, nil, "asked for the bytes 0 to 9"},
		"empty range":   {206, "bytes 0--1/1000", 0, nil, "asked for the bytes 0 to 9"},
		"other size":    {206, "bytes 0-9/1001", 10, errChanged, "has changed"},
		"other length":  {206, "bytes 0-9/1000", -5, nil, "asked for the bytes 0 to 9"},
		"no range":      {206, "", 10, nil, "asked for the bytes 0 to 9"},
		"whole image":   {200, "", 1000, nil, "gives the whole image"},
		"no content":    {204, "", 0, nil, "204 No Content"},
		"unsatisfiable": {416, "bytes */5", 0, errChanged, "has changed"},
		"redirect":      {300, "", 0, nil, "300 Multiple Choices"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &files{manners: manners{etag: `"a"`}, data: map[string][]byte{"x": random(1000)}}
				s, _ := newWeb(t, f.ServeHTTP)
				r := openX(t, s)
				f.set(func() {
					f.manners.meddle = func(w http.ResponseWriter, _ *http.Request) bool {
						if test.span != "" {
							w.Header().Set("Content-Range", test.span)
						}
						n := max(test.bytes, -test.bytes)
						if n > test.bytes {
							w.Header().Set("Content-Length", fmt.Sprint(n))
						}
						w.WriteHeader(test.status)
						_ = http.NewResponseController(w).Flush() // without that it would have one
						_, _ = w.Write(f.data["x"][:n])
						return true
					}
				})
				_, err := r.ReadAt(t.Context(), make([]byte, 10), 0)
				if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.message) {
					t.Errorf("error %v, want %v, with %q", err, test.want, test.message)
				}
			})
		})
	}
}

// TestLessAtATime: a server may give less of a range than was asked for.
func TestLessAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &files{manners: manners{etag: `"a"`}, data: map[string][]byte{"x": random(1000)}}
		f.manners.meddle = func(_ http.ResponseWriter, r *http.Request) bool {
			var first, last int
			if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); err == nil {
				r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", first, min(last, first+299)))
			}
			return false
		}
		s, _ := newWeb(t, f.ServeHTTP)
		wantRead(t, openX(t, s), f.data["x"], 50, 900)
	})
}

// TestRedirected: an open image is read where it was redirected to, without
// asking its own server each time, until it is refused there.
func TestRedirected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mirrors := &files{manners: manners{etag: `"a"`}, data: map[string][]byte{"x": random(1000)}}
		token := atomic.Int32{}
		var asked []string
		mirror := func(w http.ResponseWriter, r *http.Request) {
			if asked = append(asked, "mirror"); r.URL.RawQuery != fmt.Sprint("token=", token.Load()) {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			mirrors.ServeHTTP(w, r)
		}
		s, n := newWeb(t, onlyImages(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, "web")
			http.Redirect(w, r, fmt.Sprint("http://mirror/images/x?token=", token.Load()), http.StatusFound)
		}))
		n.serve(t, "mirror:80", mirror)
		r := openX(t, s)
		want := func(what ...string) {
			t.Helper()
			if diff := cmp.Diff(what, asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			asked = nil
		}
		want("web", "mirror")
		wantRead(t, r, mirrors.data["x"], 0, 10)
		wantRead(t, r, mirrors.data["x"], 10, 10)
		want("mirror", "mirror")
		token.Add(1)
		wantRead(t, r, mirrors.data["x"], 20, 10)
		wantRead(t, r, mirrors.data["x"], 30, 10)
		want("mirror", "web", "mirror", "mirror")
	})
}
