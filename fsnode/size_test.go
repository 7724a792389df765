package fsnode

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSizes: where writes go, which sizes are announced, and what the image
// is then.
func TestSizes(t *testing.T) {
	const (
		keep  = unix.FALLOC_FL_KEEP_SIZE
		punch = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
		zero  = unix.FALLOC_FL_ZERO_RANGE
	)
	type step = func(fd int) error
	write := func(data string, off int64) step {
		return func(fd int) error {
			_, err := unix.Pwrite(fd, []byte(data), off)
			return err
		}
	}
	truncate := func(size int64) step { return func(fd int) error { return unix.Ftruncate(fd, size) } }
	allocate := func(mode uint32, off, size int64) step {
		return func(fd int) error { return unix.Fallocate(fd, mode, off, size) }
	}
	fails := func(want syscall.Errno, s step) step {
		return func(fd int) error {
			if err := s(fd); err != want {
				return syscall.EUCLEAN // not what was wanted, and no errno of ours
			}
			return nil
		}
	}
	m := mount(t, "")
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	for _, test := range []struct {
		name  string
		steps []step
		close syscall.Errno
		want  string
	}{
		{"front to back", []step{write("a", 0), write("b", 1)}, 0, "ab"},
		{"a gap", []step{write("a", 0), write("b", 3)}, 0, "a\x00\x00b"},
		{"a gap of some MiB", []step{write("a", 3<<20), write("b", 3<<20+1)}, 0, zeros(3<<20) + "ab"},
		{"behind the end", []step{write("ab", 0), fails(unix.ESPIPE, write("c", 1)), fails(unix.ESPIPE, write("c", 2))}, unix.ESPIPE, ""},
		{"announced, and written", []step{truncate(3), write("abc", 0)}, 0, "abc"},
		{"announced, nothing written", []step{truncate(3)}, 0, zeros(3)},
		{"announced after the last byte", []step{write("a", 0), truncate(3)}, 0, "a\x00\x00"},
		{"announced before it, too few came", []step{truncate(3), write("ab", 0)}, unix.EIO, ""},
		{"announced before it, more came", []step{truncate(1), write("abc", 0)}, 0, "abc"},
		{"announced twice, the last one counts", []step{truncate(1000), write("ab", 0), truncate(2)}, 0, "ab"},
		{"below the end", []step{write("abc", 0), fails(unix.EINVAL, truncate(2))}, 0, "abc"},
		{"allocated, and written", []step{allocate(0, 0, 3), write("abc", 0)}, 0, "abc"},
		{"allocated, too few came", []step{allocate(0, 0, 3), write("ab", 0)}, unix.EIO, ""},
		{"allocated after the last byte", []step{write("a", 0), allocate(0, 1, 2)}, 0, "a\x00\x00"},
		{"allocated, then cut", []step{allocate(0, 0, 1000), write("ab", 0), truncate(2)}, 0, "ab"},
		{"allocated with KEEP_SIZE", []step{allocate(keep, 0, 1000), write("ab", 0)}, 0, "ab"},
		{"holes and zeros ahead", []step{write("a", 0), allocate(punch, 1, 2), allocate(zero|keep, 3, 5), write("b", 3)}, 0, "a\x00\x00b"},
		{"zeros ahead that count", []step{write("a", 0), allocate(zero, 1, 2)}, 0, "a\x00\x00"},
		{"holes and zeros behind", []step{
			write("abc", 0),
			fails(unix.EOPNOTSUPP, allocate(punch, 1, 2)),
			fails(unix.EOPNOTSUPP, allocate(zero, 1, 2)),
			fails(unix.EOPNOTSUPP, allocate(unix.FALLOC_FL_COLLAPSE_RANGE, 0, 1)),
		}, 0, "abc"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := m.with(t)
			path := filepath.Join(m.one, test.name)
			fd := m.create(path)
			for i, s := range test.steps {
				m.wantErr("step "+itoa(i), s(fd), 0)
			}
			m.wantErr("close", unix.Close(fd), test.close)
			if test.close != 0 {
				m.wantGone(path)
				return
			}
			m.wantContent(path, test.want)
			if got := m.xattr(path, "user.glance.checksum"); got != md5Of(test.want) {
				t.Errorf("checksum %s, want %s", got, md5Of(test.want))
			}
			var st unix.Stat_t
			if err := unix.Stat(path, &st); err != nil || st.Blocks*512 < int64(len(test.want)) || st.Blksize != 1<<20 {
				t.Errorf("%d blocks for %d bytes, block size %d, %v", st.Blocks, len(test.want), st.Blksize, err)
			}
		})
	}
}

// TestSizeUnderWay: stat shows what came so far, or what was announced.
func TestSizeUnderWay(t *testing.T) {
	m := mount(t, "")
	path := filepath.Join(m.one, "image")
	fd := m.create(path)
	m.wantSize(path, 0)
	m.write(fd, "abc")
	m.wantSize(path, 3)
	m.wantErr("ftruncate", unix.Ftruncate(fd, 10), 0)
	m.wantSize(path, 10)
	m.close(fd)
	m.wantContent(path, "abc"+strings.Repeat("\x00", 7))
}

// TestSpace: a store that is full answers the write that met it.
func TestSpace(t *testing.T) {
	m := mount(t, "[one]\nmemory_store_size = 81920")
	var st unix.Statfs_t
	if err := unix.Statfs(m.one, &st); err != nil || st.Blocks*uint64(st.Bsize) != 81920 || st.Bavail != st.Blocks {
		t.Errorf("statfs %+v, %v", st, err)
	}
	path := filepath.Join(m.one, "image")
	fd := m.create(path)
	for range 20 {
		m.write(fd, strings.Repeat("x", 4096))
	}
	_, err := unix.Write(fd, []byte("x"))
	m.wantErr("write", err, unix.ENOSPC)
	m.wantErr("close", unix.Close(fd), unix.ENOSPC)
	m.await("one", "abort", "image", 1)
	m.wantGone(path)
	for _, p := range []string{m.one, m.dir} {
		if err := unix.Statfs(p, &st); err != nil || st.Blocks*uint64(st.Bsize) != 81920 {
			t.Errorf("statfs of %s: %+v, %v", p, st, err)
		}
	}
	if err := unix.Statfs(m.two, &st); err != nil || st.Blocks != 0 {
		t.Errorf("statfs of a store that does not know: %+v, %v", st, err)
	}
}
