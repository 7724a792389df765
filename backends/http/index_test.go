package http

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"glancefs/backends"
)

// indexed is a server whose directory has an index page, and below it every
// name that is no file of digests.
type indexed struct {
	status int
	typ    string
	page   []byte
	image  http.HandlerFunc // nil: all are there
}

func (i *indexed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/images/":
		w.Header().Set("Content-Type", i.typ)
		w.WriteHeader(i.status)
		_, _ = w.Write(i.page)
	case i.image != nil:
		onlyImages(i.image)(w, r)
	default:
		onlyImages(func(w http.ResponseWriter, r *http.Request) { answer(w, r, len(r.URL.Path)) })(w, r)
	}
}

// listed returns the names that a store lists.
func listed(t *testing.T, s *Store) ([]string, error) {
	t.Helper()
	var names []string
	err := s.List(t.Context(), func(img backends.Image) error {
		names = append(names, img.Name)
		if want := int64(len("/images/" + img.Name)); img.Size != want {
			t.Errorf("%q has %d bytes, want %d", img.Name, img.Size, want)
		}
		return nil
	})
	return names, err
}

// TestIndex reads the pages of servers. What is no file directly below is
// not listed.
func TestIndex(t *testing.T) {
	for file, want := range map[string][]string{
		"apache.html": {"a & b.img", "jammy-server-cloudimg-amd64-disk-kvm.img"},
		"caddy.html":  {"jammy#server.img"},
		"python.html": {"link.img", "ä&b.img"},
		"nginx.html":  {"a b.img", "c.img"},
		"nginx.json":  {"a %20b.img", `q?"\u0041.img`},
		"nginx.xml":   {"a & b%20.img", "c.img"},
		"odd.html":    {"caf\xe9.img", "one.img", "seven.img", "tag&amp.img", "three.img", "two.img"},
	} {
		t.Run(file, func(t *testing.T) {
			page, err := os.ReadFile(filepath.Join("testdata", "index", file))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				typ := map[string]string{".html": "text/html; charset=utf-8", ".json": "application/json", ".xml": "text/xml"}[filepath.Ext(file)]
				s, _ := newWeb(t, (&indexed{status: 200, typ: typ, page: page}).ServeHTTP)
				got, err := listed(t, s)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

// TestNoIndex: a server without an index page has an empty directory, and
// names open; one that is in trouble is an error.
func TestNoIndex(t *testing.T) {
	for _, test := range []struct {
		status    int
		typ, page string
		err       error
		fails     bool
	}{
		{status: 403}, {status: 404}, {status: 405}, {status: 410},
		{status: 200, typ: "text/plain", page: "hello"},
		{status: 200, typ: "", page: "hello"},
		{status: 200, typ: "text/html", page: ""},
		{status: 200, typ: "application/json", page: `{"error": "no"}`},
		{status: 200, typ: "application/xml", page: "<ListBucketResult><Contents><Key>x</Key></Contents></ListBucketResult>"},
		{status: 200, typ: "application/json", page: `[{"name":`, fails: true},
		{status: 200, typ: "text/xml", page: `<list><file>x</fil`, fails: true},
		{status: 401, err: fs.ErrPermission, fails: true},
		{status: 500, err: backends.ErrUnavailable, fails: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newWeb(t, (&indexed{status: test.status, typ: test.typ, page: []byte(test.page)}).ServeHTTP)
			names, err := listed(t, s)
			health := s.Health(t.Context())
			if (err != nil) != test.fails || test.err != nil && !errors.Is(err, test.err) || len(names) != 0 || (health != nil) != test.fails {
				t.Errorf("%+v: %q, error %v, health %v", test, names, err, health)
			}
			if _, err := s.Stat(t.Context(), "x"); err != nil {
				t.Errorf("%+v: %v", test, err)
			}
		})
	}
}

// TestHealth: a server works if it has an index page, or none, and files of
// digests, or none.
func TestHealth(t *testing.T) {
	for _, test := range []struct {
		page, sums int
		want       error
	}{
		{200, 200, nil}, {200, 404, nil}, {403, 404, nil}, {404, 410, nil},
		{503, 503, backends.ErrUnavailable}, {429, 404, backends.ErrUnavailable}, {502, 200, backends.ErrUnavailable},
		{403, 503, backends.ErrUnavailable}, {404, 500, backends.ErrUnavailable}, {200, 403, fs.ErrPermission},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/images/" {
					w.WriteHeader(test.page)
				} else {
					w.WriteHeader(test.sums)
				}
			})
			if err := s.Health(t.Context()); !errors.Is(err, test.want) {
				t.Errorf("%+v: %v", test, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t, options{BaseURL: "http://nobody/"}, new(network).dial)
		if err := s.Health(t.Context()); !errors.Is(err, backends.ErrUnavailable) {
			t.Errorf("of a server that is not there: %v", err)
		}
	})
}

// TestIndexRedirected: the links of a page are to its neighbours, wherever
// the page is.
func TestIndexRedirected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := newWeb(t, onlyImages(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/images/" {
				http.Redirect(w, r, "http://mirror/pub/", http.StatusFound)
				return
			}
			answer(w, r, len(r.URL.Path))
		}))
		n.serve(t, "mirror:80", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<a href="x">x</a> <a href="/pub/y">y</a> <a href="http://web/images/z">z</a>`)
		})
		got, err := listed(t, s)
		if diff := cmp.Diff([]string{"x", "y"}, got); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	})
}

// TestIndexElsewhere: a directory that is redirected without its images is
// not one that has none.
func TestIndexElsewhere(t *testing.T) {
	for _, test := range []struct {
		to, page string
		wrong    bool
	}{
		{"/v2/idx/", "<a href=gone><a href=y>", true},
		{"/v2/idx/", "<a href=gone><a href=here>", false},
		{"/v2/idx/", "", false}, // no index page, most likely
		{"/images/index.html", "<a href=gone>", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newWeb(t, onlyImages(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/images/":
					http.Redirect(w, r, test.to, http.StatusFound)
				case test.to:
					w.Header().Set("Content-Type", "text/html")
					fmt.Fprint(w, test.page)
				case "/images/here":
					answer(w, r, len(r.URL.Path))
				default:
					w.WriteHeader(http.StatusNotFound)
				}
			}))
			_, err := listed(t, s)
			for _, err := range []error{err, s.Health(t.Context())} {
				if errors.Is(err, backends.ErrMisconfigured) != test.wrong ||
					test.wrong && (!strings.Contains(err.Error(), "http://web/v2/idx/") || strings.Contains(err.Error(), "secret")) {
					t.Errorf("%+v: %v", test, err)
				}
			}
			if _, err := s.Stat(t.Context(), "here"); err != nil {
				t.Errorf("%+v: a name: %v", test, err)
			}
		})
	}
}

// TestListAsks: each file that the page names is asked for, many at a time,
// and what is not for us is left out. A server in trouble is an error.
func TestListAsks(t *testing.T) {
	const files = 100
	var page strings.Builder
	for i := range files {
		fmt.Fprintf(&page, "<a href=%d>", i)
	}
	synctest.Test(t, func(t *testing.T) {
		var under, most atomic.Int32
		trouble := atomic.Bool{}
		i := &indexed{status: 200, typ: "text/html", page: []byte(page.String())}
		i.image = func(w http.ResponseWriter, r *http.Request) {
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			time.Sleep(time.Millisecond) // until all others wait too
			switch r.URL.Path {
			case "/images/7":
				w.WriteHeader(http.StatusForbidden)
			case "/images/8":
				w.WriteHeader(http.StatusNotFound)
			case "/images/9": // no size
				_ = http.NewResponseController(w).Flush()
			case "/images/50":
				if trouble.Load() {
					w.WriteHeader(http.StatusBadGateway)
					return
				}
				fallthrough
			default:
				answer(w, r, len(r.URL.Path))
			}
		}
		s, _ := newWeb(t, i.ServeHTTP)
		names, err := listed(t, s)
		if err != nil || len(names) != files-3 {
			t.Errorf("%d images (%v), want %d: %q", len(names), err, files-3, names)
		}
		if most.Load() != listers {
			t.Errorf("%d requests at once, want %d", most.Load(), listers)
		}
		trouble.Store(true)
		if names, err := listed(t, s); !errors.Is(err, backends.ErrUnavailable) || names != nil {
			t.Errorf("a server in trouble: %q, %v", names, err)
		}
	})
}

// TestIndexBase: a page may say that its links are relative to somewhere
// else. What they lead to has to be below the page all the same.
func TestIndexBase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := `<base href="/other/"><a href="x">x</a> <a href="../images/y">y</a> <a href="/images/z">z</a>`
		s, _ := newWeb(t, (&indexed{status: 200, typ: "text/html", page: []byte(page)}).ServeHTTP)
		got, err := listed(t, s)
		if diff := cmp.Diff([]string{"y", "z"}, got); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	})
}

// TestListStops: a listing ends with its caller, and with the error of what
// it calls.
func TestListStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newWeb(t, (&indexed{status: 200, typ: "text/html", page: []byte("<a href=x><a href=y><a href=z>")}).ServeHTTP)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		enough := errors.New("enough")
		for _, stop := range []func() error{
			func() error { return enough },
			func() error { cancel(); return nil },
		} {
			calls := 0
			err := s.List(ctx, func(backends.Image) error { calls++; return stop() })
			if calls != 1 || !errors.Is(err, enough) && !errors.Is(err, context.Canceled) {
				t.Errorf("%d calls, %v", calls, err)
			}
		}
	})
}
