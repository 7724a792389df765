package main

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// feedUntil hands src to the add until ctx ends. A read of a pipe or of a
// server that hangs can't be interrupted, so it is not waited for: the
// process ends next, and takes it along.
func feedUntil(ctx context.Context, a *backends.Add, src *os.File, what string) error {
	done := make(chan error, 1)
	go func() { done <- feed(a, src, what) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// feed hands all of src to the add, the holes of a file as gaps.
func feed(a *backends.Add, src *os.File, what string) error {
	total := int64(-1)
	info, err := src.Stat()
	if err == nil && info.Mode().IsRegular() {
		total = info.Size()
	}
	p := newProgress(addWriter{a}, total, what)
	defer p.Close()
	buf := make([]byte, backends.ChunkSize)
	if src != os.Stdin && total > 0 { // stdin may begin anywhere
		if err := feedSparse(a, p, src, total, buf); err != nil {
			return err
		}
	}
	// A file may have grown; files of /proc have no size at all.
	_, err = io.CopyBuffer(p, struct{ io.Reader }{src}, buf)
	return err
}

// feedSparse hands over what a file of that size holds. Where the filesystem
// knows no holes there are none.
func feedSparse(a *backends.Add, p *progress, src *os.File, size int64, buf []byte) error {
	for off := int64(0); off < size; {
		data, err := unix.Seek(int(src.Fd()), off, unix.SEEK_DATA)
		switch {
		case errors.Is(err, unix.ENXIO):
			data = size // a hole to the end
		case err != nil:
			data = off
		}
		data = min(data, size)
		if err := a.Zeros(data - off); err != nil {
			return err
		}
		p.advance(data - off)
		hole, err := unix.Seek(int(src.Fd()), data, unix.SEEK_HOLE)
		if err != nil {
			hole = size
		}
		if _, err := src.Seek(data, io.SeekStart); err != nil {
			return err
		}
		off = min(hole, size)
		n, err := io.CopyBuffer(p, struct{ io.Reader }{io.LimitReader(src, off-data)}, buf)
		if err != nil || n < off-data { // n: it was truncated meanwhile
			return err
		}
	}
	return nil
}

// addWriter is an add as an io.Writer.
type addWriter struct{ *backends.Add }

func (w addWriter) Write(p []byte) (int, error) {
	if err := w.Add.Write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}
