package http

import (
	"errors"
	"io/fs"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"glancefs/backends"
)

var day = time.Date(2024, 2, 29, 12, 30, 1, 0, time.UTC)

// emptyHead answers HEAD with Content-Length: 0, as applications do that make
// it of GET.
func emptyHead(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Length", "0")
	}
	return r.Method == http.MethodHead
}

// getAnswers answers GET with a status, and Content-Range if that is not "".
func getAnswers(status int, span string) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			return false
		}
		if span != "" {
			w.Header().Set("Content-Range", span)
		}
		w.WriteHeader(status)
		return true
	}
}

// TestStat: size, time and incarnation, from whatever the server tells.
func TestStat(t *testing.T) {
	const lastModified = "Thu, 29 Feb 2024 12:30:01 GMT"
	for _, test := range []struct {
		name    string
		manners manners
		size    int
		want    backends.Image
		err     error
		asked   []string
	}{
		{name: "HEAD", manners: manners{etag: `"a"`, modified: day}, size: 1000,
			want: backends.Image{Size: 1000, Mtime: day, Incarnation: `"a" 1000`}, asked: []string{"HEAD x"}},
		{name: "weak ETag", manners: manners{etag: `W/"a"`, modified: day}, size: 1000,
			want: backends.Image{Size: 1000, Mtime: day, Incarnation: lastModified + ` 1000`}, asked: []string{"HEAD x"}},
		{name: "weak ETag alone", manners: manners{etag: `W/"a"`}, size: 1000,
			want: backends.Image{Size: 1000, Mtime: time.Unix(0, 0), Incarnation: `W/"a" 1000`}, asked: []string{"HEAD x"}},
		{name: "neither", manners: manners{}, size: 1000,
			want: backends.Image{Size: 1000, Mtime: time.Unix(0, 0), Incarnation: " 1000"}, asked: []string{"HEAD x"}},
		{name: "no HEAD", manners: manners{noHead: 405, etag: `"a"`}, size: 1000,
			want: backends.Image{Size: 1000, Mtime: time.Unix(0, 0), Incarnation: `"a" 1000`}, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "HEAD is not implemented", manners: manners{noHead: 501, etag: `"a"`}, size: 1000,
			want: backends.Image{Size: 1000, Mtime: time.Unix(0, 0), Incarnation: `"a" 1000`}, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "HEAD is forbidden", manners: manners{noHead: 403, etag: `"a"`}, size: 1000,
			want: backends.Image{Size: 1000, Mtime: time.Unix(0, 0), Incarnation: `"a" 1000`}, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "no HEAD, empty", manners: manners{noHead: 405, etag: `"a"`}, size: 0,
			want: backends.Image{Size: 0, Mtime: time.Unix(0, 0), Incarnation: `"a" 0`}, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "empty", manners: manners{etag: `"a"`}, size: 0,
			want: backends.Image{Size: 0, Mtime: time.Unix(0, 0), Incarnation: `"a" 0`}, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "empty by 416", manners: manners{etag: `"a"`, meddle: getAnswers(416, "")}, size: 0,
			want: backends.Image{Size: 0, Mtime: time.Unix(0, 0), Incarnation: `"a" 0`}, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "empty by HEAD, ranges", manners: manners{etag: `"a"`, meddle: emptyHead}, size: 1000,
			want: backends.Image{Size: 1000, Mtime: time.Unix(0, 0), Incarnation: `"a" 1000`}, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "empty by HEAD, no ranges", manners: manners{etag: `"a"`, noRanges: true, meddle: emptyHead}, size: 1000,
			want: backends.Image{Size: 1000, Mtime: time.Unix(0, 0), Incarnation: `"a" 1000`}, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "empty by HEAD, no size", manners: manners{noLength: true, meddle: emptyHead}, size: 5000, err: errNoSize, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "empty by HEAD, 416 for a byte that it has", manners: manners{meddle: getAnswers(416, "bytes */1000")}, size: 0,
			err: backends.ErrInvalid, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "neither HEAD nor ranges", manners: manners{noHead: 405, noRanges: true, etag: `"a"`}, size: 10 << 20,
			want: backends.Image{Size: 10 << 20, Mtime: time.Unix(0, 0), Incarnation: `"a" 10485760`}, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "no size", manners: manners{noLength: true}, size: 5000, err: errNoSize, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "no size, no ranges", manners: manners{noLength: true, noRanges: true}, size: 5000, err: errNoSize, asked: []string{"HEAD x", "GET x 0-0"}},
		{name: "416 for a byte that it has", manners: manners{noHead: 405, meddle: getAnswers(416, "bytes */1000")}, size: 1000, err: backends.ErrInvalid, asked: []string{"HEAD x", "GET x 0-0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &files{manners: test.manners, data: map[string][]byte{"x": random(test.size)}}
				s, _ := newWeb(t, f.ServeHTTP)
				img, err := s.Stat(t.Context(), "x")
				if !errors.Is(err, test.err) {
					t.Fatalf("error %v, want %v", err, test.err)
				}
				if test.err == nil {
					test.want.Name, test.want.Allocated = "x", -1
					if diff := cmp.Diff(test.want, img); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
				}
				if diff := cmp.Diff(test.asked, f.requests()); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
				if _, err := s.Stat(t.Context(), "y"); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("of what is not there: %v", err)
				}
			})
		})
	}
}

// TestConditions: what a reader's requests are subject to.
func TestConditions(t *testing.T) {
	const lastModified = "Thu, 29 Feb 2024 12:30:01 GMT"
	for _, test := range []struct {
		facts facts
		want  http.Header
	}{
		{facts{etag: `"a"`, modified: lastModified}, http.Header{"If-Match": {`"a"`}}},
		{facts{etag: `W/"a"`, modified: lastModified}, http.Header{"If-Unmodified-Since": {lastModified}}},
		{facts{modified: lastModified}, http.Header{"If-Unmodified-Since": {lastModified}}},
		{facts{etag: `W/"a"`}, http.Header{}},
	} {
		if diff := cmp.Diff(test.want, test.facts.unchanged()); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.facts, diff)
		}
	}
}

// TestWrites: the store is read-only.
func TestWrites(t *testing.T) {
	s := located(t, "http://host/")
	if _, err := s.Create(t.Context(), "x"); !errors.Is(err, backends.ErrReadOnly) {
		t.Errorf("create: %v", err)
	}
	if err := s.Delete(t.Context(), "x"); !errors.Is(err, backends.ErrReadOnly) {
		t.Errorf("delete: %v", err)
	}
	if got := Driver().Capabilities; got != 0x41 {
		t.Errorf("capabilities %v", got)
	}
}
