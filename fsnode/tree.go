package fsnode

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/sirupsen/logrus"
)

// validFor is how long the kernel may keep entries and attributes of the
// tree and of complete images. What is under way is valid for 0, and so is
// "no such image"; that is set per reply, since go-fuse replaces a 0 by its
// mount-wide options.
const validFor = time.Second

// tree is what all nodes of a mount share.
type tree struct {
	Options
	log     *logrus.Entry
	ctx     context.Context // ends with the connection
	cancel  context.CancelFunc
	server  *fuse.Server
	device  int            // descriptor of the connection with the kernel
	closing atomic.Bool    // no new opens
	work    sync.WaitGroup // goroutines that outlive their request

	mu       sync.Mutex // guards the rest
	underWay map[*upload]struct{}
	readers  map[*readHandle]struct{}
	idle     *time.Timer // see rest
}

func newTree(o Options) *tree {
	ctx, cancel := context.WithCancel(context.Background())
	return &tree{
		Options:  o,
		log:      o.Log,
		ctx:      ctx,
		cancel:   cancel,
		underWay: make(map[*upload]struct{}),
		readers:  make(map[*readHandle]struct{}),
	}
}

// request returns a context for what a request does in a store: it ends when
// the caller is dying or the connection has ended, and with stop. (go-fuse
// ends a request's own context for any signal, and all of them at the end of
// the connection.)
func (t *tree) request(ctx context.Context) (_ context.Context, stop context.CancelFunc) {
	out, cancel := context.WithCancel(t.ctx)
	caller, ok := fuse.FromContext(ctx)
	if !ok {
		return out, cancel
	}
	unwatch := context.AfterFunc(ctx, func() {
		t.awaitLost(out, caller.Pid)
		cancel()
	})
	return out, func() {
		unwatch()
		cancel()
	}
}

// awaitLost waits until the caller of an interrupted request is dying or the
// connection has ended, or until ctx ends. It asks again and again: the
// kernel tells of a request's first signal only (fs/fuse/dev.c,
// request_wait_answer), and that may be one that ends nobody.
func (t *tree) awaitLost(ctx context.Context, caller uint32) {
	const pause = 50 * time.Millisecond // arbitrary
	for !dying(caller) && connected(t.device) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// abortAll aborts the adds under way; a commit that has begun goes on.
func (t *tree) abortAll(why error) {
	for _, u := range t.uploads() {
		u.fail(why)
	}
}

// awaitCommits waits for commits that have begun.
func (t *tree) awaitCommits(atMost time.Duration) {
	timeout := time.After(atMost)
	for _, u := range t.uploads() {
		select {
		case <-u.done:
		case <-timeout:
			return
		}
	}
}

func (t *tree) uploads() []*upload {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.underWay))
}

// addReader notes a handle that is to be closed.
func (t *tree) addReader(h *readHandle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.readers[h] = struct{}{}
}

// closeReader closes a handle.
func (t *tree) closeReader(h *readHandle) {
	t.mu.Lock()
	delete(t.readers, h)
	t.mu.Unlock()
	if err := h.image.Close(); err != nil {
		t.fail(err)
	}
}

// closeReaders closes the handles that are left.
func (t *tree) closeReaders() {
	t.mu.Lock()
	left := slices.Collect(maps.Keys(t.readers))
	t.mu.Unlock()
	for _, h := range left {
		t.closeReader(h)
	}
}

// inode numbers a node by what identifies it, the same in every mount.
func inode(identity ...string) uint64 {
	h := sha256.New()
	for _, s := range identity {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	return usable(binary.LittleEndian.Uint64(h.Sum(nil)))
}

// randomInode is the number of an image under way: unique on the machine,
// since /proc/PID/fdinfo names an open file by its inode number alone.
func randomInode() uint64 { return usable(rand.Uint64()) }

// usable makes an inode number of 62 bits that is not one of those which
// FUSE keeps for itself.
func usable(n uint64) uint64 {
	return n&(1<<62-1) | 1<<10
}

// newStdLogger gives go-fuse a logger that writes to ours.
func newStdLogger(e *logrus.Entry) *log.Logger {
	return log.New(debugWriter{e.WithField("from", "go-fuse")}, "", 0)
}

type debugWriter struct{ *logrus.Entry }

func (w debugWriter) Write(p []byte) (int, error) {
	w.Debug(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}
