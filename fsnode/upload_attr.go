package fsnode

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// fill fills in the attributes: what came so far, or what was announced.
func (u *upload) fill(a *fuse.Attr) {
	u.mu.Lock()
	defer u.mu.Unlock()
	a.Ino = u.ino // go-fuse leaves it out of the reply to SETATTR, and then fdinfo has 0
	a.Mode = unix.S_IFREG | u.mode
	a.Nlink = 1
	a.Owner = u.owner
	fillSize(a, max(u.size(), u.announced))
	mtime := u.mtime
	switch {
	case u.phase == committed:
		fillSize(a, u.image.Size)
		mtime = u.image.Mtime
	case u.phase == failed:
		a.Nlink = 0
	}
	if mtime.IsZero() {
		mtime = u.begun
	}
	setTimes(a, mtime)
}

func (u *upload) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	u.fill(&out.Attr) // valid for 0
	return 0
}

func (u *upload) Statx(ctx context.Context, fh fs.FileHandle, _, _ uint32, out *fuse.StatxOut) syscall.Errno {
	return statx(ctx, u, fh, out)
}

// Setattr: a size is announced, a mode holds until the commit, a time is
// applied by it; an owner means nothing.
func (u *upload) Setattr(ctx context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if errno, over := u.over(unix.EPERM); over {
			return errno
		}
		if errno := u.announce(int64(size)); errno != 0 {
			return errno
		}
	}
	if mtime, ok := in.GetMTime(); ok {
		if in.Valid&fuse.FATTR_MTIME_NOW != 0 {
			mtime = time.Time{} // the commit's
		}
		if errno := u.setMtime(ctx, mtime); errno != 0 {
			return errno
		}
	}
	if mode, ok := in.GetMode(); ok {
		u.mu.Lock()
		u.mode = mode & 0o777
		u.mu.Unlock()
	}
	return u.Getattr(ctx, nil, out)
}

// setMtime notes the time that the commit applies; zero is the commit's own.
// After the commit it is set in the store.
func (u *upload) setMtime(ctx context.Context, mtime time.Time) syscall.Errno {
	u.mu.Lock()
	early := u.phase == writing || u.phase == failed
	if early {
		u.mtime = mtime
	}
	u.mu.Unlock()
	if early || mtime.IsZero() {
		return 0
	}
	ctx, stop := u.store.request(ctx)
	defer stop()
	if u.await(ctx) != nil {
		return unix.EINTR
	}
	if u.failure() != nil {
		return 0
	}
	err := u.store.in.SetMtime(ctx, u.name, mtime)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return u.store.tree.fail(err)
	}
	return 0
}
