package fsnode

import (
	"context"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// dirHandle is an open store directory: one listing, which READDIRPLUS takes
// its attributes from, so that ls -l asks the store once and not per image.
type dirHandle struct {
	store  *storeNode
	listed bool
	as     *time.Time // storeNode.changed when it was listed
	images []backends.Image
	next   int
}

var (
	_ fs.FileReaddirenter = (*dirHandle)(nil)
	_ fs.FileSeekdirer    = (*dirHandle)(nil)
	_ fs.FileLookuper     = (*dirHandle)(nil)
)

// OpendirHandle opens the store for a listing.
func (s *storeNode) OpendirHandle(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if s.closing.Load() {
		return nil, 0, unix.ESHUTDOWN
	}
	return &dirHandle{store: s}, 0, 0
}

// Readdirent returns the next image; the kernel calls it in order, one call
// at a time.
func (d *dirHandle) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	if !d.listed {
		if err := d.list(ctx); err != nil {
			return nil, d.store.tree.fail(err)
		}
	}
	if d.next < len(dots) {
		d.next++
		return &fuse.DirEntry{Name: dots[d.next-1], Mode: unix.S_IFDIR, Ino: d.store.ino, Off: uint64(d.next)}, 0
	}
	img := d.image(d.next)
	if img == nil {
		return nil, 0
	}
	d.next++
	return &fuse.DirEntry{
		Name: img.Name,
		Mode: unix.S_IFREG,
		Ino:  inode("image", d.store.in.Name(), img.Name, img.Incarnation),
		Off:  uint64(d.next),
	}, 0
}

// dots are what every directory lists first; the kernel knows where they
// lead.
var dots = []string{".", ".."}

// image returns the image that is entry i of the listing, nil if none is.
func (d *dirHandle) image(i int) *backends.Image {
	if i -= len(dots); i < 0 || i >= len(d.images) {
		return nil
	}
	return &d.images[i]
}

// list asks the store. Images whose commit is about to come are waited for.
func (d *dirHandle) list(ctx context.Context) error {
	ctx, stop := d.store.request(ctx)
	defer stop()
	d.store.settleAll(ctx)
	d.as = d.store.changed.Load()
	d.images = d.images[:0]
	err := d.store.in.List(ctx, func(img backends.Image) error {
		d.images = append(d.images, img)
		return nil
	})
	d.listed = err == nil
	return err
}

// Seekdir goes on after the entry with that offset; at the start the store
// is listed anew.
func (d *dirHandle) Seekdir(_ context.Context, off uint64) syscall.Errno {
	if off == 0 {
		d.listed = false
	}
	d.next = min(int(off), len(dots)+len(d.images))
	return 0
}

// Lookup answers from the listing; name is what Readdirent returned last.
func (d *dirHandle) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	img := d.image(d.next - 1)
	if img == nil || img.Name != name {
		return d.store.Lookup(ctx, name, out)
	}
	node := d.store.entry(ctx, *img, out)
	if d.store.changed.Load() != d.as { // this image may be gone by now
		out.SetEntryTimeout(0)
		out.SetAttrTimeout(0)
	}
	return node, 0
}

// settleAll waits for uploads that are about to be released; see settle.
func (s *storeNode) settleAll(ctx context.Context) {
	s.mu.Lock()
	all := make([]*upload, 0, len(s.uploads))
	for _, u := range s.uploads {
		all = append(all, u)
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, releaseWait)
	defer cancel()
	for _, u := range all {
		u.settle(ctx)
	}
}

// releaseWait is how long a call waits for the RELEASE of an image whose
// writers are gone: it comes asynchronously, a little after close(2) has
// returned (of 400 times touch and open, 5 were faster).
const releaseWait = time.Second
