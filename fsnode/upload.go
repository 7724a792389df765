package fsnode

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// phase is how far an upload has come.
type phase int

const (
	writing    phase = iota
	committing       // nothing undoes it any more
	committed
	failed
)

var errRemoved = refusal{unix.EIO, "aborted: its writer removed it"}

// upload is an image under way: node and handle in one, since a name under
// way is opened once. Its inode number is random, see randomInode.
//
// It ends with committed or failed, and stays usable for descriptors that
// outlive that: writes are then EPERM, or the error again.
type upload struct {
	fs.Inode
	store    *storeNode
	name     string
	opener   int    // the process that opened it, 0 if that can't be told
	openedBy uint32 // its task that did
	ino      uint64
	owner    fuse.Owner

	opened   atomic.Bool   // the store has accepted it
	released atomic.Bool   // RELEASE has come: nobody can write any more
	done     chan struct{} // closed in the end, committed or failed

	turn chan struct{} // a token: who holds it writes or commits
	copy wholeCopy     // guarded by turn
	add  *backends.Add // set before opened is; read with the turn or mu, changed with both

	mu        sync.Mutex // guards the rest
	phase     phase
	err       error          // why it failed
	image     backends.Image // what was committed
	came      int64          // how many bytes, once add is nil
	tasks     map[uint32]int // process of each task that wrote
	fresh     bool           // something was written since the last FLUSH
	announced int64          // the size it is to have, -1 if nobody said
	trailing  bool           // announced after the last write
	mode      uint32         // permission bits
	mtime     time.Time      // to be set by the commit; zero: now
	begun     time.Time
	declared  map[string]string // xattrs as set
}

var (
	_ fs.NodeOpener         = (*upload)(nil)
	_ fs.NodeReader         = (*upload)(nil)
	_ fs.NodeWriter         = (*upload)(nil)
	_ fs.NodeFlusher        = (*upload)(nil)
	_ fs.NodeFsyncer        = (*upload)(nil)
	_ fs.NodeReleaser       = (*upload)(nil)
	_ fs.NodeAllocater      = (*upload)(nil)
	_ fs.NodeLseeker        = (*upload)(nil)
	_ fs.NodeCopyFileRanger = (*upload)(nil)
	_ fs.NodeGetattrer      = (*upload)(nil)
	_ fs.NodeSetattrer      = (*upload)(nil)
	_ fs.NodeStatxer        = (*upload)(nil)
	_ fs.NodeStatfser       = (*upload)(nil)
	_ fs.NodeGetxattrer     = (*upload)(nil)
	_ fs.NodeListxattrer    = (*upload)(nil)
	_ fs.NodeSetxattrer     = (*upload)(nil)
	_ fs.NodeRemovexattrer  = (*upload)(nil)
)

// take takes the turn, unless ctx ends first.
func (u *upload) take(ctx context.Context) error {
	select {
	case u.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (u *upload) give() {
	<-u.turn
	u.letGo()
}

// file is what /proc shows of the descriptors. The name of an image under way
// never changes.
func (u *upload) file() openFile { return openFile{u.name, u.ino} }

// over returns how the upload ended; 0 while it is under way.
func (u *upload) over(ifCommitted syscall.Errno) (errno_ syscall.Errno, over bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch u.phase {
	case failed:
		return errno(u.err), true
	case committed:
		return ifCommitted, true
	}
	return 0, false
}

// isUnderWay tells whether the name is still this upload's.
func (u *upload) isUnderWay() bool {
	select {
	case <-u.done:
		return false
	default:
		return true
	}
}

// await waits for the end, unless ctx ends first.
func (u *upload) await(ctx context.Context) error {
	select {
	case <-u.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fail ends the upload, unless its commit has begun: nothing of it is left,
// its name is free, and every descriptor that is still open gets the error.
// It does not wait for the store.
func (u *upload) fail(err error) {
	u.mu.Lock()
	if u.phase != writing {
		u.mu.Unlock()
		return
	}
	u.phase, u.err = failed, err
	add := u.add
	// Begun under mu, which abortAll takes before anybody waits for work.
	u.store.work.Go(func() {
		if err := add.Abort(); err != nil {
			u.store.tree.fail(err)
		}
		u.letGo()
	})
	u.mu.Unlock()
	u.end(err)
}

// end is what success and failure have in common. The kernel's entry of the name
// was valid for 0, so it asks again. It is not told to forget it: a
// notification waits for the directory's lock, which the caller of a CREATE has
// until that is answered, and a daemon that is killed meanwhile neither answers
// nor ends, as its thread can't be killed there (Linux 6.18).
func (u *upload) end(err error) {
	if err != nil {
		u.store.noteFailure(u.name, err)
	} else {
		u.store.touch()
	}
	u.store.drop(u)
	close(u.done)
}

// letGo lets go of an add that has ended, and of its buffers: the kernel keeps
// the upload until its name is looked up again, or the directory is listed.
// While somebody has the turn that is left to him, who may hang in another
// store.
func (u *upload) letGo() {
	if _, over := u.over(0); !over {
		return
	}
	select {
	case u.turn <- struct{}{}:
	default:
		return
	}
	u.mu.Lock()
	if u.add != nil {
		u.came, u.add = u.add.Size(), nil
	}
	u.mu.Unlock()
	<-u.turn
}

// size tells how many bytes came so far. The caller has mu.
func (u *upload) size() int64 {
	if u.add == nil {
		return u.came
	}
	return u.add.Size()
}

// settle waits, releaseWait at most, for the end of an upload that is about
// to be released: nothing was written since the last FLUSH, and the process
// that opened it has no descriptor of it any more.
func (u *upload) settle(ctx context.Context) {
	u.mu.Lock()
	fresh := u.fresh
	u.mu.Unlock()
	if !u.released.Load() && (fresh || u.opener != 0 && u.file().heldBy(uint32(u.opener))) {
		return
	}
	if !u.released.Load() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, releaseWait)
		defer cancel()
	}
	_ = u.await(ctx)
}

// Open of an image under way: nobody else can write it, nor read it yet.
// Once it is complete, ESTALE makes the kernel look the name up again.
func (u *upload) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&(unix.O_TRUNC|unix.O_ACCMODE) != unix.O_RDONLY {
		return nil, 0, unix.EEXIST
	}
	ctx, stop := u.store.request(ctx)
	defer stop()
	if u.settle(ctx); u.isUnderWay() {
		return nil, 0, unix.EBUSY
	}
	return nil, 0, unix.ESTALE
}

func (u *upload) Read(context.Context, fs.FileHandle, []byte, int64) (fuse.ReadResult, syscall.Errno) {
	return nil, unix.EBUSY
}

func (u *upload) Lseek(context.Context, fs.FileHandle, uint64, uint32) (uint64, syscall.Errno) {
	return 0, unix.EBUSY
}

func (u *upload) CopyFileRange(context.Context, fs.FileHandle, uint64, *fs.Inode, fs.FileHandle, uint64, uint64, uint64) (uint32, syscall.Errno) {
	return 0, unix.EBUSY
}

// Fsync returns the errors so far; durability comes with the commit.
func (u *upload) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	no, _ := u.over(0)
	return no
}

func (u *upload) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	return u.store.Statfs(ctx, out)
}

// reason is an error of ours about this upload.
func (u *upload) reason(no syscall.Errno, format string, args ...any) error {
	return &backends.Error{Op: "add", Store: u.store.in.Name(), Image: u.name, Err: refusal{no, fmt.Sprintf(format, args...)}}
}
