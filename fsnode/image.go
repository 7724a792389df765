package fsnode

import (
	"context"
	"errors"
	iofs "io/fs"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// imageNode is one incarnation of a complete image. It is immutable, but for
// its name and mtime. Another incarnation of the name is another node, so
// that kept pages, attributes and backing files never pass from one to the
// next.
type imageNode struct {
	fs.Inode
	store       *storeNode
	incarnation string
	backing     backing
	tail        badTail
}

var (
	_ fs.NodeOpener         = (*imageNode)(nil)
	_ fs.NodeGetattrer      = (*imageNode)(nil)
	_ fs.NodeSetattrer      = (*imageNode)(nil)
	_ fs.NodeStatxer        = (*imageNode)(nil)
	_ fs.NodeStatfser       = (*imageNode)(nil)
	_ fs.NodeCopyFileRanger = (*imageNode)(nil)
	_ fs.NodeGetxattrer     = (*imageNode)(nil)
	_ fs.NodeListxattrer    = (*imageNode)(nil)
	_ fs.NodeSetxattrer     = (*imageNode)(nil)
	_ fs.NodeRemovexattrer  = (*imageNode)(nil)
	_ fs.NodeAllocater      = (*imageNode)(nil)
)

// name returns the image's name in its store, "" once it was removed.
func (n *imageNode) name() string {
	name, _ := n.Parent()
	return name
}

// errReplaced is the error of an image whose name means another one now.
// ESTALE makes the kernel look the name up again, and do the same to that one:
// for up to a second (validFor) it takes the name for the image before. Who
// has only a descriptor gets it as it is.
var errReplaced = refusal{unix.ESTALE, "another image has its name now"}

// stat asks the store for this incarnation: errReplaced, or iofs.ErrNotExist
// if there is none of its name.
func (n *imageNode) stat(ctx context.Context) (backends.Image, error) {
	name := n.name()
	if name == "" {
		return backends.Image{}, iofs.ErrNotExist
	}
	img, err := n.store.in.Stat(ctx, name)
	if err == nil && img.Incarnation != n.incarnation {
		return backends.Image{}, errReplaced
	}
	return img, err
}

// Getattr tells the attributes; of an open image that was removed, or whose
// store is down, from its handle: the kernel asks for them when it reads (at
// the end of the file, and once a second), and programs when they begin to.
func (n *imageNode) Getattr(ctx context.Context, fh fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Ino = n.StableAttr().Ino // go-fuse leaves it out of the reply to SETATTR
	ctx, stop := n.store.request(ctx)
	defer stop()
	img, err := n.stat(ctx)
	h, open := fh.(*readHandle)
	switch {
	case err == nil:
	case open && (errors.Is(err, iofs.ErrNotExist) || errors.Is(err, errReplaced)):
		n.store.fillImage(&out.Attr, h.image.Image())
		out.Nlink = 0
		return 0
	case open && (errors.Is(err, backends.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)):
		img = h.image.Image()
	default:
		return n.store.tree.fail(err)
	}
	n.store.fillImage(&out.Attr, img)
	out.SetTimeout(validFor)
	return 0
}

// Setattr changes the mtime. An image's owner and mode are the store's
// affair; setting them is accepted, for cp -p, mv, install and rsync -a, and
// means nothing. Its size can't be changed.
func (n *imageNode) Setattr(ctx context.Context, fh fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if _, resize := in.GetSize(); resize {
		return unix.EACCES
	}
	if mtime, ok := in.GetMTime(); ok {
		ctx, stop := n.store.request(ctx)
		defer stop()
		img, err := n.stat(ctx) // not of another one by its name
		if err != nil {
			return n.store.tree.fail(err)
		}
		err = n.store.in.SetMtime(ctx, img.Name, mtime)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return n.store.tree.fail(err)
		}
	}
	return n.Getattr(ctx, fh, out)
}

func (n *imageNode) Statx(ctx context.Context, fh fs.FileHandle, _, _ uint32, out *fuse.StatxOut) syscall.Errno {
	return statx(ctx, n, fh, out)
}

func (n *imageNode) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	return n.store.Statfs(ctx, out)
}

// Allocate is refused: no descriptor of a complete image can write.
func (n *imageNode) Allocate(context.Context, fs.FileHandle, uint64, uint64, uint32) syscall.Errno {
	return unix.EPERM
}

// Open opens the image for reading. Creating it again is EEXIST; opening it
// to change it EACCES, so that losetup and mount -o loop fall back to
// reading. ESTALE as for errReplaced. The close of a reader has nothing to
// tell: no FLUSH.
func (n *imageNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	switch {
	case flags&unix.O_TRUNC != 0:
		return nil, 0, unix.EEXIST
	case flags&unix.O_ACCMODE != unix.O_RDONLY:
		return nil, 0, unix.EACCES
	case n.store.closing.Load():
		return nil, 0, unix.ESHUTDOWN
	}
	name := n.name()
	if name == "" {
		return nil, 0, unix.ESTALE
	}
	ctx, stop := n.store.request(ctx)
	defer stop()
	image, err := n.store.in.Open(ctx, name)
	if err != nil {
		return nil, 0, n.store.tree.fail(err)
	}
	if image.Image().Incarnation != n.incarnation {
		_ = image.Close() // nothing was read
		return nil, 0, unix.ESTALE
	}
	h := &readHandle{node: n, image: image}
	n.store.addReader(h)
	if n.store.in.VerifyOnRead() {
		h.verify = newVerifier(n, h.withRecord(ctx))
		n.tail.forget(h.verify.img.Record)
		if !h.verify.empty() {
			n.store.closeReader(h)
			return nil, 0, unix.EIO
		}
		return h, fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NOFLUSH, 0
	}
	n.backing.decide(n.store.tree, image)
	return h, fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH, 0
}
