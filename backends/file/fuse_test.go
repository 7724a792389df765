package file

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"glancefs/tests/need"
)

// network is a directory on a filesystem that can fail as a network's does:
// a FUSE filesystem over a local directory, served by a child.
type network struct {
	server  *child
	backing string // what the server serves
	dir     string // where it is mounted
}

// mountNetwork mounts one. tricks are fuseNode's.
func mountNetwork(t *testing.T, tricks ...string) *network {
	t.Helper()
	need.Root(t)
	n := &network{backing: t.TempDir(), dir: t.TempDir()}
	t.Cleanup(func() {
		// Lazily, as a server that was stopped or killed does not answer.
		if err := unix.Unmount(n.dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	n.server = start(t, "fuse", "GLANCEFS_BACKING="+n.backing, "GLANCEFS_DIR="+n.dir, "GLANCEFS_TRICKS="+strings.Join(tricks, ","))
	return n
}

// stall stops the server: every call on the directory hangs until release.
func (n *network) stall(t *testing.T) (release func()) {
	t.Helper()
	n.server.signal(t, unix.SIGSTOP, "T")
	release = sync.OnceFunc(func() { n.server.signal(t, unix.SIGCONT, "RSD") })
	t.Cleanup(release)
	return release
}

// hold lets the server do the next rename or link, and hold its reply back
// until release: held is closed when it does.
func (n *network) hold(t *testing.T) (held <-chan struct{}, release func()) {
	t.Helper()
	n.server.tell(t, "hold")
	n.server.expect(t, "holding the next")
	ch := make(chan struct{})
	go func() {
		n.server.expect(t, "held")
		close(ch)
	}()
	return ch, sync.OnceFunc(func() { n.server.tell(t, "release") })
}

// fuseNode is a file of the server. Its tricks are:
//
//	norename2  renames with flags are EINVAL, as on NFS
//	linklies   a link is made, and answered with EEXIST, as by an NFS server that got the request twice
type fuseNode struct {
	fs.LoopbackNode
	server *fuseServer
}

type fuseServer struct {
	tricks string

	mu      sync.Mutex    // guards release
	release chan struct{} // not nil: hold the next reply until it is closed
}

func (n *fuseNode) Rename(ctx context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if flags != 0 && strings.Contains(n.server.tricks, "norename2") {
		return syscall.EINVAL
	}
	defer n.server.hold()
	return n.LoopbackNode.Rename(ctx, name, parent, newName, flags)
}

// hold holds a reply back if it is to.
func (s *fuseServer) hold() {
	s.mu.Lock()
	release := s.release
	s.release = nil
	s.mu.Unlock()
	if release != nil {
		fmt.Println("held")
		<-release
	}
}

func (n *fuseNode) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	defer n.server.hold()
	inode, errno := n.LoopbackNode.Link(ctx, target, name, out)
	if errno == 0 && strings.Contains(n.server.tricks, "linklies") {
		return nil, syscall.EEXIST
	}
	return inode, errno
}

// fuseChild serves GLANCEFS_BACKING at GLANCEFS_DIR until it is unmounted.
func fuseChild() {
	server := &fuseServer{tricks: os.Getenv("GLANCEFS_TRICKS")}
	backing := os.Getenv("GLANCEFS_BACKING")
	var st syscall.Stat_t
	check(syscall.Stat(backing, &st))
	root := &fs.LoopbackRoot{Path: filepath.Clean(backing), Dev: st.Dev}
	root.NewNode = func(root *fs.LoopbackRoot, _ *fs.Inode, _ string, _ *syscall.Stat_t) fs.InodeEmbedder {
		return &fuseNode{LoopbackNode: fs.LoopbackNode{RootData: root}, server: server}
	}
	// No timeouts: nothing is cached, so that what is stopped is missed.
	mounted, err := fs.Mount(os.Getenv("GLANCEFS_DIR"), root.NewNode(root, nil, "", &st), &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "network", Name: "network"},
	})
	check(err)
	go server.control()
	fmt.Println("ready")
	mounted.Wait()
}

// control does what the test says.
func (s *fuseServer) control() {
	var last chan struct{}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "hold":
			last = make(chan struct{})
			s.mu.Lock()
			s.release = last
			s.mu.Unlock()
			fmt.Println("holding the next")
		case "release":
			close(last)
		}
	}
	os.Exit(1) // the test has ended
}
