package backends

import (
	"context"
	"errors"

	"glancefs/backends/readahead"
)

// Opened is an image of an instance, open for reading.
type Opened struct {
	in     *Instance
	name   string
	reader Reader
	ahead  *readahead.Reader // nil: the reader is asked itself
	at     *attempt
}

// Open opens an image for reading.
func (in *Instance) Open(ctx context.Context, name string) (o *Opened, err error) {
	o = &Opened{in: in, name: name}
	o.at, err = in.begin(ctx, "open", name, in.readable, func(ctx context.Context, store Store) (err error) {
		o.reader, err = store.Open(ctx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	if b, ok := o.reader.(BlockReader); ok {
		o.ahead = readahead.New(in.life, readahead.Config{
			Fetch: o.reader.ReadAt,
			Size:  o.Image().Size,
			Block: b.BlockSize(),
			// A read that waits for a fetch in vain has the other half for
			// its own.
			Timeout: in.opts.RequestTimeout / 2,
			Share:   in.ahead,
		})
	}
	return o, nil
}

// Image tells what was opened.
func (o *Opened) Image() Image { return o.reader.Image() }

// ReadAt reads at off, within the deadline of a request; see Reader.
func (o *Opened) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	ctx, cancel := o.in.deadline(ctx)
	defer cancel()
	read := o.reader.ReadAt
	if o.ahead != nil {
		read = o.ahead.ReadAt
	}
	n, err := read(ctx, p, off)
	return n, o.in.fail("read", o.name, err)
}

// View is ReadAt without a copy, where the bytes were read ahead; see
// readahead.Reader.View. It is nil where they were not.
func (o *Opened) View(ctx context.Context, n, off int64) (p []byte, done func(), err error) {
	if o.ahead == nil {
		return nil, nil, nil
	}
	ctx, cancel := o.in.deadline(ctx)
	defer cancel()
	p, done, err = o.ahead.View(ctx, n, off)
	return p, done, o.in.fail("read", o.name, err)
}

// LocalFile returns the descriptor of the local file that the image is, if
// it is one; see LocalFiler.
func (o *Opened) LocalFile() (fd uintptr, ok bool) {
	if l, is := o.reader.(LocalFiler); is {
		return l.LocalFile()
	}
	return 0, false
}

// Seek finds the next data, or with hole the next hole, at or after off; see
// HoleFinder. A store that does not know is errors.ErrUnsupported.
func (o *Opened) Seek(ctx context.Context, off int64, hole bool) (int64, error) {
	h, ok := o.reader.(HoleFinder)
	if !ok {
		return 0, o.in.fail("seek", o.name, errors.ErrUnsupported)
	}
	ctx, cancel := o.in.deadline(ctx)
	defer cancel()
	seek := h.SeekData
	if hole {
		seek = h.SeekHole
	}
	at, err := seek(ctx, off)
	return at, o.in.fail("seek", o.name, err)
}

// Close closes the image.
func (o *Opened) Close() error {
	defer o.in.leave(o.at)
	if o.ahead != nil {
		o.ahead.Close()
	}
	return o.in.fail("close", o.name, o.reader.Close())
}
