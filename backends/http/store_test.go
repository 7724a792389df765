package http

import (
	"context"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"glancefs/backends"
	"glancefs/backends/memory"
	"glancefs/backends/storetest"
)

// twin is a store in memory, read through a web server: so much of a store
// that can be written to has a directory that somebody else changes.
type twin struct {
	backends.Store // in memory
	read           *Store
	server         *httptest.Server
	stall          atomic.Pointer[chan struct{}] // until it is closed nothing is answered; nil: not now
}

var twins atomic.Int64 // made so far

func newTwin(t *testing.T) backends.Store {
	t.Helper()
	tw := &twin{Store: memory.New(fmt.Sprint("twin-", twins.Add(1)), 0)}
	tw.server = httptest.NewServer(tw)
	t.Cleanup(tw.server.Close)
	tw.read = newTestStore(t, options{BaseURL: tw.server.URL + "/images/"}, new(net.Dialer).DialContext)
	return tw
}

// ServeHTTP serves the store in memory: its index, its digests, its images.
func (tw *twin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if stall := tw.stall.Load(); stall != nil {
		select {
		case <-*stall:
		case <-r.Context().Done():
			return
		}
	}
	ctx, name := r.Context(), strings.TrimPrefix(r.URL.Path, "/images/")
	if name == "" {
		w.Header().Set("Content-Type", "text/html")
		_ = tw.Store.List(ctx, func(img backends.Image) error {
			_, err := fmt.Fprintf(w, `<a href="./%s">`, html.EscapeString(url.PathEscape(img.Name)))
			return err
		})
		return
	}
	if of, ok := strings.CutSuffix(name, ".sha512"); ok {
		tw.serveDigest(w, r, of, func(r *backends.Record) string { return r.Multihash })
		return
	}
	if of, ok := strings.CutSuffix(name, ".md5"); ok {
		tw.serveDigest(w, r, of, func(r *backends.Record) string { return r.Checksum })
		return
	}
	reader, err := tw.Store.Open(ctx, name)
	if err != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	defer reader.Close()
	img := reader.Image()
	w.Header().Set("ETag", `"`+img.Incarnation+`"`)
	http.ServeContent(w, r, "x.img", img.Mtime, io.NewSectionReader(readerAt{ctx, reader}, 0, img.Size))
}

func (tw *twin) serveDigest(w http.ResponseWriter, r *http.Request, name string, digest func(*backends.Record) string) {
	img, err := tw.Store.Stat(r.Context(), name)
	if err != nil || img.Record == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	fmt.Fprintln(w, digest(img.Record))
}

type readerAt struct {
	ctx context.Context
	backends.Reader
}

func (r readerAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.Reader.ReadAt(r.ctx, p, off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// forget forgets the digests of an image: the suite does not wait for a
// minute after a change.
func (tw *twin) forget(name string) {
	kept := &tw.read.sums
	kept.mu.Lock()
	defer kept.mu.Unlock()
	for _, algo := range algos {
		delete(kept.files, name+"."+algo)
	}
}

func (tw *twin) List(ctx context.Context, fn func(backends.Image) error) error {
	return tw.read.List(ctx, fn)
}

func (tw *twin) Stat(ctx context.Context, name string) (backends.Image, error) {
	return tw.read.Stat(ctx, name)
}

func (tw *twin) Open(ctx context.Context, name string) (backends.Reader, error) {
	return tw.read.Open(ctx, name)
}

func (tw *twin) Location(ctx context.Context, name string) (string, error) {
	return tw.read.Location(ctx, name)
}

func (tw *twin) Name(ctx context.Context, location string) (string, error) {
	return tw.read.Name(ctx, location)
}

func (tw *twin) Create(ctx context.Context, name string) (backends.Writer, error) {
	w, err := tw.Store.Create(ctx, name)
	return &twinWriter{w, tw, name}, err
}

// twinWriter tells of what it has committed what the web server tells.
type twinWriter struct {
	backends.Writer
	tw   *twin
	name string
}

func (w *twinWriter) Commit(ctx context.Context, r backends.Record) (backends.Image, error) {
	if _, err := w.Writer.Commit(ctx, r); err != nil {
		return backends.Image{}, err
	}
	w.tw.forget(w.name)
	return w.tw.Stat(ctx, w.name)
}

// TestStore: what a store promises to its readers, this one does too.
func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Config{
		New: newTwin,
		Stall: func(_ *testing.T, s backends.Store) func() {
			stall := make(chan struct{})
			s.(*twin).stall.Store(&stall)
			return sync.OnceFunc(func() { close(stall) })
		},
		DeletedUnreadable: true,
	})
}
