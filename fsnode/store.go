package fsnode

import (
	"context"
	"errors"
	iofs "io/fs"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// storeNode is a store: the directory of its images.
type storeNode struct {
	fs.Inode
	flatDir
	*tree
	in      *backends.Instance
	ino     uint64
	changed atomic.Pointer[time.Time] // mtime of the directory
	failed  failures
	slow    slowNames

	mu      sync.Mutex // guards uploads
	uploads map[string]*upload
}

var (
	_ fs.NodeLookuper       = (*storeNode)(nil)
	_ fs.NodeOpendirHandler = (*storeNode)(nil)
	_ fs.NodeGetattrer      = (*storeNode)(nil)
	_ fs.NodeSetattrer      = (*storeNode)(nil)
	_ fs.NodeStatxer        = (*storeNode)(nil)
	_ fs.NodeStatfser       = (*storeNode)(nil)
	_ fs.NodeCreater        = (*storeNode)(nil)
	_ fs.NodeUnlinker       = (*storeNode)(nil)
	_ fs.NodeRenamer        = (*storeNode)(nil)
	_ fs.NodeGetxattrer     = (*storeNode)(nil)
	_ fs.NodeListxattrer    = (*storeNode)(nil)
	_ fs.NodeSetxattrer     = (*storeNode)(nil)
	_ fs.NodeRemovexattrer  = (*storeNode)(nil)
)

func newStoreNode(t *tree, in *backends.Instance, now time.Time) *storeNode {
	s := &storeNode{
		tree:    t,
		in:      in,
		ino:     inode("store", in.Name()),
		uploads: make(map[string]*upload),
	}
	s.changed.Store(&now)
	return s
}

// touch notes that the directory has changed.
func (s *storeNode) touch() {
	now := time.Now()
	s.changed.Store(&now)
}

// Lookup finds an image, complete or under way.
func (s *storeNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	ctx, stop := s.request(ctx)
	defer stop()
	if u := s.underWayNow(ctx, name); u != nil {
		u.fill(&out.Attr) // valid for 0: its size grows
		return u.EmbeddedInode(), 0
	}
	if err := backends.CheckName(name); err != nil {
		if len(name) > 255 {
			return nil, unix.ENAMETOOLONG
		}
		return nil, unix.ENOENT
	}
	if s.slow.is(name) {
		return nil, unix.ETIMEDOUT
	}
	img, err := s.in.Stat(ctx, name)
	if errors.Is(err, context.DeadlineExceeded) {
		s.slow.note(name)
	}
	if err != nil {
		return nil, s.tree.fail(err)
	}
	return s.entry(ctx, img, out), 0
}

// entry makes the node of a complete image and fills in the reply.
func (s *storeNode) entry(ctx context.Context, img backends.Image, out *fuse.EntryOut) *fs.Inode {
	id := fs.StableAttr{Mode: unix.S_IFREG, Ino: inode("image", s.in.Name(), img.Name, img.Incarnation)}
	s.fillImage(&out.Attr, img)
	out.SetEntryTimeout(validFor)
	out.SetAttrTimeout(validFor)
	// go-fuse takes the node that it already has for this identity.
	return s.NewInode(ctx, &imageNode{store: s, incarnation: img.Incarnation}, id)
}

func (s *storeNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	mode := uint32(0o755)
	if s.in.ReadOnly() {
		mode = 0o555
	}
	s.fillDir(&out.Attr, mode, *s.changed.Load())
	out.Ino = s.ino // go-fuse leaves it out of the reply to SETATTR
	out.SetTimeout(validFor)
	return 0
}

// Setattr lets a store's times be set (tar and rsync do), which means
// nothing; everything else is refused.
func (s *storeNode) Setattr(ctx context.Context, fh fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	const times = fuse.FATTR_ATIME | fuse.FATTR_MTIME | fuse.FATTR_ATIME_NOW | fuse.FATTR_MTIME_NOW | fuse.FATTR_CTIME
	if in.Valid&^(times|fuse.FATTR_FH|fuse.FATTR_LOCKOWNER) != 0 {
		return unix.EPERM
	}
	return s.Getattr(ctx, fh, out)
}

func (s *storeNode) Statx(ctx context.Context, fh fs.FileHandle, _, _ uint32, out *fuse.StatxOut) syscall.Errno {
	return statx(ctx, s, fh, out)
}

func (s *storeNode) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	ctx, stop := s.request(ctx)
	defer stop()
	return s.fillStatfs(ctx, s.in, out)
}

// Unlink deletes an image. One that is under way is aborted when the process
// that opened it or wrote to it asks, and busy for everybody else.
func (s *storeNode) Unlink(ctx context.Context, name string) syscall.Errno {
	caller, _ := fuse.FromContext(ctx)
	ctx, stop := s.request(ctx)
	defer stop()
	if u := s.underWayNow(ctx, name); u != nil {
		if u.involves(threadGroup(caller.Pid)) {
			u.fail(errRemoved) // unless its commit has begun: that ends first
			if u.await(ctx) != nil {
				return unix.EINTR
			}
			if u.failure() != nil {
				return 0
			}
		} else if u.settle(ctx); u.isUnderWay() {
			return unix.EBUSY
		}
	}
	if err := s.in.Delete(ctx, name); err != nil {
		return s.tree.fail(err)
	}
	s.touch()
	return 0
}

// Rename renames an image inside the store. Onto an image that exists it is
// EEXIST, also where another store would be EXDEV: mv deletes its target
// when it sees that.
func (s *storeNode) Rename(ctx context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	target, ok := newParent.(*storeNode)
	if !ok {
		return unix.EPERM
	}
	if flags&^unix.RENAME_NOREPLACE != 0 {
		return unix.EINVAL
	}
	if backends.CheckName(newName) != nil {
		return unix.EINVAL
	}
	ctx, stop := s.request(ctx)
	defer stop()
	if u := s.underWayNow(ctx, name); u != nil {
		if u.settle(ctx); u.isUnderWay() {
			return unix.EBUSY
		}
	}
	if err := target.free(ctx, newName); err != nil {
		return s.tree.fail(err)
	}
	if target != s {
		return unix.EXDEV
	}
	err := s.in.Rename(ctx, name, newName)
	if errors.Is(err, errors.ErrUnsupported) {
		return unix.EXDEV // mv copies
	}
	if err != nil {
		return s.tree.fail(err)
	}
	s.touch()
	return 0
}

// free returns nil if no image, complete or under way, has that name.
func (s *storeNode) free(ctx context.Context, name string) error {
	if s.underWayNow(ctx, name) != nil {
		return iofs.ErrExist
	}
	_, err := s.in.Stat(ctx, name)
	switch {
	case err == nil:
		return iofs.ErrExist
	case errors.Is(err, iofs.ErrNotExist):
		return nil
	}
	return err
}

// underWayNow returns the upload of that name, nil if there is none. If the
// kernel has released it already, that waits for the end of its commit.
func (s *storeNode) underWayNow(ctx context.Context, name string) *upload {
	s.mu.Lock()
	u := s.uploads[name]
	s.mu.Unlock()
	if u == nil || !u.opened.Load() {
		return nil
	}
	if !u.released.Load() {
		return u
	}
	select {
	case <-u.done:
		return nil
	case <-ctx.Done():
		return u
	}
}

// claim makes u the one upload of its name.
func (s *storeNode) claim(ctx context.Context, u *upload) bool {
	if s.underWayNow(ctx, u.name) != nil {
		return false
	}
	s.mu.Lock()
	_, taken := s.uploads[u.name]
	if !taken {
		s.uploads[u.name] = u
	}
	s.mu.Unlock()
	return !taken
}

// register puts an upload that has begun under the mount's control.
func (s *storeNode) register(u *upload) {
	s.tree.mu.Lock()
	s.underWay[u] = struct{}{}
	s.tree.mu.Unlock()
	if s.closing.Load() { // it came between Shutdown's two steps
		u.fail(errShutdown)
	}
}

// drop gives the name of an upload back.
func (s *storeNode) drop(u *upload) {
	s.mu.Lock()
	if s.uploads[u.name] == u {
		delete(s.uploads, u.name)
	}
	s.mu.Unlock()
	s.tree.mu.Lock()
	delete(s.underWay, u)
	s.tree.rest()
	s.tree.mu.Unlock()
}
