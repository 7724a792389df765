package fsnode

import (
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/tests/need"
)

// force ends the connection with the kernel under the mount, as umount -f
// does: no FLUSH and no RELEASE comes any more.
func (m *mounted) force() {
	m.Helper()
	need.Root(m.T)
	// It is busy, and so stays in the mount table; the connection ends all
	// the same.
	if err := unix.Unmount(m.dir, unix.MNT_FORCE); err != nil && err != unix.EBUSY {
		m.Fatal(err)
	}
	if err := unix.Unmount(m.dir, unix.MNT_DETACH); err != nil && err != unix.EINVAL {
		m.Fatal(err)
	}
}

// TestForcedUnmount: adds under way are aborted when the connection ends,
// whatever they are doing.
func TestForcedUnmount(t *testing.T) {
	for _, op := range []string{"", "append", "create", "abort"} {
		t.Run("hanging:"+op, func(t *testing.T) {
			m := mount(t, "[glancefs]\nrequest_timeout = 5")
			path := filepath.Join(m.one, "image")
			w := newWriter(t)
			switch op {
			case "create":
				m.fault("one", "create", "image", hanging)
				w.tell("create %s", path)
				m.await("one", "create", "image", 1)
			case "append":
				w.must("create %s", path)
				m.fault("one", "append", "image", hanging)
				w.tell("write 10 100")
				m.await("one", "append", "image", 1)
			default:
				w.must("create %s", path)
				w.must("write 10 100")
			}
			m.force()
			m.waitEnded()
			if h := m.holding("one"); len(h.Names) != 0 || len(h.UnderWay) != 0 {
				t.Errorf("the store has %+v", h)
			}
		})
	}
}

// hangingReader opens the image of store two, and reads it, which hangs.
func (m *mounted) hangingReader() (fd int, read thread) {
	m.Helper()
	m.fault("two", "read", "image", hanging)
	fd = m.open(filepath.Join(m.two, "image"), unix.O_RDONLY)
	read = inThread(func() error {
		_, err := unix.Read(fd, make([]byte, 10))
		return err
	})
	m.await("two", "read", "image", 1)
	return fd, read
}

// TestForcedUnmountAtOnce: requests that hang end with the connection, not
// with the deadline of the store.
func TestForcedUnmountAtOnce(t *testing.T) {
	m := mount(t, "[glancefs]\nrequest_timeout = 3600")
	m.put("two", "image", "content")
	path := filepath.Join(m.one, "image")
	w := newWriter(t)
	w.must("create %s", path)
	m.fault("one", "append", "image", hanging)
	w.tell("write 10 100")
	m.await("one", "append", "image", 1)
	w.interrupt(m) // of the end of the connection go-fuse tells none twice
	reader, read := m.hangingReader()
	m.force()
	m.waitEnded()
	if err := <-read.result; err == nil {
		t.Error("the read was answered")
	}
	_ = unix.Close(reader) // nobody hears it
	if h := m.holding("one"); len(h.Names) != 0 || len(h.UnderWay) != 0 {
		t.Errorf("the store has %+v", h)
	}
}

// TestForcedUnmountOpen: what is open for reading is closed, though nobody
// says so: the daemon has no descriptor left.
func TestForcedUnmountOpen(t *testing.T) {
	m := mount(t, "[one]\ntest_files = local")
	m.put("one", "image", "content")
	fd := m.open(filepath.Join(m.one, "image"), unix.O_RDONLY)
	m.force()
	m.waitEnded()
	_ = unix.Close(fd) // nobody hears it
}

// TestShutdown: the adds under way are aborted, each of their descriptors
// gets an error, and the mount is gone.
func TestShutdown(t *testing.T) {
	m := mount(t, "")
	m.put("one", "there", "content")
	fd := m.create(filepath.Join(m.one, "image"))
	m.write(fd, "bytes")
	down := m.shutdown(false)
	m.await("one", "abort", "image", 1)
	_, err := unix.Write(fd, []byte("more"))
	if err != unix.EIO && err != unix.ENOTCONN {
		t.Errorf("write: %v", err)
	}
	if err := unix.Close(fd); err != unix.EIO && err != nil { // nil: the connection has ended
		t.Errorf("close: %v", err)
	}
	<-down
	m.waitEnded()
	m.wantUnmounted()
	if h := m.holding("one"); len(h.Names) != 1 || len(h.UnderWay) != 0 {
		t.Errorf("the store has %+v", h)
	}
}

func (m *mounted) wantUnmounted() {
	m.Helper()
	if connectionOf(m.dir) != "" {
		m.Error("it is still mounted")
	}
}

// TestShutdownInCommit: a commit that has begun ends first.
func TestShutdownInCommit(t *testing.T) {
	m := mount(t, "")
	m.fault("one", "commit", "image", holding)
	fd := m.create(filepath.Join(m.one, "image"))
	other := m.create(filepath.Join(m.one, "other"))
	m.write(fd, "bytes")
	closed := inThread(func() error { return unix.Close(fd) })
	m.await("one", "commit", "image", 1)
	down := m.shutdown(false)
	m.await("one", "abort", "other", 1) // it has begun
	m.wantErr("create", openErr(filepath.Join(m.one, "late"), unix.O_CREAT|unix.O_WRONLY), unix.ESHUTDOWN)
	m.wantErr("opendir", openErr(m.one, unix.O_RDONLY|unix.O_DIRECTORY), unix.ESHUTDOWN)
	m.release()
	m.wantErr("close", <-closed.result, 0)
	_ = unix.Close(other)
	<-down
	m.waitEnded()
	if h := m.holding("one"); len(h.Names) != 1 || h.Names[0] != "image" || len(h.UnderWay) != 0 {
		t.Errorf("the store has %+v", h)
	}
}

// TestShutdownBusy: a mount with a reader is detached, the reader goes on,
// and when it has closed its image everything is over.
func TestShutdownBusy(t *testing.T) {
	m := mount(t, "")
	m.put("one", "image", "content")
	fd := m.open(filepath.Join(m.one, "image"), unix.O_RDONLY)
	down := m.shutdown(false)
	for connectionOf(m.dir) != "" {
		if len(down) > 0 {
			break
		}
	}
	m.wantUnmounted()
	buf := make([]byte, 100)
	n, err := unix.Read(fd, buf)
	if string(buf[:max(n, 0)]) != "content" || err != nil {
		t.Errorf("read %q, %v", buf[:max(n, 0)], err)
	}
	m.close(fd)
	<-down
	m.waitEnded()
}

// TestShutdownBusyReader: a reader that does not end is not waited for, for
// ever. (Where fusectl is mounted its connection is ended; else it ends with
// the process.) This takes as long as readers are waited for.
func TestShutdownBusyReader(t *testing.T) {
	t.Parallel()
	m := mount(t, "")
	m.put("one", "image", "content")
	fd := m.open(filepath.Join(m.one, "image"), unix.O_RDONLY)
	<-m.shutdown(false)
	m.wantUnmounted()
	if _, err := unix.Pread(fd, make([]byte, 10), 0); err != nil && err != unix.ENOTCONN {
		t.Errorf("read: %v", err)
	}
	_ = unix.Close(fd)
	m.waitEnded()
}

// TestShutdownForced: readers are not waited for, one that waits for a store
// that hangs or another one.
func TestShutdownForced(t *testing.T) {
	need.Root(t)
	m := mount(t, "[glancefs]\nrequest_timeout = 3600")
	m.put("one", "image", "content")
	m.put("two", "image", "content")
	idle := m.open(filepath.Join(m.one, "image"), unix.O_RDONLY)
	reader, read := m.hangingReader()
	<-m.shutdown(true)
	m.wantUnmounted()
	if err := <-read.result; err == nil {
		t.Error("the read was answered")
	}
	_, err := unix.Pread(idle, make([]byte, 10), 0)
	m.wantErr("read", err, unix.ENOTCONN)
	m.waitEnded()
	_ = unix.Close(idle) // nobody hears it
	_ = unix.Close(reader)
}

// TestUnmount: somebody else unmounts.
func TestUnmount(t *testing.T) {
	m := mount(t, "")
	fd := m.create(filepath.Join(m.one, "image"))
	m.write(fd, "bytes")
	m.close(fd)
	if out, err := exec.Command("umount", m.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m.waitEnded()
	if h := m.holding("one"); len(h.Names) != 1 || len(h.UnderWay) != 0 {
		t.Errorf("the store has %+v", h)
	}
}

// TestLazyUnmount: after umount -l an add goes on, and its close commits.
func TestLazyUnmount(t *testing.T) {
	need.Root(t)
	m := mount(t, "")
	fd := m.create(filepath.Join(m.one, "image"))
	m.write(fd, "bytes")
	if err := unix.Unmount(m.dir, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	m.write(fd, "bytes")
	m.close(fd)
	m.waitEnded()
	if h := m.holding("one"); len(h.Names) != 1 || len(h.UnderWay) != 0 {
		t.Errorf("the store has %+v", h)
	}
}
