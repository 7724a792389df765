package http

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"glancefs/backends"
)

// located makes a store of a base URL that nobody is asked for.
func located(t *testing.T, base string) *Store {
	t.Helper()
	return newTestStore(t, options{BaseURL: base}, nil)
}

func TestLocation(t *testing.T) {
	for _, base := range []string{
		"http://host/images", "http://host/images/", "https://user:p%40ss@[::1]:8443/a%20b/c%2Fd/", "https://host", "http://HOST:80/ü/",
	} {
		s := located(t, base)
		for _, name := range []string{"x", "a b", "a%20b", "a?x=1#y", "ä\n\xff\\", "a+b&c;d:e@f", "...", "~!$'()*,="} {
			uri, err := s.Location(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(uri, "p%40ss") || strings.Contains(uri, "user") {
				t.Errorf("the location %s has credentials", uri)
			}
			if got, err := s.Name(t.Context(), uri); err != nil || got != name {
				t.Errorf("%s: %q is at %s, and that is %q (%v)", base, name, uri, got, err)
			}
		}
	}
	if uri, _ := located(t, "http://u:p@Host:8080/a b/").Location(t.Context(), "c d?.img"); uri != "http://Host:8080/a%20b/c%20d%3F.img" {
		t.Errorf("location %s", uri)
	}
}

// TestName: what a URI means is decided by its parts.
func TestName(t *testing.T) {
	const base = "http://user:secret@host/images/linux"
	for uri, want := range map[string]string{
		"http://host/images/linux/x":                "x",
		"http://HOST:80/images/linux/x":             "x",
		"HTTP://host/images/linux/x":                "x",
		"http://other:pw@host/images/linux/x":       "x",
		"http://host/images/./linux//x#fragment":    "x",
		"http://host/a/../images/%6cinux/%78":       "x",
		"http://host/../images/linux/x":             "x",
		"http://host/images/linux/a%2520b":          "a%20b",
		"http://host/images/linux/sub/..%2fx":       "not here",
		"http://host/images/linux/a%2Fb":            "invalid",
		"http://host/images/linux/x?query":          "not here",
		"http://host/images/linux/x?":               "not here",
		"http://host/images/linux/":                 "not here",
		"http://host/images/linux":                  "not here",
		"http://host/images/linux/x/":               "not here",
		"http://host/images/linux/x/..":             "not here",
		"http://host/images/linux2/x":               "not here",
		"http://host/images/linux/sub/x":            "not here",
		"http://host/images/linux/../x":             "not here",
		"http://host.evil/images/linux/x":           "not here",
		"http://host:8080/images/linux/x":           "not here",
		"https://host/images/linux/x":               "not here",
		"https://host:80/images/linux/x":            "not here",
		"http://host/images/linux/.glancefs-x":      "invalid",
		"ftp://host/images/linux/x":                 "invalid",
		"http:/host/images/linux/x":                 "invalid",
		"http:///images/linux/x":                    "invalid",
		"http://:80/images/linux/x":                 "invalid",
		"http://host:eighty/images/linux/x":         "invalid",
		"http://host:65536/images/linux/x":          "invalid",
		"http://host/images/linux/%zz":              "invalid",
		"http://user@host/images/linux/x":           "invalid",
		"http://user:a:secret@host/images/linux/x":  "invalid",
		"http://user:a@secret@host/images/linux/x":  "invalid",
		"http://user:%zzsecret@host/images/linux/x": "invalid",
		"http://user:secret@host:x/images/linux/x":  "invalid",
	} {
		got, err := located(t, base).Name(t.Context(), uri)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			got = "not here"
		case errors.Is(err, backends.ErrInvalid):
			got = "invalid"
		case err != nil:
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s (%v), want %s", uri, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error repeats the password: %v", uri, err)
		}
	}
}

// TestNoBase: a store without a base URL has no images, and says why.
func TestNoBase(t *testing.T) {
	s := located(t, "")
	if err := s.List(t.Context(), func(backends.Image) error { return errors.New("an image") }); err != nil {
		t.Error(err)
	}
	if err := s.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "http_store_base_url") {
		t.Errorf("health: %v", err)
	}
	if _, err := s.Stat(t.Context(), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("stat: %v", err)
	}
	if _, err := s.Name(t.Context(), "http://host/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("name: %v", err)
	}
	if uri, err := s.Location(t.Context(), "x"); err == nil {
		t.Errorf("location: %s", uri)
	}
}

// TestElsewhere: any URL can be read, with its own credentials and its
// query; the digests beside it count.
func TestElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards asked
		var asked []string
		serve := func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			mu.Lock()
			asked = append(asked, user+":"+password+"@"+r.Host+r.URL.RequestURI())
			mu.Unlock()
			switch r.URL.Path {
			case "/pub//a b":
				answer(w, r, 7)
			case "/pub//MD5SUMS":
				fmt.Fprintln(w, hexOf("md5", "a")+"  a b")
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		}
		s, n := newWeb(t, serve)
		n.serve(t, "other:80", serve)
		for _, test := range []struct {
			uri, first, location string
			digests              bool
		}{
			{"http://other/pub//a%20b", ":@other/pub//a%20b", "http://other/pub//a%20b", true},
			{"http://me:mine@other/pub//a%20b#x", "me:mine@other/pub//a%20b", "http://other/pub//a%20b", true},
			{"http://web/pub//a%20b", ":@web/pub//a%20b", "http://web/pub//a%20b", true},
			{"http://other/pub//a%20b?token=1", ":@other/pub//a%20b?token=1", "http://other/pub//a%20b?token=1", false},
		} {
			there, name, err := s.Elsewhere(test.uri)
			if err != nil {
				t.Fatal(err)
			}
			img, err := there.Stat(t.Context(), name)
			if err != nil || img.Name != "a b" || img.Size != 7 || (img.Record != nil) != test.digests {
				t.Errorf("%s: %+v (%v)", test.uri, img, err)
			}
			mu.Lock()
			if asked[0] != test.first || !test.digests && len(asked) != 1 {
				t.Errorf("%s: asked for %q", test.uri, asked)
			}
			asked = nil
			mu.Unlock()
			if uri, err := there.Location(t.Context(), name); err != nil || uri != test.location {
				t.Errorf("%s: location %s (%v)", test.uri, uri, err)
			}
		}
		for _, bad := range []string{"http://other", "http://other/", "http://other/x/", "http://other/a%2Fb", "http://other/..", "ftp://other/x", "http://secret@other/x"} {
			if _, name, err := s.Elsewhere(bad); !errors.Is(err, backends.ErrInvalid) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %q (%v)", bad, name, err)
			}
		}
	})
}
