package http

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
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
