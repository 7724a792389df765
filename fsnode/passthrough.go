package fsnode

import (
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// backing tells whether the kernel reads an image's local file by itself
// (FUSE passthrough, Linux ≥ 6.9, CAP_SYS_ADMIN).
//
// It is decided once for a node, by registering its file by hand before the
// first open: the kernel answers a second open of another kind with EIO, and
// one registration that fails inside go-fuse switches passthrough off for
// every store (a datadir on overlayfs, say).
type backing struct {
	once    sync.Once
	through bool
}

func (b *backing) decide(t *tree, image *backends.Opened) {
	b.once.Do(func() {
		fd, ok := image.LocalFile()
		if !ok || t.server.KernelSettings().Flags64()&fuse.CAP_PASSTHROUGH == 0 {
			return
		}
		id, errno := t.server.RegisterBackingFd(&fuse.BackingMap{Fd: int32(fd)})
		if errno != 0 {
			t.log.Debugf("no passthrough for %s: %s", image.Image().Name, unix.ErrnoName(errno))
			return
		}
		b.through = t.server.UnregisterBackingFd(id) == 0
	})
}

// PassthroughFd gives go-fuse the descriptor that the kernel reads from.
func (h *readHandle) PassthroughFd() (int, bool) {
	if !h.node.backing.through {
		return 0, false
	}
	fd, ok := h.image.LocalFile()
	return int(fd), ok
}
