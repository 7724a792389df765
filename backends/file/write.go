package file

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// errEnded is what an add says that was aborted or committed.
var errEnded = errors.New("the add has ended")

// writer is an add under way.
type writer struct {
	store *Store
	dir   *datadir
	name  string
	owner backends.Owner // the image's, in the end
	path  string         // of the temporary file

	ended  atomic.Bool // aborted or committed: no further step begins
	failed error       // of Append or Commit; only those use it

	mu      sync.Mutex // guards the rest; held by the system calls on file
	file    *os.File   // nil: aborted or committed
	size    int64      // bytes appended, trailing holes included
	flushed int64      // bytes whose writeback was begun
	sidecar uint64     // the inode that a sidecar was written for; 0: none

	release  sync.Once
	released chan struct{} // closed when nothing is left, or the image is complete
	leftover error         // why something may be; set before released
}

var _ backends.OwnerTeller = (*writer)(nil)

func newWriter(s *Store, d *datadir, name string, owner backends.Owner, f *os.File) *writer {
	return &writer{store: s, dir: d, name: name, owner: owner, path: f.Name(), file: f, released: make(chan struct{})}
}

// Owner tells whose the image will be; see backends.OwnerTeller.
func (w *writer) Owner() backends.Owner { return w.owner }

// Append adds the next bytes; see backends.Writer.
func (w *writer) Append(ctx context.Context, c backends.Chunk) error {
	c.Keep() // a write that hangs uses it after we have returned
	progress, err := w.do(ctx, func() error {
		defer c.Done()
		return w.write(c.Data)
	})
	if progress == notBegun {
		c.Done()
	}
	return err
}

// do runs a step of the add in the gate. After a failure there is no further
// one: what hung may still go on.
func (w *writer) do(ctx context.Context, step func() error) (progress, error) {
	if w.failed != nil {
		return notBegun, w.failed
	}
	progress, err := w.store.doData(ctx, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.ended.Load() {
			return errEnded
		}
		return step()
	})
	w.failed = err
	return progress, err
}

// write writes p at the end, or leaves a hole for its zeros.
func (w *writer) write(p []byte) error {
	for len(p) > 0 {
		n, zero := w.run(p)
		if !zero {
			if _, err := w.file.WriteAt(p[:n], w.size); err != nil {
				return backends.ClassifyErrno(err)
			}
		}
		w.size += int64(n)
		p = p[n:]
	}
	return w.flush()
}

// run returns how many bytes at the beginning of p are to be treated alike,
// and whether they are zeros to be left out. With thin provisioning it looks
// at blocks of filesystem_store_chunk_size, aligned in the image.
func (w *writer) run(p []byte) (n int, zero bool) {
	if !w.store.thin {
		return len(p), false
	}
	for n < len(p) {
		block := w.store.chunkSize - (w.size+int64(n))%w.store.chunkSize
		end := int(min(int64(len(p)), int64(n)+block))
		isZero := backends.IsZero(p[n:end])
		if n > 0 && isZero != zero {
			break
		}
		n, zero = end, isZero
	}
	return n, zero
}

// flushWindow is after how many bytes writeback is begun. The kernel alone
// begins it at 10 % of memory or after 30 s, so that the fsync of the commit
// has gigabytes to write within one request_timeout. 1 GiB to ext4 on a fast
// disk: 1.5 s, of them 0.35 s in the fsync, and 1040 MiB dirty; with windows
// 0.43 s, 0.01 s, and 50 MiB. From 4 to 64 MiB all windows are as fast. On
// tmpfs they cost nothing.
const flushWindow = 16 << 20

// flush begins the writeback of each full window, and waits for that of the
// one before: so no more than two are dirty, and the disk is never idle.
func (w *writer) flush() error {
	for w.store.sync && w.size-w.flushed >= flushWindow {
		err := control(w.file, func(fd int) error {
			if err := unix.SyncFileRange(fd, w.flushed, flushWindow, unix.SYNC_FILE_RANGE_WRITE); err != nil {
				return err
			}
			before := w.flushed - flushWindow
			if before < 0 {
				return nil
			}
			const wait = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
			return unix.SyncFileRange(fd, before, flushWindow, wait)
		})
		// A filesystem that can't (ENOSYS, ESPIPE) leaves all to the fsync.
		if err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, unix.ESPIPE) {
			return backends.ClassifyErrno(&os.PathError{Op: "sync_file_range", Path: w.path, Err: err})
		}
		w.flushed += flushWindow
	}
	return nil
}
