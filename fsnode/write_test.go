package fsnode

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWrite: what is written is there when close has returned, and not
// before.
func TestWrite(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	fd := m.create(path)
	m.write(fd, "some ")
	if h := m.holding("one"); len(h.Names) != 0 || len(h.UnderWay) != 1 {
		t.Errorf("while it is written the store has %+v", h)
	}
	m.wantSize(path, 5)
	m.wantListing(m.one)
	m.wantErr("open for reading", openErr(path, unix.O_RDONLY), unix.EBUSY)
	m.wantErr("create again", openErr(path, unix.O_CREAT|unix.O_WRONLY), unix.EEXIST)
	m.write(fd, "bytes")
	m.close(fd)
	if h := m.holding("one"); len(h.Names) != 1 || len(h.UnderWay) != 0 {
		t.Errorf("after the close the store has %+v", h)
	}
	m.wantListing(m.one, "image")
	m.wantContent(path, "some bytes")
	m.wantErr("create again", openErr(path, unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC), unix.EEXIST)
	m.wantErr("create it only", openErr(path, unix.O_CREAT|unix.O_WRONLY|unix.O_EXCL), unix.EEXIST)
	m.wantErr("truncate", unix.Truncate(path, 0), unix.EACCES)
	for _, flags := range []int{unix.O_WRONLY, unix.O_RDWR, unix.O_WRONLY | unix.O_APPEND} {
		m.wantErr("open to change it", openErr(path, flags), unix.EACCES)
	}
	m.wantContent(path, "some bytes")
}

func openErr(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o644)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

// TestStickyError: after the first failure every write, fsync and close, on
// every descriptor, says the same, and the name is free again.
func TestStickyError(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	fd := m.create(path)
	second, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	m.write(fd, "bytes")
	m.failRow("one", "append", "image", rowOf(unix.EDQUOT))
	for range 2 {
		_, err = unix.Write(fd, []byte("more"))
		m.wantErr("write", err, unix.EDQUOT)
		m.release() // the store is well again
	}
	_, err = unix.Pwrite(second, []byte("more"), 0)
	m.wantErr("pwrite", err, unix.EDQUOT)
	m.wantErr("fsync", unix.Fsync(fd), unix.EDQUOT)
	m.wantErr("ftruncate", unix.Ftruncate(fd, 100), unix.EDQUOT)
	m.wantErr("fallocate", unix.Fallocate(fd, 0, 0, 100), unix.EDQUOT)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Nlink != 0 {
		t.Errorf("fstat: %d links, %v", st.Nlink, err)
	}
	m.wantErr("close", unix.Close(fd), unix.EDQUOT)
	m.wantGone(path)

	again := m.create(path)
	m.write(again, "another")
	m.close(again)
	m.wantErr("close of the failed one", unix.Close(second), unix.EDQUOT)
	m.wantContent(path, "another")

	failed := m.failures("one")
	if len(failed) != 1 || failed[0].Name != "image" || failed[0].Errno != "EDQUOT" || !strings.Contains(failed[0].Reason, "quota") {
		t.Errorf("user.glance.errors: %+v", failed)
	}
}

// rowOf returns the row of errnoOf with an errno.
func rowOf(no syscall.Errno) int {
	for i, row := range errnoOf {
		if row.errno == no {
			return i
		}
	}
	panic(no)
}

// failures reads user.glance.errors.
func (m *mounted) failures(store string) []failure {
	m.Helper()
	var list []failure
	if err := json.Unmarshal([]byte(m.xattr(filepath.Join(m.dir, store), "user.glance.errors")), &list); err != nil {
		m.Error(err)
	}
	return list
}

func (m *mounted) xattr(path, name string) string {
	m.Helper()
	value := make([]byte, 1<<16)
	n, err := unix.Lgetxattr(path, name, value)
	if err != nil {
		m.Fatalf("getxattr %s of %s: %v", name, path, err)
	}
	return string(value[:n])
}

func (m *mounted) wantSize(path string, want int64) {
	m.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Size != want {
		m.Errorf("%s: size %d, %v, want %d", path, st.Size, err, want)
	}
}

// TestWriteAfterCommit: a descriptor that outlives the commit can't write.
// (That one writes once more after a commit is unusual: it needs another
// process, which got the descriptor meanwhile.)
func TestWriteAfterCommit(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	fd := m.create(path)
	m.write(fd, "bytes")

	// The descriptor travels: nobody has it in a table while it is closed.
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close(pair[0])
	defer m.close(pair[1])
	if err := unix.Sendmsg(pair[0], []byte("x"), unix.UnixRights(fd), nil, 0); err != nil {
		t.Fatal(err)
	}
	m.close(fd)
	m.wantListing(m.one, "image")

	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(pair[1], make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		t.Fatal(err)
	}
	rights, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	fd = rights[0]
	_, err = unix.Write(fd, []byte("more"))
	m.wantErr("write", err, unix.EPERM)
	m.wantErr("ftruncate", unix.Ftruncate(fd, 100), unix.EPERM)
	m.wantErr("fallocate", unix.Fallocate(fd, 0, 0, 100), unix.EPERM)
	m.wantErr("fsetxattr", unix.Fsetxattr(fd, "user.glance.size", []byte("5"), 0), unix.EPERM)
	m.wantErr("fsync", unix.Fsync(fd), 0)
	m.wantErr("fchmod", unix.Fchmod(fd, 0o600), 0)
	m.wantErr("futimens", unix.UtimesNano("/proc/self/fd/"+itoa(fd), []unix.Timespec{{Sec: 1}, {Sec: 1}}), 0)
	m.close(fd)
	m.wantContent(path, "bytes")
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mtim.Sec != 1 {
		t.Errorf("mtime %v, %v", st.Mtim, err)
	}
}

// TestShellWrites: several descriptors of one opener, closed one by one.
func TestShellWrites(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	fd := m.create(path)
	for _, line := range []string{"a\n", "b\n", "c\n"} {
		// As bash does for: echo a >&5
		saved, err := unix.Dup(fd)
		if err != nil {
			t.Fatal(err)
		}
		m.write(saved, line)
		// A change of attributes must not make the daemon forget who has it.
		if err := unix.Fchmod(fd, 0o600); err != nil {
			t.Fatal(err)
		}
		m.close(saved)
	}
	if h := m.holding("one"); len(h.Names) != 0 {
		t.Fatalf("published too early: %q", h.Names)
	}
	m.close(fd)
	m.wantContent(path, "a\nb\nc\n")
}
