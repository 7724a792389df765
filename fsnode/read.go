package fsnode

import (
	"context"
	"errors"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// readHandle is an image open for reading.
type readHandle struct {
	node   *imageNode
	image  *backends.Opened
	verify *verifier // nil: reads are not verified
}

var (
	_ fs.FileReader          = (*readHandle)(nil)
	_ fs.FileFlusher         = (*readHandle)(nil)
	_ fs.FileFsyncer         = (*readHandle)(nil)
	_ fs.FileReleaser        = (*readHandle)(nil)
	_ fs.FileLseeker         = (*readHandle)(nil)
	_ fs.FilePassthroughFder = (*readHandle)(nil)
)

// withRecord returns the image with its digests, which an open need not
// bring; nil if they can't be had.
func (h *readHandle) withRecord(ctx context.Context) backends.Image {
	img := h.image.Image()
	if img.Record == nil {
		if full, err := h.node.stat(ctx); err == nil {
			img.Record = full.Record
		}
	}
	return img
}

// readBuffers are of the largest request.
var readBuffers = sync.Pool{New: func() any { return new([maxRequest]byte) }}

// reply is what a read has read: bytes that somebody gets back once they were
// sent.
//
// Slices makes it so: of a result without it go-fuse 2.12.1 calls Done before
// it sends the bytes, if DisableSplice is set.
type reply struct {
	p    []byte
	done func()
}

func (r *reply) Bytes([]byte) ([]byte, fuse.Status) { return r.p, fuse.OK }
func (r *reply) Slices() ([][]byte, fuse.Status)    { return [][]byte{r.p}, fuse.OK }
func (r *reply) Size() int                          { return len(r.p) }
func (r *reply) Done()                              { r.done() }

// Read reads; what does not match its digest is an error.
func (h *readHandle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	ctx, stop := h.node.store.request(ctx)
	defer stop()
	if h.node.tail.reaches(off + int64(len(dest))) {
		return nil, unix.EIO
	}
	r, err := h.read(ctx, min(len(dest), maxRequest), off)
	if err != nil {
		return nil, h.readError(err)
	}
	if h.verify != nil && !h.verify.next(r.p, off) {
		r.Done()
		return nil, unix.EIO
	}
	return r, 0
}

// read reads into a buffer of our own: a read that outlives its deadline may
// write to its buffer later, so then that is left to it. What was read ahead
// is sent from where it is: of 1 GiB from an HTTP server that saves a tenth of
// the time.
func (h *readHandle) read(ctx context.Context, n int, off int64) (*reply, error) {
	if p, done, err := h.image.View(ctx, int64(n), off); p != nil || err != nil {
		return &reply{p, done}, err
	}
	buf := readBuffers.Get().(*[maxRequest]byte)
	n, err := h.image.ReadAt(ctx, buf[:n], off)
	if err != nil {
		return nil, err
	}
	return &reply{buf[:n], func() { readBuffers.Put(buf) }}, nil
}

// readError translates: what does not match its digest is EIO in a read.
func (h *readHandle) readError(err error) syscall.Errno {
	no := h.node.store.tree.fail(err)
	if no == unix.EBADMSG {
		return unix.EIO
	}
	return no
}

func (h *readHandle) Flush(context.Context) syscall.Errno { return 0 }

func (h *readHandle) Fsync(context.Context, uint32) syscall.Errno { return 0 }

func (h *readHandle) Release(context.Context) syscall.Errno {
	h.node.store.closeReader(h)
	return 0
}

// Lseek finds data and holes; where the store does not know them everything
// is data.
func (h *readHandle) Lseek(ctx context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	size := uint64(h.image.Image().Size)
	if whence != unix.SEEK_DATA && whence != unix.SEEK_HOLE {
		return 0, unix.EINVAL
	}
	if off >= size {
		return 0, unix.ENXIO
	}
	ctx, stop := h.node.store.request(ctx)
	defer stop()
	at, err := h.image.Seek(ctx, int64(off), whence == unix.SEEK_HOLE)
	switch {
	case err == nil:
		return uint64(at), 0
	case errors.Is(err, unix.ENXIO):
		return 0, unix.ENXIO
	case !errors.Is(err, errors.ErrUnsupported):
		return 0, h.node.store.tree.fail(err)
	case whence == unix.SEEK_DATA:
		return off, 0
	}
	return size, 0
}
