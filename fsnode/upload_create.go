package fsnode

import (
	"context"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// writeHandle marks the one handle of an upload.
type writeHandle struct{}

// Create begins an add. The handle is direct I/O: the bytes come in order,
// as they are written, in requests as large as the writer's.
func (s *storeNode) Create(ctx context.Context, name string, _ uint32, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	caller, _ := fuse.FromContext(ctx)
	if s.closing.Load() {
		return nil, nil, 0, unix.ESHUTDOWN
	}
	request, stop := s.request(ctx)
	defer stop()
	u := s.newUpload(name, mode, caller.Pid)
	if !s.claim(request, u) {
		return nil, nil, 0, unix.EEXIST
	}
	if err := u.begin(request); err != nil {
		s.drop(u)
		return nil, nil, 0, s.tree.fail(err)
	}
	s.register(u)
	u.fill(&out.Attr)
	node := s.NewInode(ctx, u, fs.StableAttr{Mode: unix.S_IFREG, Ino: u.ino})
	return node, writeHandle{}, fuse.FOPEN_DIRECT_IO, 0
}

func (s *storeNode) newUpload(name string, mode uint32, caller uint32) *upload {
	return &upload{
		store:     s,
		name:      name,
		opener:    threadGroup(caller),
		openedBy:  caller,
		ino:       randomInode(),
		owner:     fuse.Owner{Uid: s.UID, Gid: s.GID},
		done:      make(chan struct{}),
		turn:      make(chan struct{}, 1),
		tasks:     make(map[uint32]int),
		announced: -1,
		mode:      mode & 0o777,
		begun:     time.Now(),
		declared:  make(map[string]string),
	}
}

// begin begins the add in the store. The add lives in the mount's context; a
// caller that dies meanwhile is answered at once, and the store leaves nothing
// of it.
func (u *upload) begin(ctx context.Context) (err error) {
	u.add, err = u.store.in.AddWithin(ctx, u.store.ctx, u.name)
	if err != nil {
		return err
	}
	if o := u.add.Owner(); o != nil {
		u.owner = fuse.Owner{Uid: o.UID, Gid: o.GID}
	}
	u.opened.Store(true)
	return nil
}
