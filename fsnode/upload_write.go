package fsnode

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Write adds what is written at the end of the image; a gap before it is
// zeros. A write behind the end fails the image.
func (u *upload) Write(ctx context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	errno := u.write(ctx, off, func(context.Context) error {
		u.copy.broken = true
		return u.add.Write(data)
	})
	if errno != 0 {
		return 0, errno
	}
	return uint32(len(data)), 0
}

// write runs fill, which adds bytes at off, when it is this request's turn.
// When the caller dies meanwhile, it is answered at once.
func (u *upload) write(ctx context.Context, off int64, fill func(context.Context) error) syscall.Errno {
	caller, _ := fuse.FromContext(ctx)
	ctx, stop := u.store.request(ctx)
	defer stop()
	if err := u.take(ctx); err != nil {
		u.fail(u.store.whyLost())
		return unix.EINTR
	}
	defer u.give()
	if errno, over := u.over(unix.EPERM); over {
		return errno
	}
	u.noteWriter(caller.Pid)
	// The death of the caller ends the add, and with it the write.
	defer context.AfterFunc(ctx, func() { u.fail(u.store.whyLost()) })()

	err := u.fillTo(off)
	if err == nil {
		err = fill(ctx)
	}
	if err != nil {
		u.fail(err) // the first failure counts
	}
	errno, _ := u.over(0)
	if ctx.Err() != nil && errno != 0 {
		return unix.EINTR
	}
	return errno
}

var errKilledWriting = refusal{unix.EIO, "aborted: its writer was killed"}

// whyLost tells why a request has lost its caller.
func (t *tree) whyLost() error {
	if connected(t.device) {
		return errKilledWriting
	}
	return errConnectionEnded
}

// fillTo adds zeros up to off.
func (u *upload) fillTo(off int64) error {
	end := u.add.Size()
	if off < end {
		return u.reason(unix.ESPIPE, "a write at %d, behind the end at %d: an image is written from front to back, once", off, end)
	}
	if off == end {
		return nil
	}
	return u.add.Zeros(off - end)
}

// Allocate (fallocate) of mode 0 announces a size. What cp --sparse and
// downloaders do ahead of the end is accepted.
func (u *upload) Allocate(_ context.Context, _ fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	if errno, over := u.over(unix.EPERM); over {
		return errno
	}
	u.mu.Lock()
	ahead := int64(off) >= u.size()
	u.mu.Unlock()
	switch mode {
	case 0:
		u.announceAtLeast(int64(off + size))
	case unix.FALLOC_FL_KEEP_SIZE:
	case unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE:
		if !ahead {
			return unix.EOPNOTSUPP
		}
	case unix.FALLOC_FL_ZERO_RANGE:
		if !ahead {
			return unix.EOPNOTSUPP
		}
		u.announceAtLeast(int64(off + size))
	default:
		return unix.EOPNOTSUPP
	}
	return 0
}

// announceAtLeast announces a size as fallocate does, which never shrinks.
func (u *upload) announceAtLeast(size int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.announced = max(u.announced, size)
	u.trailing = true
}

// announce announces a size as truncate does: the last one counts. It can't
// be below the end.
func (u *upload) announce(size int64) syscall.Errno {
	u.mu.Lock()
	defer u.mu.Unlock()
	if size < u.size() {
		return unix.EINVAL
	}
	u.announced = size
	u.trailing = true
	return 0
}

// complete brings the image to the size that was announced. Announced after
// the last write, the rest is zeros; announced before it, bytes are missing:
// qemu-img convert, which opens its target twice, must fail and not publish
// zeros.
func (u *upload) complete() error {
	u.mu.Lock()
	announced, trailing := u.announced, u.trailing
	u.mu.Unlock()
	end := u.add.Size()
	if announced <= end {
		return nil
	}
	if !trailing && u.written() {
		return u.reason(unix.EIO, "%d bytes were announced, %d came", announced, end)
	}
	return u.add.Zeros(announced - end)
}
