package fsnode

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRename(t *testing.T) {
	m := mount(t, "")
	m.put("one", "a", "content")
	m.put("one", "b", "other")
	a, b, c := filepath.Join(m.one, "a"), filepath.Join(m.one, "b"), filepath.Join(m.one, "c")
	fd := m.open(a, unix.O_RDONLY)
	defer m.close(fd)

	m.wantErr("rename onto an image", unix.Rename(a, b), unix.EEXIST)
	m.wantErr("exchange", unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE), unix.EINVAL)
	m.wantErr("rename without replacing", unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, c, unix.RENAME_NOREPLACE), 0)
	m.wantGone(a)
	m.wantContent(c, "content")
	m.wantContent(b, "other")
	m.wantListing(m.one, "b", "c")
	if got := m.xattr(c, "user.glance.location"); got != "memory://one/c" {
		t.Errorf("location %s", got)
	}
	if got := m.xattr(c, "user.glance.checksum"); got != md5Of("content") {
		t.Errorf("checksum %s", got)
	}
	if got := m.readFD(fd); got != "content" {
		t.Errorf("read %q from what was open", got)
	}
	m.wantErr("rename of nothing", unix.Rename(a, b), unix.ENOENT)

	// The name is free, and one that is under way is not.
	again := m.create(a)
	m.write(again, "new")
	m.wantErr("rename of what is under way", unix.Rename(a, filepath.Join(m.one, "d")), unix.EBUSY)
	m.wantErr("rename onto what is under way", unix.Rename(c, a), unix.EEXIST)
	m.wantErr("rename across onto what is under way", unix.Rename(c, filepath.Join(m.two, "a")), unix.EXDEV)
	m.close(again)
	m.wantErr("rename right after the close", unix.Rename(a, filepath.Join(m.one, "d")), 0)
	m.wantListing(m.one, "b", "c", "d")
}

// TestRenameAfterClose: an image whose RELEASE is to come, without a byte,
// is waited for.
func TestRenameAfterClose(t *testing.T) {
	m := mount(t, "")
	for i := range 50 {
		path := filepath.Join(m.one, "image"+itoa(i))
		m.close(m.create(path))
		m.wantErr("rename", unix.Rename(path, path+".new"), 0)
		m.close(m.create(path))
		m.wantErr("unlink", unix.Unlink(path), 0)
		m.close(m.create(path)) // O_EXCL: it is gone
	}
}

// TestReadOnly: what a store that is protected refuses.
func TestReadOnly(t *testing.T) {
	m := mount(t, "[one]\nread_only = true\n[two]\nallow_delete = false")
	m.call("Fill", Filling{"one", 1}, nil)
	m.put("two", "image", "content")
	one, two := filepath.Join(m.one, "image-00000"), filepath.Join(m.two, "image")
	m.wantErr("create", openErr(filepath.Join(m.one, "new"), unix.O_CREAT|unix.O_WRONLY), unix.EROFS)
	for _, path := range []string{one, two} {
		m.wantErr("unlink", unix.Unlink(path), unix.EROFS)
		m.wantErr("rename", unix.Rename(path, path+".new"), unix.EROFS)
	}
	m.wantErr("utimens", unix.UtimesNano(one, []unix.Timespec{{Sec: 1}, {Sec: 1}}), unix.EROFS)
	for dir, want := range map[string]uint32{m.one: 0o555, m.two: 0o755} {
		var st unix.Stat_t
		if err := unix.Stat(dir, &st); err != nil || st.Mode&0o777 != want {
			t.Errorf("%s: mode %o, %v", dir, st.Mode, err)
		}
	}
	fd := m.create(filepath.Join(m.two, "new"))
	m.close(fd)
	m.wantListing(m.one, "image-00000")
	m.wantListing(m.two, "image", "new")
}

// TestWaysToOpen: what can be done with a new image besides writing.
func TestWaysToOpen(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_APPEND|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	m.write(fd, "some ")
	m.write(fd, "bytes")
	_, err = unix.Pread(fd, make([]byte, 10), 0)
	m.wantErr("read", err, unix.EBUSY)
	_, err = unix.Mmap(fd, 0, 10, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	m.wantErr("mmap", err, unix.ENODEV)
	m.wantErr("fsync", unix.Fsync(fd), 0)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode != unix.S_IFREG|0o600 || st.Nlink != 1 {
		t.Errorf("%+v, %v", st, err)
	}
	stamp := []unix.Timespec{{Sec: 5}, {Sec: 6, Nsec: 7}}
	m.wantErr("utimens", unix.UtimesNano("/proc/self/fd/"+itoa(fd), stamp), 0)
	m.close(fd)
	m.wantContent(path, "some bytes")
	if err := unix.Stat(path, &st); err != nil || st.Mtim != stamp[1] || st.Mode != unix.S_IFREG|0o440 {
		t.Errorf("%+v, %v", st, err)
	}
	m.xattr(path, "user.glance.checksum")

	fd = m.open(path, unix.O_RDONLY)
	defer m.close(fd)
	m.wantErr("fsync", unix.Fsync(fd), 0)
	m.wantErr("fallocate", unix.Fallocate(fd, 0, 0, 10), unix.EBADF)
	for _, test := range []struct {
		off    int64
		whence int
		want   int64
		err    error
	}{
		{3, unix.SEEK_DATA, 3, nil},
		{3, unix.SEEK_HOLE, 10, nil},
		{10, unix.SEEK_DATA, -1, unix.ENXIO},
		{11, unix.SEEK_HOLE, -1, unix.ENXIO},
		{-2, unix.SEEK_END, 8, nil},
	} {
		if at, err := unix.Seek(fd, test.off, test.whence); err != test.err || err == nil && at != test.want {
			t.Errorf("seek %+v: %d, %v", test, at, err)
		}
	}
	var stx unix.Statx_t
	for _, p := range []string{m.dir, m.one, filepath.Join(m.dir, "default"), path} {
		err := unix.Statx(unix.AT_FDCWD, p, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_ALL, &stx)
		m.wantErr("statx", err, 0)
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil || st.Ino != stx.Ino || st.Mode != uint32(stx.Mode) {
			t.Errorf("%s: stat %+v, statx %+v", p, st, stx)
		}
	}
}
