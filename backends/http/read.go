package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"

	"glancefs/backends"
)

// Open opens an image for reading; see backends.Store. How it will be read
// depends on the server: at any offset, or from front to back.
func (s *Store) Open(ctx context.Context, name string) (backends.Reader, error) {
	img, f, err := s.look(ctx, name)
	if err != nil {
		return nil, err
	}
	ranges := newRangeReader(s, img, f)
	if f.ranges || f.size == 0 {
		return ranges, nil
	}
	stream := newStream(s, img, ranges)
	err = s.persist(ctx, func() error { return stream.ask(ctx, true) })
	switch {
	case errors.Is(err, errHasRanges):
		return ranges, nil
	case err != nil:
		return nil, err
	}
	return stream, nil
}

// blockSize is how much a sequential reader asks for at once, in bytes:
// glance_store's READ_CHUNKSIZE of this driver.
const blockSize = 4 << 20

var _ backends.BlockReader = (*rangeReader)(nil)

// rangeReader reads an image of a server that answers ranges: one request
// for each ReadAt.
type rangeReader struct {
	store *Store
	image backends.Image
	facts facts
	home  *url.URL                // the image's own URL
	at    atomic.Pointer[url.URL] // where that redirected to last
}

func newRangeReader(s *Store, img backends.Image, f facts) *rangeReader {
	r := &rangeReader{store: s, image: img, facts: f, home: s.url(img.Name)}
	r.at.Store(f.url)
	return r
}

func (r *rangeReader) Image() backends.Image { return r.image }

// BlockSize is blockSize; see backends.BlockReader.
func (r *rangeReader) BlockSize() int64 { return blockSize }

func (r *rangeReader) Close() error { return nil }

// ReadAt reads by ranges; see backends.Reader. A body that ends early is
// resumed where it ended.
func (r *rangeReader) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	p = p[:max(0, min(int64(len(p)), r.image.Size-off))]
	err = r.store.persistReading(ctx, func() error {
		for n < len(p) {
			m, err := r.readRange(ctx, p[n:], off+int64(n))
			n += m
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// readRange makes one request for p. The server may give less of it than was
// asked for, but not nothing.
func (r *rangeReader) readRange(ctx context.Context, p []byte, off int64) (n int, err error) {
	end := off + int64(len(p))
	header := r.facts.unchanged()
	header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, end-1))
	resp, err := r.get(ctx, header)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	first, last, _ := contentRange(resp)
	length := last - first + 1
	switch {
	case resp.StatusCode != http.StatusPartialContent:
		return 0, fmt.Errorf("%s said that it answers ranges, and gives the whole image", resp.Request.URL.Host)
	case first != off || last < first || last >= end, resp.ContentLength >= 0 && resp.ContentLength != length:
		return 0, fmt.Errorf("asked for the bytes %d to %d, %s answers %q with %d bytes",
			off, end-1, resp.Request.URL.Host, resp.Header.Get("Content-Range"), resp.ContentLength)
	}
	if n, err = io.ReadFull(resp.Body, p[:length]); err != nil {
		return n, cut(off, n, err)
	}
	return n, atEnd(resp.Body)
}

// get makes a GET of the image, where it was found last, and checks that it
// is still the same. A URL to which the image was redirected may be good for
// one method or a short time only, or its server down: then the image's own
// URL tells another one.
func (r *rangeReader) get(ctx context.Context, header http.Header) (*http.Response, error) {
	at := r.at.Load()
	resp, err := r.store.send(ctx, http.MethodGet, at, header)
	refused := err == nil && slices.Contains(refusals, resp.StatusCode)
	if (err != nil || refused) && at.String() != r.home.String() {
		if refused {
			discard(resp)
		}
		resp, err = r.store.send(ctx, http.MethodGet, r.home, header)
	}
	if err != nil {
		return nil, err
	}
	if err := r.facts.check(resp); err != nil {
		discard(resp)
		return nil, err
	}
	r.at.Store(resp.Request.URL)
	return resp, nil
}

var refusals = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone}

// cut makes the error of a body that ended before it was complete: of what
// was wanted of it, from off on, it had n bytes. It may have been the
// connection, and is tried again.
func cut(off int64, n int, err error) error {
	early := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	t := new(transient)
	if !errors.As(err, &t) {
		t.err = fmt.Errorf("the body ended at byte %d: %w", off+int64(n), err)
	}
	return &transient{err: t.err, short: early && n == 0, moved: n > 0}
}

// atEnd makes sure that a body has no more bytes than were announced, which
// also lets the connection be used again.
func atEnd(body io.Reader) error {
	switch n, err := io.ReadFull(body, make([]byte, 1)); {
	case n > 0:
		return errors.New("the server sends more bytes than it has announced")
	case err != io.EOF:
		return &transient{err: err}
	}
	return nil
}
