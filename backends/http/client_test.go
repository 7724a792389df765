package http

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRedirects: they are followed, relative ones too, for at most
// maxRedirects steps.
func TestRedirects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var code, steps int
		var target string
		s, _ := newWeb(t, onlyImages(func(w http.ResponseWriter, r *http.Request) {
			at := 0
			_, _ = fmt.Sscanf(r.URL.RawQuery, "step=%d", &at)
			if at == steps {
				answer(w, r, 7)
				return
			}
			w.Header().Set("Location", strings.ReplaceAll(target, "N", fmt.Sprint(at+1)))
			w.WriteHeader(code)
		}))
		for _, code = range []int{301, 302, 303, 307, 308} {
			for _, target = range []string{"http://web/x?step=N", "//web/x?step=N", "/x?step=N", "?step=N"} {
				for _, steps = range []int{1, maxRedirects} {
					if img, err := s.Stat(t.Context(), "x"); err != nil || img.Size != 7 {
						t.Errorf("%d %q, %d steps: %+v (%v)", code, target, steps, img, err)
					}
				}
			}
		}
		steps = maxRedirects + 1
		if _, err := s.Stat(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "more than 5 redirects") {
			t.Errorf("%d steps: %v", steps, err)
		}
		for _, target = range []string{"", "ftp://web/x", "file:///etc/passwd", "http:///x", "http://%zz/"} {
			if img, err := s.Stat(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "the server redirects to") {
				t.Errorf("to %q: %+v (%v)", target, img, err)
			}
		}
	})
}

// TestRedirect: where a redirect leads, with whose credentials, and which
// are refused.
func TestRedirect(t *testing.T) {
	for _, test := range []struct{ from, location, want string }{
		{"http://u:p@web/a/x", "y", "http://u:p@web/a/y"},
		{"http://u:p@web/a/x", "https://web/y", "https://u:p@web/y"},
		{"http://u:p@web:8080/x", "https://web/y", "https://web/y"},
		{"http://u:p@web/x", "https://web:8443/y", "https://web:8443/y"},
		{"https://u:p@web/x", "https://WEB:443/y", "https://u:p@WEB:443/y"},
		{"https://u:p@web/x", "http://web/y", "refused"},
		{"https://u:p@web/x", "http://other/y", "refused"},
		{"http://u:p@web/x", "http://other/y", "http://other/y"},
		{"http://web/x", "gopher://other/y", "refused"},
	} {
		from, err := url.Parse(test.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := redirect(&http.Response{
			StatusCode: http.StatusFound,
			Header:     http.Header{"Location": {test.location}},
			Request:    &http.Request{URL: from},
		})
		got := "refused"
		if err == nil {
			got = to.String()
		}
		if got != test.want {
			t.Errorf("from %s to %s: %s (%v), want %s", test.from, test.location, got, err, test.want)
		}
	}
}

// TestCredentials: they go to the server that they are for, and to no other
// one that it names.
func TestCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var target string
		got := make(map[string]string)
		at := func(host string) http.HandlerFunc {
			return onlyImages(func(w http.ResponseWriter, r *http.Request) {
				user, password, _ := r.BasicAuth()
				got[host] = user + ":" + password
				if host == "web:80" && r.URL.Path == "/images/x" {
					http.Redirect(w, r, target, http.StatusFound)
					return
				}
				answer(w, r, 0)
			})
		}
		s, n := newWeb(t, at("web:80"))
		for _, host := range []string{"other:80", "web:8080", "sub.web:80"} {
			n.serve(t, host, at(host))
		}
		for _, test := range []struct{ target, host, want string }{
			{"/y", "web:80", "user:secret"},
			{"http://web:80/y", "web:80", "user:secret"},
			{"http://other/y", "other:80", ":"},
			{"http://sub.web/y", "sub.web:80", ":"},
			{"http://web:8080/y", "web:8080", ":"},
			{"http://mine:own@other/y", "other:80", "mine:own"},
		} {
			target = test.target
			clear(got)
			if _, err := s.Stat(t.Context(), "x"); err != nil {
				t.Errorf("%s: %v", target, err)
			}
			if got[test.host] != test.want {
				t.Errorf("%s: %s got the credentials %q, want %q", target, test.host, got[test.host], test.want)
			}
		}
	})
}

// counted counts the connections that are open.
type counted struct {
	net.Conn
	open *atomic.Int32
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// TestClose: a closed store has no connection, and nothing under way, also
// of what its callers have left behind.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open, dialling atomic.Int32
		n := new(network)
		n.serve(t, "web:80", func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "SUMS") {
				<-r.Context().Done()
			}
			answer(w, r, 0)
		})
		var hang atomic.Bool
		dial := func(ctx context.Context, network, address string) (net.Conn, error) {
			if hang.Load() {
				dialling.Add(1)
				defer dialling.Add(-1)
				<-ctx.Done()
				return nil, ctx.Err()
			}
			conn, err := n.dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			open.Add(1)
			return &counted{Conn: conn, open: &open}, nil
		}
		o := options{BaseURL: "http://web/"}
		settings, err := o.settings()
		if err != nil {
			t.Fatal(err)
		}
		s := &Store{client: newClient(t.Context(), settings, opening(&o), dial), base: settings.base}
		if _, err := s.facts(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Stat(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stat: %v", err)
		}
		hang.Store(true)
		s.transport.CloseIdleConnections()
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.facts(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("facts: %v", err)
		}
		hang.Store(false)
		if _, err := s.facts(t.Context(), "x"); err != nil {
			t.Error(err)
		}
		if open.Load() == 0 || dialling.Load() != 1 {
			t.Errorf("%d connections are kept, %d being made", open.Load(), dialling.Load())
		}
		begin := time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if open.Load() != 0 || dialling.Load() != 0 || time.Since(begin) != 0 {
			t.Errorf("after %v: %d connections, %d being made", time.Since(begin), open.Load(), dialling.Load())
		}
	})
}
