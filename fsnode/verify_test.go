package fsnode

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// readAll reads front to back in pieces, and returns how far it came.
func readAll(fd, piece int) (int, error) {
	total, buf := 0, make([]byte, piece)
	for {
		n, err := unix.Pread(fd, buf, int64(total))
		if err != nil || n == 0 {
			return total, err
		}
		total += n
	}
}

// TestVerifyOnRead: what does not match its digest can't be read to the end,
// through any handle, until the image changes.
func TestVerifyOnRead(t *testing.T) {
	m := mount(t, "[one]\nverify_on_read = true")
	const size, piece = 3_000_000, 100_000
	good, bad := strings.Repeat("g", size), strings.Repeat("b", size)
	path := filepath.Join(m.one, "image")

	m.put("one", "image", good)
	fd := m.open(path, unix.O_RDONLY)
	for range 2 { // the second time it is no longer front to back
		if n, err := readAll(fd, piece); n != size || err != nil {
			t.Errorf("read %d of %d, %v", n, size, err)
		}
	}
	m.close(fd)

	m.corrupt("one", "image", bad)
	fd = m.open(path, unix.O_RDONLY)
	n, err := readAll(fd, piece)
	m.wantErr("read of what is corrupted", err, unix.EIO)
	if n != size-piece {
		t.Errorf("read %d bytes, want all but the last request", n)
	}
	other := m.open(path, unix.O_RDONLY)
	for range 2 { // again and again
		for _, fd := range []int{fd, other} {
			_, err = unix.Pread(fd, make([]byte, 10), size-5)
			m.wantErr("read of the tail", err, unix.EIO)
			_, err = unix.Pread(fd, make([]byte, piece), size-piece)
			m.wantErr("read of the last request", err, unix.EIO)
			if _, err := unix.Pread(fd, make([]byte, 10), 0); err != nil {
				t.Errorf("read of the head: %v", err)
			}
		}
	}

	// Another image by that name is read; the old one still is what it was.
	m.put("one", "image", good)
	m.wantContent(path, good)
	_, err = unix.Pread(other, make([]byte, 10), size-5)
	m.wantErr("read of the old tail", err, unix.EIO)
	m.close(fd)
	m.close(other)
	if logs := m.logs.String(); strings.Count(logs, "what was read has") != 1 {
		t.Errorf("the mismatch is to be logged once:\n%s", logs)
	}
}

// TestVerifyNot: there is nothing to compare with, or the store is not asked
// to.
func TestVerifyNot(t *testing.T) {
	m := mount(t, "[one]\nverify_on_read = true")
	for _, store := range []string{"one", "two"} {
		m.put(store, "image", "good content")
		data := "evil content"
		if store == "one" {
			data += ", of another size: the record is stale"
		}
		m.corrupt(store, "image", data)
		m.wantContent(filepath.Join(m.dir, store, "image"), data)
	}
}

// TestVerifyEmpty: of an image without a byte, of which nothing is ever read,
// the open tells.
func TestVerifyEmpty(t *testing.T) {
	m := mount(t, "[one]\nverify_on_read = true")
	path := filepath.Join(m.one, "image")
	m.put("one", "image", "")
	m.close(m.open(path, unix.O_RDONLY))
	m.record("one", "image", "other")
	m.wantErr("open", openErr(path, unix.O_RDONLY), unix.EIO)
	m.record("one", "image", "")
	m.close(m.open(path, unix.O_RDONLY))
}

// TestVerifyRandomReads: reads in any order, and of a part, are not verified.
func TestVerifyRandomReads(t *testing.T) {
	m := mount(t, "[one]\nverify_on_read = true")
	m.put("one", "image", strings.Repeat("g", 1000))
	m.corrupt("one", "image", strings.Repeat("b", 1000))
	fd := m.open(filepath.Join(m.one, "image"), unix.O_RDONLY)
	defer m.close(fd)
	for _, off := range []int64{500, 0, 900, 0, 100, 999} {
		if _, err := unix.Pread(fd, make([]byte, 100), off); err != nil {
			t.Errorf("read at %d: %v", off, err)
		}
	}
}

// TestBadTail: a mismatch holds for as long as the digest that was missed is
// the image's.
func TestBadTail(t *testing.T) {
	var tail badTail
	tail.forget(&backends.Record{Multihash: "b"})
	if tail.reaches(1 << 60) {
		t.Error("nothing was found, and reads fail")
	}
	tail.found.Store(&mismatch{100, "a"})
	tail.forget(nil)
	tail.forget(&backends.Record{Multihash: "a"})
	if tail.reaches(100) || !tail.reaches(101) {
		t.Error("the tail does not begin at 100")
	}
	tail.forget(&backends.Record{Multihash: "b"})
	if tail.reaches(101) {
		t.Error("the mismatch was with another digest than the image's")
	}
}
