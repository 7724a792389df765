package fsnode

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// verdict is what a FLUSH means.
type verdict int

const (
	later  verdict = iota // RELEASE will tell: somebody may still write
	commit                // the writer closes the image: close(2) hears the outcome
	abort                 // the writer was killed or has failed
)

// Flush is the close of one descriptor, by whoever had a copy of it. It
// commits if this was the writer's last, so that close(2) reports the
// outcome; else the commit comes with Release.
func (u *upload) Flush(ctx context.Context, _ fs.FileHandle) syscall.Errno {
	caller, _ := fuse.FromContext(ctx)
	request, stop := u.store.request(ctx)
	defer stop()
	u.mu.Lock()
	u.fresh = false
	u.mu.Unlock()
	p := inspect(caller.Pid)
	if p.execing {
		// The rest of the process waits for this, and whoever looks at it in
		// /proc: no waiting here. RELEASE will tell.
		errno, _ := u.over(0)
		return errno
	}
	if u.take(request) != nil {
		// Died while another's write was under way: what is said below.
		request = u.store.ctx
		if u.take(request) != nil {
			return unix.EIO
		}
	}
	defer u.give()
	if errno, over := u.over(0); over {
		return errno
	}
	switch u.judge(p, caller.Pid) {
	case abort:
		u.fail(u.reason(unix.EIO, "aborted: %s", p.why))
		return unix.EIO
	case commit:
		// Until the image is complete, which may take many zeros, the death
		// of the caller ends it.
		defer context.AfterFunc(request, func() { u.fail(u.store.whyLost()) })()
		return errno(u.commit())
	}
	return 0
}

// judge decides what the close of a descriptor by process p means.
func (u *upload) judge(p process, pid uint32) verdict {
	opener := p.tgid != 0 && p.tgid == u.opener
	switch {
	case p.killed && u.involves(p.tgid), p.failed && opener:
		return abort
	case p.exiting, !u.written(), !opener:
		return later
	case u.file().heldBy(pid):
		return later // the shell's exec 5>f; echo >&5 ends in a FLUSH for each echo
	case u.othersWrote(p.tgid) && u.file().heldByAny():
		return later
	}
	return commit
}

// Release comes when the last descriptor is closed, some time after: the one
// moment at which nobody can write. Nobody hears an error here, but for the
// log and user.glance.errors.
func (u *upload) Release(context.Context, fs.FileHandle) syscall.Errno {
	u.released.Store(true)
	if u.take(u.store.ctx) != nil {
		return 0 // the connection has ended: everything was aborted
	}
	defer u.give()
	if _, over := u.over(0); !over {
		_ = u.commit() // noted by end
	}
	return 0
}

// commit completes the image and commits it. The caller has the turn.
func (u *upload) commit() error {
	err := u.complete()
	if err == nil {
		err = u.copy.expect(u)
	}
	if err != nil {
		u.fail(err)
		return u.failure()
	}
	u.mu.Lock()
	if u.phase != writing { // aborted meanwhile
		u.mu.Unlock()
		return u.failure()
	}
	u.phase = committing
	mtime := u.mtime
	u.mu.Unlock()

	img, err := u.add.Commit(mtime)

	u.mu.Lock()
	if err == nil {
		u.phase, u.image = committed, img
	} else {
		u.phase, u.err = failed, err
	}
	u.mu.Unlock()
	u.end(err)
	return err
}

// failure returns why the upload failed.
func (u *upload) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}
