package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"glancefs/backends"
)

// window is how many bytes of a stream are kept, behind the point up to
// which it was read. The kernel's requests of up to 1 MiB come several at a
// time, in any order.
const window = 8 << 20

// stream reads an image of a server that answers no ranges: one body, from
// front to back. A read ahead of it lets it run there; one behind the window
// asks for the image again.
type stream struct {
	store *Store
	image backends.Image
	from  *rangeReader  // for its requests
	turn  chan struct{} // holds a token while somebody uses the rest

	body io.ReadCloser           // nil: ended, or broken off
	stop context.CancelCauseFunc // ends the request of body
	ring []byte                  // byte o of the image is at o % window
	pos  int64                   // up to which the body was read
}

func newStream(s *Store, img backends.Image, from *rangeReader) *stream {
	return &stream{store: s, image: img, from: from, turn: make(chan struct{}, 1)}
}

func (s *stream) Image() backends.Image { return s.image }

// ReadAt reads; see backends.Reader.
func (s *stream) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	p = p[:max(0, min(int64(len(p)), s.image.Size-off))]
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	err = s.store.persistReading(ctx, func() error {
		for n < len(p) {
			m, err := s.step(ctx, p[n:], off+int64(n))
			n += m
			if err != nil {
				s.breakOff()
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() != nil && s.pos < off {
		err = fmt.Errorf("%w: the server answers no ranges, and sent %d of the bytes before the wanted ones", err, s.pos)
	}
	return n, err
}

// step gets nearer to having read p: it copies what is in the window, or
// moves that.
func (s *stream) step(ctx context.Context, p []byte, at int64) (int, error) {
	switch {
	case at < s.pos && at >= s.pos-window:
		begin := at % window
		end := min(window, begin+s.pos-at)
		return copy(p, s.ring[begin:end]), nil
	case at < s.pos || s.body == nil:
		return 0, s.ask(ctx, false)
	}
	return 0, s.advance(ctx)
}

// errHasRanges is the answer of a server that was asked whether it answers
// ranges.
var errHasRanges = errors.New("the server answers ranges")

// ask asks for the image from its beginning; with probe for a part of it, in
// the hope to get that: errHasRanges. The request lasts longer than ctx, but
// until there is a response it ends with it.
func (s *stream) ask(ctx context.Context, probe bool) error {
	s.breakOff()
	header := s.from.facts.unchanged()
	if probe {
		header.Set("Range", "bytes=0-0")
	}
	life, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, func() { stop(context.Cause(ctx)) })()
	resp, err := s.from.get(life, header)
	if err == nil && resp.StatusCode == http.StatusPartialContent {
		discard(resp)
		err = errHasRanges
	}
	if err != nil {
		stop(nil)
		return err
	}
	resp.Body.(*body).leave() // idle streams must not hold up other requests
	s.body, s.stop, s.pos = resp.Body, stop, 0
	return nil
}

// advance reads some bytes of the body into the window.
func (s *stream) advance(ctx context.Context) error {
	stop := s.stop
	defer context.AfterFunc(ctx, func() { stop(context.Cause(ctx)) })()
	if s.ring == nil {
		s.ring = make([]byte, window)
	}
	begin := s.pos % window
	n, err := s.body.Read(s.ring[begin:min(window, begin+s.image.Size-s.pos)])
	s.pos += int64(n)
	switch {
	case s.pos < s.image.Size && err != nil:
		return cut(s.pos, 0, err) // nothing of it is resumed
	case s.pos < s.image.Size:
		return nil
	}
	if err := atEnd(s.body); err != nil {
		s.pos = 0 // nothing of it counts
		return err
	}
	s.breakOff()
	return nil
}

// breakOff ends the body, if there is one. What was read of it stays.
func (s *stream) breakOff() {
	if s.body == nil {
		return
	}
	_ = s.body.Close() // of a response: nothing is lost
	s.stop(nil)
	s.body, s.stop = nil, nil
}

func (s *stream) Close() error {
	s.turn <- struct{}{}
	s.breakOff()
	return nil
}
