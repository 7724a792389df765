package tests

import (
	"bytes"
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// random returns n bytes, the same ones for the same seed.
func random(seed byte, n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data) // never fails
	return data
}

func md5Hex(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

func sha512Hex(data []byte) string {
	sum := sha512.Sum512(data)
	return hex.EncodeToString(sum[:])
}

// source writes a file into the scratch folder and returns its data.
func (m *mount) source(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	if err := os.WriteFile(filepath.Join(m.scratch, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return data
}

// writeImage adds an image.
func writeImage(t *testing.T, path string, data []byte) {
	t.Helper()
	f := create(t, path)
	if _, err := f.Write(data); err != nil {
		f.Close()
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// create begins an add.
func create(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() }) // a test that failed half-way
	return f
}

// wantImage checks everything about an image that has these bytes: it is
// listed, has the size, the bytes and the digests.
func wantImage(t *testing.T, path string, data []byte) {
	t.Helper()
	wantContent(t, path, data)
	if !listed(t, path) {
		t.Errorf("%s is not listed", path)
	}
	wantXattr(t, path, "checksum", md5Hex(data))
	wantXattr(t, path, "multihash", sha512Hex(data))
	wantXattr(t, path, "hashing_algo", "sha512")
}

// wantContent checks size and bytes of a file.
func wantContent(t *testing.T, path string, data []byte) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Error(err)
		return
	}
	if st.Size() != int64(len(data)) {
		t.Errorf("%s has the size %d, want %d", path, st.Size(), len(data))
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	wantBytes(t, path, got, data)
}

func wantBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	same := 0
	for same < min(len(got), len(want)) && got[same] == want[same] {
		same++
	}
	t.Errorf("%s has %d bytes, want %d; the first that differs is at %d", what, len(got), len(want), same)
}

// xattr returns an xattr's value, or its errno.
func xattr(path, name string) (string, error) {
	buf := make([]byte, 64<<10)
	n, err := unix.Lgetxattr(path, name, buf)
	return string(buf[:max(n, 0)]), err
}

// wantXattr checks an xattr in the namespace user.glance.
func wantXattr(t *testing.T, path, name, want string) {
	t.Helper()
	if got, err := xattr(path, "user.glance."+name); err != nil || got != want {
		t.Errorf("%s: user.glance.%s is %q (%v), want %q", path, name, got, err, want)
	}
}

// listXattrs returns the names of all xattrs, sorted.
func listXattrs(t *testing.T, path string) []string {
	t.Helper()
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, buf)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	names := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
	slices.Sort(names)
	return names
}

func listed(t *testing.T, path string) bool {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == filepath.Base(path) })
}

// wantNoImage waits until there is nothing by that name, an add under way
// included.
func wantNoImage(t *testing.T, path string) {
	t.Helper()
	var err error
	eventually(t, path+" is gone", func() bool {
		_, err = os.Lstat(path)
		return err != nil
	})
	wantErrno(t, err, unix.ENOENT)
	if listed(t, path) {
		t.Errorf("%s can't be stat'ed, but is listed", path)
	}
}

// wantSoon waits until an image is complete: for those whose commit nobody
// waits for.
func wantSoon(t *testing.T, path string) {
	t.Helper()
	eventually(t, path+" is listed", func() bool { return listed(t, path) })
}

// wantUnderWay checks that an image is under way, and waits until it has a
// size.
func wantUnderWay(t *testing.T, path string, size int) {
	t.Helper()
	eventually(t, "the image under way has its size", func() bool {
		st, err := os.Stat(path)
		return err == nil && st.Size() == int64(size)
	})
	if listed(t, path) {
		t.Errorf("%s is listed while it is under way", path)
	}
}

// wantErrno checks the errno of a system call; 0 is success.
func wantErrno(t *testing.T, err error, want syscall.Errno) {
	t.Helper()
	var got syscall.Errno
	if err != nil && !errors.As(err, &got) {
		t.Errorf("%v is no errno", err)
	}
	if got != want {
		t.Errorf("errno is %s (%v), want %s", name(got), err, name(want))
	}
}

func name(e syscall.Errno) string {
	if e == 0 {
		return "0"
	}
	return unix.ErrnoName(e)
}

// timeOf is a time with a part of a second.
func timeOf(seconds int64) time.Time { return time.Unix(seconds, 123_456_789) }
