package http

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"glancefs/backends"
)

// facts are what a server tells of one image without its bytes.
type facts struct {
	url      *url.URL // where it is, after redirects
	size     int64    // bytes
	etag     string   // as it came
	modified string   // Last-Modified, as it came
	ranges   bool     // the server says that it answers ranges
}

// Stat asks the server for an image; see backends.Store.
func (s *Store) Stat(ctx context.Context, name string) (backends.Image, error) {
	img, _, err := s.look(ctx, name)
	return img, err
}

// look is Stat, with the facts.
func (s *Store) look(ctx context.Context, name string) (backends.Image, facts, error) {
	f, err := s.facts(ctx, name)
	if err != nil {
		return backends.Image{}, f, err
	}
	img := f.image(name)
	img.Record, err = s.record(ctx, img)
	return img, f, err
}

// facts asks for an image by HEAD. Where that is refused, or does not tell
// the size, a GET of the first byte does; and where it says that the image is
// empty, since some applications answer every HEAD with Content-Length: 0.
func (s *Store) facts(ctx context.Context, name string) (f facts, err error) {
	if s.base == nil {
		return facts{}, notHere("%w", errNoBase)
	}
	u := s.url(name)
	err = s.persist(ctx, func() error {
		resp, err := s.send(ctx, http.MethodHead, u, nil)
		if err != nil {
			return err
		}
		discard(resp)
		f, err = factsOf(resp)
		empty := err == nil && f.size == 0
		if err == nil && !empty || errors.Is(err, fs.ErrNotExist) {
			return err
		}
		resp, err = s.send(ctx, http.MethodGet, u, http.Header{"Range": {"bytes=0-0"}})
		if err != nil {
			return err
		}
		_ = resp.Body.Close() // if it is the whole image, that is not waited for
		if empty && resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && resp.Header.Get("Content-Range") == "" {
			return nil
		}
		f, err = factsOf(resp)
		return err
	})
	return f, err
}

// factsOf reads the facts in a response to HEAD, or to a GET of a range.
func factsOf(resp *http.Response) (facts, error) {
	f := facts{
		url:      resp.Request.URL,
		size:     resp.ContentLength,
		etag:     resp.Header.Get("ETag"),
		modified: resp.Header.Get("Last-Modified"),
		ranges:   strings.EqualFold(resp.Header.Get("Accept-Ranges"), "bytes"),
	}
	if strings.HasSuffix(f.url.Path, "/") { // a server sends NAME to NAME/
		return f, notHere("it is a directory")
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable: // of an empty image
		_, _, f.size = contentRange(resp)
		f.ranges = true
		if resp.StatusCode != http.StatusPartialContent && f.size != 0 {
			return f, statusError(resp)
		}
	default:
		return f, statusError(resp)
	}
	if f.size < 0 {
		return f, fmt.Errorf("%s: %w", f.url.Host, errNoSize)
	}
	return f, nil
}

// errNoSize is the error of an image whose size the server does not tell.
var errNoSize = errors.New("the server does not tell the size")

// contentRange reads the header Content-Range: "bytes FIRST-LAST/SIZE", or
// "bytes */SIZE". What it does not tell is -1.
func contentRange(resp *http.Response) (first, last, size int64) {
	number := func(text string) int64 {
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return -1
		}
		return int64(n)
	}
	text, _ := strings.CutPrefix(resp.Header.Get("Content-Range"), "bytes ")
	span, total, _ := strings.Cut(text, "/")
	begin, end, _ := strings.Cut(span, "-")
	return number(begin), number(end), number(total)
}

// image makes what Stat tells, but for the digests.
func (f *facts) image(name string) backends.Image {
	mtime, err := http.ParseTime(f.modified)
	if err != nil {
		mtime = time.Unix(0, 0) // the server does not tell
	}
	return backends.Image{
		Name:        name,
		Size:        f.size,
		Mtime:       mtime,
		Allocated:   -1,
		Incarnation: f.version(),
	}
}

// unchanged is the header that makes a server refuse (412) what is no longer
// what the facts are of.
func (f *facts) unchanged() http.Header {
	switch {
	case f.isStrong():
		return http.Header{"If-Match": {f.etag}}
	case f.modified != "":
		return http.Header{"If-Unmodified-Since": {f.modified}}
	}
	return http.Header{}
}

// errChanged is the error of reading an image that was replaced.
var errChanged = errors.New("the image has changed on the server since it was opened")

// check makes sure that a response is about what the facts are of, also from
// a server that knows no conditions: as far as it tells.
func (f *facts) check(resp *http.Response) error {
	now, err := factsOf(resp)
	switch {
	case resp.StatusCode == http.StatusPreconditionFailed, resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return errChanged
	case err != nil && !errors.Is(err, errNoSize): // the reader counts
		return err
	case now.size >= 0 && now.size != f.size, !f.sameVersion(now):
		return fmt.Errorf("%w: it was %s, and is %s", errChanged, f.version(), now.version())
	}
	return nil
}

// sameVersion compares what both tell: strong ETags, else Last-Modified, else
// weak ETags. Some servers make a weak one anew for each answer.
func (f *facts) sameVersion(now facts) bool {
	switch {
	case f.isStrong() && now.isStrong():
		return f.etag == now.etag
	case f.modified != "" && now.modified != "":
		return f.modified == now.modified
	case f.etag != "" && now.etag != "":
		return strings.TrimPrefix(f.etag, "W/") == strings.TrimPrefix(now.etag, "W/")
	}
	return true
}

// isStrong tells whether the ETag is one that no other content has.
func (f *facts) isStrong() bool { return f.etag != "" && !strings.HasPrefix(f.etag, "W/") }

// version is what changes when an image is replaced.
func (f *facts) version() string {
	if f.isStrong() {
		return fmt.Sprintf("%s %d", f.etag, f.size)
	}
	return fmt.Sprintf("%s %d", cmp.Or(f.modified, f.etag), f.size)
}
