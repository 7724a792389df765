package file

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"glancefs/backends"
)

// TestStartWhileStalled opens a store whose datadir hangs: that is no fault,
// and what the start had to do is done when it answers.
func TestStartWhileStalled(t *testing.T) {
	n := mountNetwork(t)
	left := leaveBehind(t, in(n.dir).must(t).dirs[0], bootID())
	release := n.stall(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s, err := in(n.dir).openIn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stat: %v, want DeadlineExceeded", err)
	}
	release()
	add(t, s, "a", []byte("hello"))
	<-s.dirs[0].swept
	wantThere(t, left, false)
}

// TestTimeout bounds calls by filesystem_store_timeout alone.
func TestTimeout(t *testing.T) {
	n := mountNetwork(t)
	c := in(n.dir)
	add(t, c.must(t), "a", []byte("hello"))
	c.Timeout = 50 * time.Millisecond // too short for an add on a busy machine
	s := c.must(t)
	release := n.stall(t)
	_, err := s.Stat(unlimited, "a")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "filesystem_store_timeout") {
		t.Errorf("stat: %v, want DeadlineExceeded and the option", err)
	}
	release()
	c.Timeout = time.Minute
	stat(t, c.must(t), "a")
}

// TestThreads lets more calls hang than filesystem_store_thread_pool_size: no
// more of them are in the kernel, and passing the threshold is warned of
// once.
func TestThreads(t *testing.T) {
	n := mountNetwork(t)
	c := in(n.dir)
	c.Threads, c.set = 4, append(c.set, "filesystem_store_thread_pool_size")
	log, hook := logtest.NewNullLogger()
	c.opening.Log = logrus.NewEntry(log)
	s := c.must(t)
	release := n.stall(t)
	for range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := s.Stat(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stat: %v, want DeadlineExceeded", err)
		}
		cancel()
	}
	if got := s.gate.Busy(); got != 4 {
		t.Errorf("%d calls hang, want 4", got)
	}
	release()
	if len(hook.Entries) != 1 || !strings.Contains(hook.LastEntry().Message, "filesystem_store_threadpool_threshold = 75%") {
		t.Errorf("logged %v, want one warning of the threshold", hook.Entries)
	}
	if _, err := s.Stat(unlimited, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("stat: %v, want fs.ErrNotExist", err)
	}
}

// TestOpenedLate opens an image on a datadir that hangs: when the call ends at
// last, nobody is there to close it.
func TestOpenedLate(t *testing.T) {
	n := mountNetwork(t)
	s := in(n.dir).must(t)
	add(t, s, "a", []byte("hello"))
	// Go closes what is forgotten, sooner or later.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	release := n.stall(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Open(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("open: %v, want DeadlineExceeded", err)
	}
	release()
	waitUntil(t, "the call to end", func() bool { return s.gate.Busy() == 0 })
	for fd, target := range openFiles() {
		if target == filepath.Join(n.dir, "a") {
			t.Errorf("descriptor %s of the image is open", fd)
		}
	}
}

// waitUntil waits for what another goroutine or process does.
func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// TestCommitAfterFailure commits after an append that hung and failed: its
// bytes may be there or not, so there is no image.
func TestCommitAfterFailure(t *testing.T) {
	n := mountNetwork(t)
	s := in(n.dir).must(t)
	w := begin(t, s, "a", []byte("hello"))
	release := n.stall(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := w.Append(ctx, backends.Chunk{Data: []byte("more")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("append: %v, want DeadlineExceeded", err)
	}
	release()
	if _, err := w.Commit(unlimited, recordOf([]byte("hello"))); err == nil {
		t.Error("commit: no error")
	}
	if got := names(t, s); len(got) != 0 {
		t.Errorf("listed: %v", got)
	}
}

// TestLinkTwice adds where links are answered as by an NFS server that got
// the request twice.
func TestLinkTwice(t *testing.T) {
	n := mountNetwork(t, "norename2", "linklies")
	s := in(n.dir).must(t)
	add(t, s, "a", []byte("hello"))
	if left := leftovers(t, s); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}
