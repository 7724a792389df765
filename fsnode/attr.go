package fsnode

import (
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// blockSize is st_blksize: coreutils then read and write 1 MiB at a time.
const blockSize = 1 << 20

// setTimes sets atime, mtime and ctime, which are one.
func setTimes(a *fuse.Attr, t time.Time) { a.SetTimes(&t, &t, &t) }

// fillDir fills in the attributes of a directory.
func (t *tree) fillDir(a *fuse.Attr, mode uint32, mtime time.Time) {
	a.Mode = unix.S_IFDIR | mode
	a.Nlink = 2
	a.Owner = fuse.Owner{Uid: t.UID, Gid: t.GID}
	a.Blksize = 4096
	setTimes(a, mtime)
}

// fillImage fills in the attributes of a complete image.
func (t *tree) fillImage(a *fuse.Attr, img backends.Image) {
	a.Mode = unix.S_IFREG | t.FileMode
	a.Owner = fuse.Owner{Uid: t.UID, Gid: t.GID}
	if o := img.Owner; o != nil {
		a.Mode = unix.S_IFREG | o.Mode&0o555 // immutable: never writable
		a.Owner = fuse.Owner{Uid: o.UID, Gid: o.GID}
	}
	a.Nlink = 1
	fillSize(a, img.Size)
	if img.Allocated >= 0 {
		a.Blocks = blocks(img.Allocated)
	}
	setTimes(a, img.Mtime)
}

// fillSize fills in a size, and its blocks as if nothing of it was a hole:
// cp looks for holes by hand in a file of fewer blocks.
func fillSize(a *fuse.Attr, size int64) {
	a.Size = uint64(size)
	a.Blocks = blocks(size)
	a.Blksize = blockSize
}

// blocks is a number of bytes as st_blocks.
func blocks(bytes int64) uint64 { return (uint64(bytes) + 511) / 512 }

// fillStatx is the reply to a statx that asks for more than stat knows.
func fillStatx(out *fuse.StatxOut, a *fuse.AttrOut) {
	out.Mask = unix.STATX_BASIC_STATS
	out.Blksize, out.Nlink = a.Blksize, a.Nlink
	out.Uid, out.Gid = a.Uid, a.Gid
	out.Mode = uint16(a.Mode)
	out.Ino, out.Size, out.Blocks = a.Ino, a.Size, a.Blocks
	stamp := fuse.SxTime{Sec: a.Mtime, Nsec: a.Mtimensec}
	out.Atime, out.Mtime, out.Ctime = stamp, stamp, stamp
	out.AttrValid, out.AttrValidNsec = a.AttrValid, a.AttrValidNsec
}
