package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"glancefs/backends"
)

// answer is a handler of images that are found, with a size.
func answer(w http.ResponseWriter, r *http.Request, size int) {
	w.Header().Set("Content-Length", fmt.Sprint(size))
	w.Header().Set("Accept-Ranges", "bytes")
	w.WriteHeader(http.StatusOK)
}

// onlyImages answers 404 for files of digests.
func onlyImages(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if name := strings.TrimPrefix(r.URL.Path, "/images/"); isSums(name) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		handler(w, r)
	}
}

// TestStatus: what each status means.
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var status int
		s, _ := newWeb(t, onlyImages(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		for code, want := range map[int]error{
			400: backends.ErrInvalid, 401: fs.ErrPermission, 403: fs.ErrPermission, 404: fs.ErrNotExist, 405: backends.ErrInvalid,
			407: fs.ErrPermission, 410: fs.ErrNotExist, 418: backends.ErrInvalid, 429: backends.ErrUnavailable, 451: fs.ErrPermission,
			500: backends.ErrUnavailable, 501: nil, 502: backends.ErrUnavailable, 503: backends.ErrUnavailable, 304: nil,
		} {
			status = code
			_, err := s.Stat(t.Context(), "x")
			if err == nil || want != nil && !errors.Is(err, want) {
				t.Errorf("%d: error %v, want %v", code, err, want)
			}
			if want == nil && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, backends.ErrInvalid)) {
				t.Errorf("%d: error %v", code, err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%d: the error has the password: %v", code, err)
			}
		}
	})
}

// TestRetries: what may pass is tried again, later each time, and not for
// ever; what does not pass is not tried again.
func TestRetries(t *testing.T) {
	for _, test := range []struct {
		name          string
		fail          func(w http.ResponseWriter)
		times, wanted int
		ok            bool
	}{
		{"429", status(429), 2, 3, true},
		{"500", status(500), 3, 4, true},
		{"503", status(503), 1, 2, true},
		{"503 for ever", status(503), 99, maxTries, false},
		{"403", status(403), 1, 2, true}, // by GET
		{"404", status(404), 1, 1, false},
		{"reset", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 2, 3, true},
		{"reset for ever", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 99, maxTries, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked int
				s, _ := newWeb(t, onlyImages(func(w http.ResponseWriter, r *http.Request) {
					if asked++; asked <= test.times {
						test.fail(w)
						return
					}
					answer(w, r, 1)
				}))
				begin := time.Now()
				_, err := s.Stat(t.Context(), "x")
				if (err == nil) != test.ok || asked != test.wanted {
					t.Errorf("asked %d times, want %d; error %v", asked, test.wanted, err)
				}
				most := firstBackoff * (1<<(asked-1) - 1) // 1 and 2 and 4 times
				if waited := time.Since(begin); test.wanted > 2 && (waited < most/2 || waited > most) {
					t.Errorf("waited %v for %d tries", waited, asked)
				}
				if !test.ok && test.times > 1 && !errors.Is(err, backends.ErrUnavailable) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(code) }
}

// TestMalformed: an answer that is no HTTP is an error at once, which is not
// that the server is down; one that breaks off may be a server that stops.
func TestMalformed(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for answer, passes := range map[string]bool{
		ok + "Content-Length: -5\r\n\r\n":                     false,
		ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n": false,
		ok + "Transfer-Encoding: gzip, chunked\r\n\r\n":       false,
		ok + "no header\r\n\r\n":                              false,
		"SSH-2.0-OpenSSH_9.6\r\n":                             false,
		"HTTP/1.1 2x0 OK\r\n\r\n":                             false,
		"":                                                    true,
		"HTTP/1.1 200":                                        true,
		ok + "Content-Length: 1\r\n":                          true,
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			s, _ := newWeb(t, func(w http.ResponseWriter, _ *http.Request) {
				asked++
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.WriteString(conn, answer)
				conn.Close()
			})
			_, err := s.Stat(t.Context(), "x")
			want := 1
			if passes {
				want = maxTries
			}
			if err == nil || errors.Is(err, backends.ErrUnavailable) != passes || asked != want || !strings.HasPrefix(err.Error(), "web: ") {
				t.Errorf("%q: asked %d times: %v", answer, asked, err)
			}
		})
	}
}

// TestRetryAfter: a server that says when to come back is listened to, if
// that is before the deadline.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var after string
		var asked int
		s, _ := newWeb(t, onlyImages(func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked == 1 {
				w.Header().Set("Retry-After", after)
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			answer(w, r, 1)
		}))
		for _, test := range []struct {
			after  string
			waited time.Duration // none: it gives up
		}{
			{"7", 7 * time.Second},
			{time.Now().Add(9 * time.Second).UTC().Format(http.TimeFormat), 8 * time.Second},
			{"19", 0}, // there would be no time left
			{"120", 0},
			{"86400", -1}, // also without a deadline
		} {
			asked, after = 0, test.after
			begin := time.Now()
			if strings.Contains(after, "GMT") {
				after = begin.Add(8 * time.Second).UTC().Format(http.TimeFormat)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 19*time.Second)
			if test.waited < 0 {
				ctx = t.Context()
			}
			_, err := s.Stat(ctx, "x")
			cancel()
			waited := time.Since(begin)
			switch {
			case test.waited <= 0 && (!errors.Is(err, backends.ErrUnavailable) || !strings.Contains(err.Error(), "left alone for") || waited > time.Second):
				t.Errorf("Retry-After %s: error %v after %v", after, err, waited)
			case test.waited > 0 && (err != nil || waited < test.waited-time.Second || waited > test.waited+time.Second):
				t.Errorf("Retry-After %s: error %v after %v", after, err, waited)
			}
		}
	})
}

// TestDeadlines: a server that does not answer is asked again while there is
// time, and no call outlasts its deadline.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		hang := int32(1)
		s, _ := newWeb(t, onlyImages(func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) <= hang {
				<-r.Context().Done()
				return
			}
			answer(w, r, 1)
		}))
		begin := time.Now()
		if _, err := s.Stat(t.Context(), "x"); err != nil || asked.Load() != 2 {
			t.Errorf("asked %d times: %v", asked.Load(), err)
		}
		if waited := time.Since(begin); waited < s.stall || waited > s.stall+time.Second {
			t.Errorf("gave up a try after %v", waited)
		}

		asked.Store(0)
		hang = 99
		if _, err := s.Stat(t.Context(), "x"); !errors.Is(err, context.DeadlineExceeded) || asked.Load() != 3 { // the third ends 20 s after the first
			t.Errorf("asked %d times: %v", asked.Load(), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		begin = time.Now()
		_, err := s.Stat(ctx, "x")
		if waited := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || waited != 15*time.Second || !strings.Contains(err.Error(), "web: context deadline exceeded; before that: web sends nothing for 10s") {
			t.Errorf("after %v: %v", waited, err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		asked.Store(0)
		if _, err := s.Stat(ctx, "x"); !errors.Is(err, context.Canceled) || asked.Load() != 0 {
			t.Errorf("cancelled before: asked %d times, %v", asked.Load(), err)
		}
	})
}

// TestConnect: a host that is not there is said at once, and one that does
// not answer in time.
func TestConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		for _, o := range []options{
			{BaseURL: "http://nobody/"},
			{BaseURL: "http://somebody/", Proxies: map[string]string{"all": "nobody:3128"}},
			{BaseURL: "https://somebody/", Proxies: map[string]string{"all": "nobody:3128"}},
		} {
			s := newTestStore(t, o, new(network).dial)
			if _, err := s.Stat(t.Context(), "x"); !errors.Is(err, backends.ErrUnavailable) || time.Since(begin) != 0 {
				t.Errorf("%+v: after %v: %v", o, time.Since(begin), err)
			}
		}
		s := newTestStore(t, options{BaseURL: "http://nobody/"}, func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if _, err := s.Stat(t.Context(), "x"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

// TestCrowd: at most so many requests are under way, and who waits for a
// place waits no longer than it wants.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var under, most atomic.Int32
		s, _ := newWeb(t, onlyImages(func(w http.ResponseWriter, r *http.Request) {
			most.Store(max(most.Load(), under.Add(1)))
			<-r.Context().Done()
			under.Add(-1)
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		errs := make(chan error)
		for range 3 * maxRequests {
			go func() {
				_, err := s.Stat(ctx, "x")
				errs <- err
			}()
		}
		for range 3 * maxRequests {
			if err := <-errs; !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		synctest.Wait()
		if most.Load() != maxRequests || under.Load() != 0 {
			t.Errorf("%d requests at most, %d are left", most.Load(), under.Load())
		}
	})
}

// TestRequest: what each request says.
func TestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			if user != "user" || password != "secret" {
				t.Errorf("%s: credentials %q, %q", r.URL, user, password)
			}
			if got := r.Header.Get("Accept-Encoding"); got != "identity" {
				t.Errorf("%s: Accept-Encoding %q", r.URL, got)
			}
			if got := r.Header.Get("User-Agent"); got != "glancefs" {
				t.Errorf("%s: User-Agent %q", r.URL, got)
			}
			if r.URL.Path != "/images/a b%?" {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			answer(w, r, 10)
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(w, "0123456789")
			}
		})
		if img, err := s.Stat(t.Context(), "a b%?"); err != nil || img.Size != 10 {
			t.Errorf("%+v (%v)", img, err)
		}
	})
}
