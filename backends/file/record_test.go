package file

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// helloRecord is how the record of "hello" with someTime is kept. It must
// never change: images have it.
var helloRecord = map[string]string{
	"user.glance.checksum":     "5d41402abc4b2a76b9719d911017c592",
	"user.glance.multihash":    "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
	"user.glance.hashing_algo": "sha512",
	"user.glance.of":           "5 1700000000.012345678",
}

var someTime = time.Unix(1700000000, 12345678)

// TestRecordXattrs looks at the file itself: a plain file, with the mtime and
// these xattrs and no others.
func TestRecordXattrs(t *testing.T) {
	dir := t.TempDir()
	addAt(t, in(dir).must(t), "a", []byte("hello"), someTime)
	path := filepath.Join(dir, "a")
	if diff := cmp.Diff(helloRecord, xattrs(t, path)); diff != "" {
		t.Errorf("xattrs (-want +got):\n%s", diff)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !info.Mode().IsRegular() || !info.ModTime().Equal(someTime) {
		t.Errorf("the image is %v of %v, want a regular file of %v", info.Mode(), info.ModTime(), someTime)
	}
}

// xattrs returns the user xattrs of a file.
func xattrs(t *testing.T, path string) map[string]string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := unix.Llistxattr(path, buf)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for name := range strings.FieldsFuncSeq(string(buf[:n]), func(r rune) bool { return r == 0 }) {
		value := make([]byte, 4096)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(value[:n])
	}
	return all
}

// TestRecordRead writes the xattrs by hand, as another version might have.
func TestRecordRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	write(t, path, "hello")
	for name, value := range helloRecord {
		if err := unix.Setxattr(path, name, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	s := in(dir).must(t)
	if r := stat(t, s, "a").Record; r != nil {
		t.Errorf("the record of another mtime is valid: %+v", r)
	}
	if err := os.Chtimes(path, time.Time{}, someTime); err != nil {
		t.Fatal(err)
	}
	want := recordOf([]byte("hello"))
	want.Mtime = someTime
	if diff := cmp.Diff(&want, stat(t, s, "a").Record); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if err := unix.Removexattr(path, "user.glance.multihash"); err != nil {
		t.Fatal(err)
	}
	if r := stat(t, s, "a").Record; r != nil {
		t.Errorf("half a record is one: %+v", r)
	}
}

// TestSidecar looks at the record where there are no xattrs, and at what
// becomes of it.
func TestSidecar(t *testing.T) {
	dir := mountAt(t, "ramfs", "")
	s := in(dir).must(t)
	addAt(t, s, "a", []byte("hello"), someTime)
	sidecar := s.dirs[0].sidecar(inode(t, filepath.Join(dir, "a")))
	text, err := os.ReadFile(sidecar)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	delete(got, keyBorn)
	if diff := cmp.Diff(helloRecord, got); diff != "" {
		t.Errorf("sidecar (-want +got):\n%s", diff)
	}

	if err := s.Rename(unlimited, "a", "b"); err != nil {
		t.Fatal(err)
	}
	if stat(t, s, "b").Record == nil {
		t.Error("the record did not go with the image")
	}
	if err := s.Delete(unlimited, "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(sidecar); !os.IsNotExist(err) {
		t.Errorf("the sidecar after the delete: %v", err)
	}
}

// TestSidecarOrphan gives a file the sidecar of one that had its inode
// before: same size, same mtime, another birth.
func TestSidecarOrphan(t *testing.T) {
	dir := t.TempDir()
	s := in(dir).must(t)
	d := s.dirs[0]
	write(t, filepath.Join(dir, "a"), "hello")
	if err := os.Chtimes(filepath.Join(dir, "a"), time.Time{}, someTime); err != nil {
		t.Fatal(err)
	}
	f, err := s.find("a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	record := recordOf([]byte("hello"))
	record.Mtime = someTime
	if err := d.writeSidecar(&f.stat, record, true); err != nil {
		t.Fatal(err)
	}
	if stat(t, s, "a").Record == nil {
		t.Fatal("its own sidecar is not taken")
	}
	other := f.stat
	other.Btime.Sec--
	if err := d.writeSidecar(&other, record, true); err != nil {
		t.Fatal(err)
	}
	if r := stat(t, s, "a").Record; r != nil {
		t.Errorf("an orphan is taken for the image's own: %+v", r)
	}
}

// TestRecordNoSpaceForXattrs adds where the record does not fit into xattrs
// any more. (tmpfs takes them from the space of its inodes; before Linux 6.6
// it has no user xattrs at all, which must end the same.)
func TestRecordNoSpaceForXattrs(t *testing.T) {
	s := in(mountAt(t, "tmpfs", "nr_inodes=200")).must(t)
	add(t, s, "other", nil)
	w := begin(t, s, "a", []byte("hello")).(*writer)
	const piece, room = 1024, 8 // KiB; a sidecar takes some, the record 16
	pieces := 0
	for ; unix.Setxattr(w.path, fmt.Sprint("user.filler-", pieces), make([]byte, piece), 0) == nil; pieces++ {
	}
	for i := max(0, pieces-room); i < pieces; i++ {
		if err := unix.Removexattr(w.path, fmt.Sprint("user.filler-", i)); err != nil {
			t.Fatal(err)
		}
	}
	record := recordOf([]byte("hello"))
	record.Multihash = strings.Repeat("f", 16<<10)
	img, err := w.Commit(unlimited, record)
	if err != nil {
		t.Fatal(err)
	}
	if img.Record == nil || img.Record.Multihash != record.Multihash {
		t.Errorf("record %+v", img.Record)
	}
	if diff := cmp.Diff("", xattrs(t, filepath.Join(s.dirs[0].path, "a"))[backends.KeyOf]); diff != "" {
		t.Errorf("the xattrs are a record (-want +got):\n%s", diff)
	}
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}
