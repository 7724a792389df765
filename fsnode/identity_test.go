package fsnode

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func (m *mounted) inode(path string) uint64 {
	m.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		m.Fatal(err)
	}
	return st.Ino
}

// readFD reads an image by a descriptor.
func (m *mounted) readFD(fd int) string {
	m.Helper()
	buf := make([]byte, 1000)
	n, err := unix.Pread(fd, buf, 0)
	if err != nil {
		m.Fatal(err)
	}
	return string(buf[:n])
}

// TestReplaced: another image by the same name is another inode. Its readers
// get its bytes and digests, those of the old one keep theirs.
func TestReplaced(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	m.put("one", "image", "first")
	fd := m.open(path, unix.O_RDONLY)
	first := m.inode(path)
	if got := m.readFD(fd); got != "first" {
		t.Errorf("read %q", got)
	}
	sum := m.xattr(path, "user.glance.checksum")

	m.put("one", "image", "other") // of the same size and mtime
	another := m.open(path, unix.O_RDONLY)
	if got := m.readFD(another); got != "other" {
		t.Errorf("read %q from the second image", got)
	}
	if got := m.inode(path); got == first {
		t.Error("another image has the same inode")
	}
	if got := m.xattr(path, "user.glance.checksum"); got == sum {
		t.Error("another image has the same digest")
	}
	if got := m.readFD(fd); got != "first" {
		t.Errorf("read %q from the first image", got)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Ino != first || st.Nlink != 0 {
		t.Errorf("fstat of the first image: inode %d, %d links, %v", st.Ino, st.Nlink, err)
	}
	_, err := unix.Fgetxattr(fd, "user.glance.checksum", make([]byte, 100))
	m.wantErr("fgetxattr of the first image", err, unix.ESTALE)
	m.close(fd)
	m.close(another)
}

// TestReplacedAtOnce: a path means what is there now, though the kernel may
// still take it for the image before.
func TestReplacedAtOnce(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	for i := range 20 {
		content := strings.Repeat("x", i+1)
		m.put("one", "image", content)
		switch i % 4 { // what asks the daemon first
		case 0:
			m.inode(path)
		case 1:
			m.wantContent(path, content)
		case 2:
			if got := m.xattr(path, "user.glance.checksum"); got != md5Of(content) {
				t.Errorf("checksum %s", got)
			}
		case 3:
			m.wantErr("utimens", unix.UtimesNano(path, []unix.Timespec{{Sec: 1}, {Sec: 1}}), 0)
		}
	}
}

// TestSameName: the same name in two stores.
func TestSameName(t *testing.T) {
	m := mount(t, "")
	m.put("one", "image", "of one")
	m.put("two", "image", "of two")
	one, two := filepath.Join(m.one, "image"), filepath.Join(m.two, "image")
	if m.inode(one) == m.inode(two) {
		t.Error("two images with the same inode")
	}
	for range 2 {
		m.wantContent(one, "of one")
		m.wantContent(two, "of two")
	}
	for path, want := range map[string]string{one: "one", two: "two"} {
		if got := m.xattr(path, "user.glance.store"); got != want {
			t.Errorf("%s is in store %s", path, got)
		}
	}
	m.wantErr("rename across", unix.Rename(one, filepath.Join(m.two, "new")), unix.EXDEV)
	m.wantErr("rename across onto an image", unix.Rename(one, two), unix.EEXIST)
}

// TestRemovedOpen: an open image that is removed stays readable, and what is
// done to it does not touch another one of its name.
func TestRemovedOpen(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	m.put("one", "image", "content")
	fd := m.open(path, unix.O_RDONLY)
	defer m.close(fd)
	m.wantErr("unlink", unix.Unlink(path), 0)
	m.wantGone(path)
	if got := m.readFD(fd); got != "content" {
		t.Errorf("read %q", got)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Size != 7 || st.Nlink != 0 {
		t.Errorf("fstat: size %d, %d links, %v", st.Size, st.Nlink, err)
	}
	old := "/proc/self/fd/" + itoa(fd)
	stamp := []unix.Timespec{{Sec: 1}, {Sec: 1}}
	m.wantErr("utimens of what is removed", unix.UtimesNano(old, stamp), unix.ENOENT)

	m.put("one", "image", "another")
	m.wantContent(path, "another")
	m.wantErr("utimens of what is replaced", unix.UtimesNano(old, stamp), unix.ENOENT)
	if err := unix.Stat(path, &st); err != nil || st.Mtim.Sec == 1 {
		t.Errorf("the mtime of another image was changed: %v, %v", st.Mtim, err)
	}
}

// TestWriterThenReaders: the write handle of an image and its readers do not
// meet, whatever the order in which they are closed.
func TestWriterThenReaders(t *testing.T) {
	m := mount(t, "")
	for i := range 20 {
		path := filepath.Join(m.one, "image"+itoa(i))
		fd := m.create(path)
		under := m.inode(path)
		m.write(fd, "content")
		m.close(fd) // its RELEASE comes some time later
		first := m.open(path, unix.O_RDONLY)
		second := m.open(path, unix.O_RDONLY)
		if m.readFD(first) != "content" || m.readFD(second) != "content" {
			t.Error("other content")
		}
		if m.inode(path) == under {
			t.Error("the image has the inode that it had under way")
		}
		m.close(first)
		m.wantContent(path, "content")
		m.close(second)
	}
}

// TestSetattr: a change of attributes changes no inode number.
func TestSetattr(t *testing.T) {
	m := mount(t, "")
	m.put("one", "image", "content")
	path := filepath.Join(m.one, "image")
	for _, p := range []string{path, m.one} {
		before := m.inode(p)
		stamp := []unix.Timespec{{Sec: 5, Nsec: 6}, {Sec: 7, Nsec: 8}}
		m.wantErr("utimens", unix.UtimesNano(p, stamp), 0)
		if after := m.inode(p); after != before || after == 0 {
			t.Errorf("%s: inode %d, then %d", p, before, after)
		}
	}
	m.wantErr("chmod", unix.Chmod(path, 0o600), 0)
	m.wantErr("chown", unix.Chown(path, 1, 1), 0)
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mtim != (unix.Timespec{Sec: 7, Nsec: 8}) || st.Mode != unix.S_IFREG|0o440 || st.Uid != 0 {
		t.Errorf("%+v, %v", st, err)
	}
	m.xattr(path, "user.glance.checksum") // the record went with the mtime
	m.wantErr("chmod of a store", unix.Chmod(m.one, 0o700), unix.EPERM)
	m.wantErr("truncate", unix.Truncate(path, 3), unix.EACCES)
}
