package fsnode

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/sirupsen/logrus"

	"glancefs/backends"
)

// Options say how a set of stores is mounted.
type Options struct {
	Set     *backends.Set
	Log     *logrus.Entry
	Version string // shown as user.glance.version

	ReadOnly     bool
	AllowOther   bool     // others than the mount's user may enter; brings default_permissions
	UID, GID     uint32   // owner of the tree, and of the images of stores that know no owners
	FileMode     uint32   // of the images of stores that know no modes
	FSName       string   // first column of df; "" is glancefs
	MountOptions []string // further mount(8) options: nodev, nosuid, noexec, …
}

const (
	// maxRequest is the largest READ and WRITE, in bytes: the kernel's
	// limit for as long as fs.fuse.max_pages_limit is at its default.
	maxRequest = 1 << 20

	// maxBackground is how many buffered reads may be under way at once. The
	// kernel's limit is per mount, so it must be more than all stores
	// together may have in flight: with the default of 12, readers of a dead
	// store delayed those of another by half a minute.
	maxBackground = 1024
)

// Mounted is a mounted set of stores.
type Mounted struct {
	tree       *tree
	dir        string
	server     *fuse.Server
	connection string        // its number in fusectl
	ended      chan struct{} // closed when everything is over

	shutdown sync.Once
}

// Mount mounts the stores on dir and returns when the mount is ready. The
// set stays the caller's, to be closed after Wait has returned.
func Mount(dir string, o Options) (*Mounted, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	t := newTree(o)
	options := mountOptions(o)
	raw := fs.NewNodeFS(&rootNode{tree: t}, &fs.Options{MountOptions: options, NullPermissions: true})
	server, err := fuse.NewServer(raw, dir, &options)
	if err != nil {
		t.cancel()
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	m := &Mounted{tree: t, dir: dir, server: server, connection: connectionOf(dir), ended: make(chan struct{})}
	t.server, t.device = server, fuseDevice()
	go m.serve()
	if err := server.WaitMount(); err != nil {
		m.Shutdown(false)
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	m.widenReadAhead()
	for _, in := range o.Set.Instances() {
		t.work.Go(func() { in.RemoveLeftovers(t.ctx) })
	}
	return m, nil
}

// mountOptions translates our options to go-fuse's.
func mountOptions(o Options) fuse.MountOptions {
	options := fuse.MountOptions{
		AllowOther: o.AllowOther,
		FsName:     o.FSName,
		Name:       "glancefs",
		Options:    o.MountOptions,

		MaxWrite:      maxRequest,
		MaxBackground: maxBackground,
		// The bytes of network stores are in memory, and those of files are
		// read in time or not at all; a splice has no deadline. Copying gives
		// 2 GB/s, at 0.55 CPU seconds a GiB.
		DisableSplice: true,
		// O_TRUNC arrives with OPEN and CREATE: an image that exists is
		// refused there, not half opened first. KILLPRIV_V2: no GETXATTR of
		// security.capability before each write.
		ExtraCapabilities: fuse.CAP_ATOMIC_O_TRUNC | fuse.CAP_HANDLE_KILLPRIV_V2,
		DirectMount:       os.Geteuid() == 0,
		Logger:            newStdLogger(o.Log),
	}
	if options.FsName == "" {
		options.FsName = "glancefs"
	}
	if o.AllowOther {
		options.Options = append(options.Options, "default_permissions")
	}
	if o.ReadOnly {
		options.Options = append(options.Options, "ro")
	}
	return options
}

// serve answers the kernel until the connection ends, and cleans up.
func (m *Mounted) serve() {
	defer close(m.ended)
	m.server.Serve()
	// No FLUSH and no RELEASE comes any more (umount -f, an abort of the
	// connection; some are lost by every unmount): what is under way will
	// never be complete, what is open is not closed.
	m.tree.abortAll(errConnectionEnded)
	m.tree.cancel()
	m.tree.closeReaders()
	m.tree.work.Wait()
}

// Wait blocks until the connection with the kernel has ended and everything
// is cleaned up.
func (m *Mounted) Wait() { <-m.ended }
