package fsnode

import (
	"context"
	"fmt"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// copyLimit is the most that one copy_file_range moves, in bytes: a longer
// one can't be killed (2 GiB held cp for 10 s).
const copyLimit = 16 << 20

// CopyFileRange copies from a complete image to one under way, in this or
// another store of the mount, inside the daemon.
func (n *imageNode) CopyFileRange(ctx context.Context, in fs.FileHandle, offIn uint64, outNode *fs.Inode, _ fs.FileHandle, offOut, length, flags uint64) (uint32, syscall.Errno) {
	h, ok := in.(*readHandle)
	u, under := outNode.Operations().(*upload)
	if !ok || !under || flags != 0 {
		return 0, unix.EINVAL
	}
	var copied int64
	errno := u.write(ctx, int64(offOut), func(ctx context.Context) error {
		u.copy.begin(ctx, u, h, int64(offIn))
		for copied < int64(min(length, copyLimit)) {
			n, err := u.copyPiece(ctx, h, int64(offIn)+copied, int64(min(length, copyLimit))-copied)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			copied += int64(n)
		}
		u.copy.next += copied
		return nil
	})
	if errno != 0 {
		return 0, errno
	}
	return uint32(copied), 0
}

// copyPiece copies one buffer's worth, at most limit bytes.
func (u *upload) copyPiece(ctx context.Context, h *readHandle, off, limit int64) (int, error) {
	buf := readBuffers.Get().(*[maxRequest]byte)
	n, err := h.image.ReadAt(ctx, buf[:min(limit, maxRequest)], off)
	if err != nil {
		return 0, err // buf may still be written to
	}
	defer readBuffers.Put(buf)
	return n, u.add.Write(buf[:n])
}

// wholeCopy watches whether an image becomes the copy of another, so that
// the digests can be compared.
type wholeCopy struct {
	of     *backends.Image // nil: nothing was copied yet
	next   int64           // how far the copy has come
	broken bool            // it is no whole copy
}

// begin notes that bytes of an image are copied from off to the end of u. From
// the first byte on u computes the image's digest, too: it may be in another
// algorithm than that of u's store.
func (c *wholeCopy) begin(ctx context.Context, u *upload, h *readHandle, off int64) {
	switch {
	case c.broken:
	case c.of == nil && off == 0 && u.add.Size() == 0:
		img := h.withRecord(ctx)
		c.of = &img
		if img.Record != nil {
			u.add.Also(img.Record.HashingAlgo)
		}
	case c.of == nil, c.of.Incarnation != h.image.Image().Incarnation, off != c.next, off != u.add.Size():
		c.broken = true
	}
}

// expect declares the digests of the image that was copied whole, if it has
// any.
func (c *wholeCopy) expect(u *upload) error {
	if c.of == nil || c.broken || c.of.Record == nil || c.next != c.of.Size || u.add.Size() != c.of.Size {
		return nil
	}
	return u.add.Expect(fmt.Sprintf("the image %s that was copied", c.of.Name), *c.of.Record)
}
