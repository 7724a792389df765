package fsnode

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// flatDir is what the root and the stores refuse alike: there are no
// directories, links and special files among images. Each is implemented,
// since go-fuse's default for a missing Unlink or Rmdir is success.
type flatDir struct{}

var (
	_ fs.NodeMkdirer   = flatDir{}
	_ fs.NodeRmdirer   = flatDir{}
	_ fs.NodeLinker    = flatDir{}
	_ fs.NodeSymlinker = flatDir{}
	_ fs.NodeMknoder   = flatDir{}
	_ fs.NodeTmpfiler  = flatDir{}
	_ fs.NodeFsyncer   = flatDir{}
)

func (flatDir) Mkdir(context.Context, string, uint32, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, unix.EPERM
}

func (flatDir) Rmdir(context.Context, string) syscall.Errno { return unix.EPERM }

func (flatDir) Link(context.Context, fs.InodeEmbedder, string, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, unix.EPERM
}

func (flatDir) Symlink(context.Context, string, string, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, unix.EPERM
}

func (flatDir) Mknod(context.Context, string, uint32, uint32, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, unix.EPERM
}

func (flatDir) Tmpfile(context.Context, uint32, uint32, *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, unix.EOPNOTSUPP
}

// Fsync of a directory has nothing to do: a close that succeeded was durable.
func (flatDir) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno { return 0 }
