package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"glancefs/backends"
)

// send makes a request and follows its redirects. The response has a status
// that does not pass by itself, and the caller closes its body; resp.Request
// tells where it came from in the end. It is one try: see persist.
func (c *client) send(ctx context.Context, method string, u *url.URL, header http.Header) (*http.Response, error) {
	for range 1 + maxRedirects {
		resp, err := c.roundTrip(ctx, method, u, header)
		if err != nil {
			return nil, err
		}
		to, err := redirect(resp)
		switch {
		case to == nil && err == nil && passing(resp.StatusCode):
			err = &transient{err: statusError(resp), after: retryAfter(resp)}
		case to == nil && err == nil:
			return resp, nil
		}
		discard(resp)
		if err != nil {
			return nil, err
		}
		u = to
	}
	return nil, fmt.Errorf("more than %d redirects", maxRedirects)
}

// roundTrip makes one request.
func (c *client) roundTrip(ctx context.Context, method string, u *url.URL, header http.Header) (*http.Response, error) {
	if ctx.Err() != nil { // with a place free, the select below might take it
		return nil, context.Cause(ctx)
	}
	select {
	case c.places <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", u.Host, context.Cause(ctx))
	}
	watch := c.newWatch(ctx, u.Host)
	b := &body{watch: watch, leave: sync.OnceFunc(func() { <-c.places })}
	resp, err := c.transport.RoundTrip(newRequest(watch, method, u, header))
	watch.pause()
	if err != nil {
		err = connectError(watch, err)
		b.end()
		return nil, err
	}
	b.ReadCloser = resp.Body
	resp.Body = b
	return resp, nil
}

// newRequest makes a request that is watched once it has a connection; to
// connect has a timeout of its own.
func newRequest(w *watch, method string, u *url.URL, header http.Header) *http.Request {
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { w.begin() }}
	req := &http.Request{Method: method, URL: u, Host: u.Host, Header: make(http.Header)}
	maps.Copy(req.Header, header)
	req.Header.Set("Accept-Encoding", "identity") // an image is bytes
	req.Header.Set("User-Agent", "glancefs")
	if password, ok := u.User.Password(); ok {
		req.SetBasicAuth(u.User.Username(), password)
	}
	return req.WithContext(httptrace.WithClientTrace(w.ctx, trace))
}

// body is that of a response. While it is read it is watched.
type body struct {
	io.ReadCloser
	watch *watch
	leave func() // gives the request's place back; the body can be read on
}

func (b *body) Read(p []byte) (int, error) {
	b.watch.begin()
	defer b.watch.pause()
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		if cause := b.watch.cause(); cause != nil {
			err = cause
		}
	}
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.end()
	return err
}

func (b *body) end() {
	b.watch.cancel(nil)
	b.leave()
}

// watch ends a request that makes no progress: without headers for a time,
// or without another byte of its body while somebody waits for one.
type watch struct {
	ctx    context.Context // of the request
	cancel context.CancelCauseFunc
	host   string
	timer  *time.Timer
	limit  time.Duration
}

func (c *client) newWatch(ctx context.Context, host string) *watch {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{ctx: ctx, cancel: cancel, host: host, limit: c.stall}
	w.timer = time.AfterFunc(w.limit, func() {
		err := fmt.Errorf("%s sends nothing for %v", w.host, w.limit)
		cancel(&transient{err: backends.Classify(context.DeadlineExceeded, err)})
	})
	w.timer.Stop()
	return w
}

// cause is why the request was ended, with its host; nil if it was not.
func (w *watch) cause() error {
	cause := context.Cause(w.ctx)
	if t := new(transient); cause == nil || errors.As(cause, &t) { // it has the host
		return cause
	}
	return fmt.Errorf("%s: %w", w.host, cause)
}

func (w *watch) begin() { w.timer.Reset(w.limit) }
func (w *watch) pause() { w.timer.Stop() }

// fetch gets a text, whole and by as many tries as persist makes: of less than
// limit bytes, and as it is, since a compressed one would look as if it had
// nothing in it. A response that is not 200 comes without its text.
func (c *client) fetch(ctx context.Context, u *url.URL, limit int64) (resp *http.Response, text string, err error) {
	err = c.persist(ctx, func() error {
		if resp, err = c.send(ctx, http.MethodGet, u, nil); err != nil {
			return err
		}
		defer discard(resp) // most often a short 404
		if resp.StatusCode != http.StatusOK {
			return nil
		}
		if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
			return fmt.Errorf("the server sends it with Content-Encoding: %s, which it was asked not to do", encoding)
		}
		data, err := io.ReadAll(io.LimitReader(resp.Body, limit))
		switch {
		case err != nil:
			return cut(0, len(data), err)
		case int64(len(data)) == limit:
			return fmt.Errorf("it has %d bytes or more", limit)
		}
		text = string(data)
		return nil
	})
	return resp, text, err
}

// discard closes the body of a response that nobody reads. A short one is
// read to its end, so that the connection can be used again.
func discard(resp *http.Response) {
	const short = 64 << 10 // arbitrary: less than a new connection costs
	_, _ = io.CopyN(io.Discard, resp.Body, short)
	_ = resp.Body.Close()
}

const (
	// maxTries is how often something is tried before its error counts; in
	// reads of an open image, a body without a byte.
	maxTries = 4

	// firstBackoff is the pause before the second try; each one that follows
	// is twice as long, up to maxBackoff: a server that is back is noticed
	// soon.
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 2 * time.Second
)

// persist does something again, up to maxTries times, for as long as it
// fails in a way that may pass. That nobody takes connections is said at once.
func (c *client) persist(ctx context.Context, do func() error) error {
	tries := 0
	return c.retry(ctx, do, func(t *transient) bool {
		tries++
		return tries < maxTries && !t.down
	})
}

// persistReading is persist for an image that is open, whose reader need not
// notice that its server restarts: it goes on for as long as there is time.
// Only bodies without a byte are no sign of a server that will be back.
func (c *client) persistReading(ctx context.Context, do func() error) error {
	short := 0
	return c.retry(ctx, do, func(t *transient) bool {
		if t.short {
			short++
		}
		return short < maxTries
	})
}

// retry does something again, a little later each time without progress, for
// as long as again says so, its deadline allows, and the first failure is no
// longer ago than the limit of a request.
func (c *client) retry(ctx context.Context, do func() error, again func(*transient) bool) error {
	var last error
	var end time.Time
	for n := 0; ; n++ {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ended(ctx, err, last)
		}
		if last == nil {
			end = time.Now().Add(c.limit)
			if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
				end = deadline
			}
		}
		last = err
		var t *transient
		if !errors.As(err, &t) || !again(t) {
			return err
		}
		if t.moved {
			n = 0
		}
		wait := max(t.after, backoff(n))
		if time.Until(end) <= wait {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ended(ctx, context.Cause(ctx), last)
		}
	}
}

// backoff is the pause after the n-th failure in a row, counted from 0; it
// varies, so that many clients do not come back at once.
func backoff(n int) time.Duration {
	wait := min(firstBackoff<<min(n, 10), maxBackoff)
	return wait/2 + rand.N(wait/2)
}

// ended is the error of a context that is done: err, if that is of it, with
// what went wrong before.
func ended(ctx context.Context, err, last error) error {
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		err = cause
	}
	if last == nil {
		return err
	}
	return fmt.Errorf("%w; before that: %v", err, last)
}
