package http

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// random returns size bytes that no piece of is like another.
func random(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // never fails
	return data
}

// files is a server of files as net/http serves them: with ranges, and with
// conditions; but for its manners.
type files struct {
	mu      sync.Mutex        // guards the rest
	data    map[string][]byte // by name
	manners manners
	asked   []string // METHOD NAME RANGE of each request for a file
}

// manners are how a server differs from one of net/http.
type manners struct {
	etag     string    // of all files
	modified time.Time // of all files; zero: not told
	noHead   int       // the answer to HEAD, if not 0
	noLength bool      // the size is not told
	noRanges bool      // ranges are not answered
	silent   bool      // nor is it said whether they are
	ignorant bool      // conditions are not looked at

	// meddle may answer instead.
	meddle func(w http.ResponseWriter, r *http.Request) (done bool)
}

func (f *files) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// requests returns the requests since the last call.
func (f *files) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.asked
	f.asked = nil
	return asked
}

func (f *files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/images/")
	f.mu.Lock()
	data, ok := f.data[name]
	m := f.manners
	if ok {
		f.asked = append(f.asked, strings.TrimSpace(r.Method+" "+name+" "+strings.TrimPrefix(r.Header.Get("Range"), "bytes=")))
	}
	f.mu.Unlock() // a slow body is no reason to hold it
	switch {
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case m.meddle != nil && m.meddle(w, r):
	case m.noHead != 0 && r.Method == http.MethodHead:
		w.WriteHeader(m.noHead)
	default:
		m.serve(w, r, data)
	}
}

func (m *manners) serve(w http.ResponseWriter, r *http.Request, data []byte) {
	if m.etag != "" {
		w.Header().Set("ETag", m.etag)
	}
	if m.ignorant {
		r.Header.Del("If-Match")
		r.Header.Del("If-Unmodified-Since")
	}
	if m.noRanges {
		r.Header.Del("Range")
	}
	out := &answering{ResponseWriter: w, noLength: m.noLength, silent: m.silent || m.noRanges}
	http.ServeContent(out, r, "x.img", m.modified, bytes.NewReader(data))
}

// answering drops headers.
type answering struct {
	http.ResponseWriter
	noLength, silent bool
}

func (a *answering) WriteHeader(status int) {
	if a.silent {
		a.Header().Del("Accept-Ranges")
	}
	if a.noLength {
		a.Header().Del("Content-Length")
		if _, size, ok := strings.Cut(a.Header().Get("Content-Range"), "/"); ok {
			a.Header().Set("Content-Range", strings.TrimSuffix(a.Header().Get("Content-Range"), size)+"*")
		}
	}
	a.ResponseWriter.WriteHeader(status)
	if f, ok := a.ResponseWriter.(http.Flusher); ok && a.noLength {
		f.Flush() // or net/http counts short bodies itself
	}
}

func (a *answering) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{a.ResponseWriter}, r)
}
