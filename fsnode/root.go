package fsnode

import (
	"context"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// defaultLink is the name of the symlink to the default store.
const defaultLink = "default"

// rootNode lists the stores, and the symlink to the default one. Its
// children never change.
type rootNode struct {
	fs.Inode
	flatDir
	*tree
	started time.Time
}

var (
	_ fs.NodeOnAdder     = (*rootNode)(nil)
	_ fs.NodeLookuper    = (*rootNode)(nil)
	_ fs.NodeReaddirer   = (*rootNode)(nil)
	_ fs.NodeGetattrer   = (*rootNode)(nil)
	_ fs.NodeSetattrer   = (*rootNode)(nil)
	_ fs.NodeStatxer     = (*rootNode)(nil)
	_ fs.NodeStatfser    = (*rootNode)(nil)
	_ fs.NodeCreater     = (*rootNode)(nil)
	_ fs.NodeUnlinker    = (*rootNode)(nil)
	_ fs.NodeRenamer     = (*rootNode)(nil)
	_ fs.NodeGetxattrer  = (*rootNode)(nil)
	_ fs.NodeListxattrer = (*rootNode)(nil)
	_ fs.NodeSetxattrer  = (*rootNode)(nil)
)

// OnAdd makes the tree of stores.
func (r *rootNode) OnAdd(ctx context.Context) {
	r.started = time.Now()
	for _, in := range r.Set.Instances() {
		s := newStoreNode(r.tree, in, r.started)
		r.AddChild(in.Name(), r.NewPersistentInode(ctx, s, fs.StableAttr{Mode: unix.S_IFDIR, Ino: s.ino}), false)
	}
	def := r.Set.Default()
	if def == nil {
		return
	}
	if _, taken := r.Set.Get(defaultLink); !taken {
		l := &linkNode{tree: r.tree, target: def.Name(), made: r.started}
		r.AddChild(defaultLink, r.NewPersistentInode(ctx, l, fs.StableAttr{Mode: unix.S_IFLNK, Ino: inode("link", defaultLink)}), false)
	}
}

// Lookup finds a store.
func (r *rootNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	child := r.GetChild(name)
	if child == nil {
		return nil, unix.ENOENT
	}
	var attr fuse.AttrOut
	child.Operations().(fs.NodeGetattrer).Getattr(ctx, nil, &attr) // neither kind of child fails
	out.Attr = attr.Attr
	out.SetEntryTimeout(validFor)
	out.SetAttrTimeout(validFor)
	return child, 0
}

// Readdir lists the stores and the symlink.
func (r *rootNode) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	entries := []fuse.DirEntry{{Name: ".", Mode: unix.S_IFDIR, Ino: fuse.FUSE_ROOT_ID}, {Name: "..", Mode: unix.S_IFDIR, Ino: fuse.FUSE_ROOT_ID}}
	children := r.Children()
	for _, name := range slices.Sorted(maps.Keys(children)) {
		id := children[name].StableAttr()
		entries = append(entries, fuse.DirEntry{Name: name, Mode: id.Mode, Ino: id.Ino})
	}
	return fs.NewListDirStream(entries), 0
}

func (r *rootNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	r.fillDir(&out.Attr, 0o755, r.started)
	out.SetTimeout(validFor)
	return 0
}

func (r *rootNode) Setattr(context.Context, fs.FileHandle, *fuse.SetAttrIn, *fuse.AttrOut) syscall.Errno {
	return unix.EPERM
}

func (r *rootNode) Statx(ctx context.Context, fh fs.FileHandle, _, _ uint32, out *fuse.StatxOut) syscall.Errno {
	return statx(ctx, r, fh, out)
}

// Statfs tells the space of the default store, if that answers soon: no store
// that is down delays the root.
func (r *rootNode) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	const soon = time.Second // arbitrary
	def := r.Set.Default()
	if def == nil {
		return 0
	}
	ctx, stop := r.request(ctx)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	_ = r.fillStatfs(ctx, def, out) // zeros then
	return 0
}

func (r *rootNode) Create(context.Context, string, uint32, uint32, *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, unix.EPERM
}

func (r *rootNode) Unlink(context.Context, string) syscall.Errno { return unix.EPERM }

func (r *rootNode) Rename(context.Context, string, fs.InodeEmbedder, string, uint32) syscall.Errno {
	return unix.EPERM
}

// linkNode is the symlink to the default store.
type linkNode struct {
	fs.Inode
	*tree
	target string
	made   time.Time
}

var (
	_ fs.NodeReadlinker = (*linkNode)(nil)
	_ fs.NodeGetattrer  = (*linkNode)(nil)
	_ fs.NodeSetattrer  = (*linkNode)(nil)
	_ fs.NodeStatxer    = (*linkNode)(nil)
)

func (l *linkNode) Readlink(context.Context) ([]byte, syscall.Errno) { return []byte(l.target), 0 }

func (l *linkNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode = unix.S_IFLNK | 0o777
	out.Nlink = 1
	out.Size = uint64(len(l.target))
	out.Owner = fuse.Owner{Uid: l.UID, Gid: l.GID}
	out.Blksize = 4096
	setTimes(&out.Attr, l.made)
	out.SetTimeout(validFor)
	return 0
}

func (l *linkNode) Setattr(context.Context, fs.FileHandle, *fuse.SetAttrIn, *fuse.AttrOut) syscall.Errno {
	return unix.EPERM
}

func (l *linkNode) Statx(ctx context.Context, fh fs.FileHandle, _, _ uint32, out *fuse.StatxOut) syscall.Errno {
	return statx(ctx, l, fh, out)
}

// statx answers STATX from what GETATTR says. Without it the kernel would be
// told ENOSYS.
func statx(ctx context.Context, n interface {
	fs.NodeGetattrer
	fs.InodeEmbedder
}, fh fs.FileHandle, out *fuse.StatxOut) syscall.Errno {
	var attr fuse.AttrOut
	if errno := n.Getattr(ctx, fh, &attr); errno != 0 {
		return errno
	}
	attr.Ino = n.EmbeddedInode().StableAttr().Ino
	fillStatx(out, &attr)
	return 0
}
