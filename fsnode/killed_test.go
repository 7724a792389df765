package fsnode

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestKilledWhileHanging: a writer that is killed while the store hangs is
// gone at once, and its image with it; whatever the store's deadline is.
func TestKilledWhileHanging(t *testing.T) {
	for _, op := range []string{"create", "append"} {
		t.Run(op, func(t *testing.T) {
			m := mount(t, "[glancefs]\nrequest_timeout = 3600")
			path := filepath.Join(m.one, "image")
			w := newWriter(t)
			m.fault("one", op, "image", hanging)
			if op == "append" {
				w.must("create %s", path)
				w.tell("write 10 100")
			} else {
				w.tell("create %s", path)
			}
			m.await("one", op, "image", 1)
			w.interrupt(m) // of the next signal the kernel says nothing
			w.signal(unix.SIGKILL)
			if status := w.ended(); status.Signal() != unix.SIGKILL {
				t.Errorf("the writer ended with %v", status)
			}
			if op == "create" {
				return // its add is aborted when the store answers, or the mount ends
			}
			m.await("one", "abort", "image", 1)
			m.release()
			m.wantGone(path)
			m.wantListing(m.one)
			failed := m.failures("one")
			if len(failed) != 1 || !strings.Contains(failed[0].Reason, "killed") && !strings.Contains(failed[0].Reason, "SIGKILL") {
				t.Errorf("user.glance.errors: %+v", failed)
			}
			fd := m.create(path) // the name is free
			m.close(fd)
		})
	}
}

// TestKilledInCommit: a kill during the commit does not undo it.
func TestKilledInCommit(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	w := newWriter(t)
	w.must("create %s", path)
	w.must("write 10 100")
	m.fault("one", "commit", "image", holding)
	w.tell("close 10")
	m.await("one", "commit", "image", 1)
	w.signal(unix.SIGKILL)
	m.release()
	w.ended()
	m.wantContent(path, strings.Repeat("w", 100))
	if failed := m.failures("one"); len(failed) != 0 {
		t.Errorf("user.glance.errors: %+v", failed)
	}
}

// TestKilledBeforeCommit: a kill while the announced rest of an image is
// being filled with zeros, in its close, ends that.
func TestKilledBeforeCommit(t *testing.T) {
	m := mount(t, "[glancefs]\nrequest_timeout = 3600")
	path := filepath.Join(m.one, "image")
	w := newWriter(t)
	w.must("create %s", path)
	w.must("write 10 100")
	w.must("truncate 10 1000000")
	m.fault("one", "append", "image", hanging)
	w.tell("close 10")
	m.await("one", "append", "image", 2)
	w.signal(unix.SIGKILL)
	w.ended()
	m.await("one", "abort", "image", 1)
	m.wantGone(path)
}

// TestEnds: how a writer ends that has closed nothing, and whether its image
// is then there.
func TestEnds(t *testing.T) {
	for _, test := range []struct {
		name      string
		do        func(w *writer)
		published bool
		reason    string // in user.glance.errors
	}{
		{"exit 0", func(w *writer) { w.tell("exit 0") }, true, ""},
		{"exit 3", func(w *writer) { w.tell("exit 3") }, false, "exit status 3"},
		{"SIGKILL", func(w *writer) { w.signal(unix.SIGKILL) }, false, "SIGKILL"},
		{"SIGTERM", func(w *writer) { w.signal(unix.SIGTERM) }, false, "SIGTERM"},
		{"execve", func(w *writer) { w.tell("exec") }, true, ""},
		{"two descriptors", func(w *writer) { w.must("dup 10 11"); w.must("close 10"); w.tell("exit 0") }, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := mount(t, "")
			path := filepath.Join(m.one, "image")
			w := newWriter(t)
			w.must("create %s", path)
			w.must("write 10 100")
			test.do(w)
			w.ended()
			if test.published {
				m.wantContent(path, strings.Repeat("w", 100))
			} else {
				m.wantGone(path)
			}
			switch failed := m.failures("one"); {
			case test.published && len(failed) != 0, !test.published && len(failed) != 1:
				t.Errorf("user.glance.errors: %+v", failed)
			case !test.published && !strings.Contains(failed[0].Reason, test.reason):
				t.Errorf("reason %q, want …%s…", failed[0].Reason, test.reason)
			}
		})
	}
}

// TestInterrupted: a signal that ends nobody does not end a request either,
// whatever the request is.
func TestInterrupted(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	w := newWriter(t)
	for _, step := range []struct {
		op    string
		order string
	}{
		{"create", "create " + path},
		{"append", "write 10 100"},
		{"commit", "close 10"},
		{"delete", "remove " + path},
	} {
		m.fault("one", step.op, "image", holding)
		w.tell("%s", step.order)
		m.await("one", step.op, "image", 1)
		for range 10 {
			w.signal(unix.SIGURG) // as the Go runtime's
		}
		m.release()
		if got := w.reply(); got != "ok" {
			t.Errorf("%s: %s", step.order, got)
		}
	}
	if failed := m.failures("one"); len(failed) != 0 {
		t.Errorf("user.glance.errors: %+v", failed)
	}
}

// TestRemovedByWriter: the one who writes an image may remove it, nobody
// else.
func TestRemovedByWriter(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	w := newWriter(t)
	w.must("create %s", path)
	w.must("write 10 100")
	m.wantErr("unlink by another one", unix.Unlink(path), unix.EBUSY)
	m.wantErr("rename by another one", unix.Rename(path, path+".new"), unix.EBUSY)
	w.must("write 10 100")
	w.must("remove %s", path)
	m.wantGone(path)
	w.want("EIO", "write 10 100")
	w.want("EIO", "close 10")
	m.await("one", "abort", "image", 1)
	m.wantListing(m.one)
}

// TestRemovedInCommit: removed by its writer when its commit has begun, the
// image is removed after it.
func TestRemovedInCommit(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	m.fault("one", "commit", "image", holding)
	fd := m.create(path)
	m.write(fd, "bytes")
	closed := inThread(func() error { return unix.Close(fd) })
	m.await("one", "commit", "image", 1)
	removed := inThread(func() error { return unix.Unlink(path) })
	m.waitBlocked(removed)
	m.release()
	m.wantErr("close", <-closed.result, 0)
	m.wantErr("unlink", <-removed.result, 0)
	m.wantGone(path)
	m.wantListing(m.one)
}

// thread is a system call in a thread of its own.
type thread struct {
	tid    chan int
	result chan error
}

func inThread(call func() error) thread {
	th := thread{make(chan int, 1), make(chan error, 1)}
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this
		th.tid <- unix.Gettid()
		th.result <- call()
	}()
	return th
}

// waitBlocked waits until the daemon does not answer a thread for some time,
// or it has an answer: then that comes from result.
func (m *mounted) waitBlocked(th thread) {
	m.Helper()
	wchan := "/proc/self/task/" + itoa(<-th.tid) + "/wchan"
	for seen := 0; seen < 100 && len(th.result) == 0; seen++ {
		what, err := os.ReadFile(wchan)
		if err != nil {
			return // it has ended
		}
		if string(what) != "request_wait_answer" {
			seen = 0
		}
	}
}
