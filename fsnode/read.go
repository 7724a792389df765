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

// pooledRead is a reply whose buffer goes back to the pool once it was sent.
//
// Slices makes it so: of a result without it go-fuse 2.12.1 calls Done before
// it sends the bytes, if DisableSplice is set.
type pooledRead struct {
	buf *[maxRequest]byte
	n   int
}

func (r *pooledRead) Bytes([]byte) ([]byte, fuse.Status) { return r.buf[:r.n], fuse.OK }
func (r *pooledRead) Slices() ([][]byte, fuse.Status)    { return [][]byte{r.buf[:r.n]}, fuse.OK }
func (r *pooledRead) Size() int                          { return r.n }
func (r *pooledRead) Done()                              { readBuffers.Put(r.buf) }

// Read reads into a buffer of our own: a read that outlives its deadline may
// write to its buffer later, so then that is left to it.
func (h *readHandle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	ctx, stop := h.node.store.request(ctx)
	defer stop()
	if h.node.tail.reaches(off + int64(len(dest))) {
		return nil, unix.EIO
	}
	r := &pooledRead{buf: readBuffers.Get().(*[maxRequest]byte)}
	n, err := h.image.ReadAt(ctx, r.buf[:min(len(dest), maxRequest)], off)
	if err != nil {
		return nil, h.readError(err)
	}
	r.n = n
	if h.verify != nil && !h.verify.next(r.buf[:n], off) {
		r.Done()
		return nil, unix.EIO
	}
	return r, 0
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
