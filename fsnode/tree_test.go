package fsnode

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

// listing lists a directory.
func (m *mounted) listing(dir string) []string {
	m.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		m.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

func (m *mounted) wantListing(dir string, want ...string) {
	m.Helper()
	if diff := cmp.Diff(want, m.listing(dir), cmpopts.EquateEmpty()); diff != "" {
		m.Errorf("%s (-want +got):\n%s", dir, diff)
	}
}

// TestRootRefuses: there is nothing to be made or removed but images in
// stores.
func TestRootRefuses(t *testing.T) {
	m := mount(t, "")
	m.put("one", "image", "content")
	image := filepath.Join(m.one, "image")
	for _, dir := range []string{m.dir, m.one} {
		path := filepath.Join(dir, "new")
		m.wantErr("mkdir", unix.Mkdir(path, 0o755), unix.EPERM)
		m.wantErr("symlink", unix.Symlink("x", path), unix.EPERM)
		m.wantErr("link", unix.Link(image, path), unix.EPERM)
		m.wantErr("mknod", unix.Mknod(path, unix.S_IFIFO|0o644, 0), unix.EPERM)
		m.wantErr("tmpfile", openErr(dir, unix.O_TMPFILE|unix.O_WRONLY), unix.EOPNOTSUPP)
		fd := m.open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
		m.wantErr("fsync", unix.Fsync(fd), 0)
		m.close(fd)
	}
	m.wantErr("create", openErr(filepath.Join(m.dir, "new"), unix.O_CREAT|unix.O_WRONLY), unix.EPERM)
	m.wantErr("unlink of the default", unix.Unlink(filepath.Join(m.dir, "default")), unix.EPERM)
	m.wantErr("rmdir", unix.Rmdir(m.one), unix.EPERM)
	m.wantErr("rename of a store", unix.Rename(m.one, filepath.Join(m.dir, "new")), unix.EPERM)
	m.wantErr("rename into the root", unix.Rename(image, filepath.Join(m.dir, "new")), unix.EPERM)
	for _, name := range []string{".glancefs", ".glancefs-x"} {
		m.wantErr("create "+name, openErr(filepath.Join(m.one, name), unix.O_CREAT|unix.O_WRONLY), unix.EINVAL)
		m.wantErr("rename to "+name, unix.Rename(image, filepath.Join(m.one, name)), unix.EINVAL)
		m.wantGone(filepath.Join(m.one, name))
	}
	long := strings.Repeat("x", 256)
	m.wantErr("stat of a long name", unix.Stat(filepath.Join(m.one, long), new(unix.Stat_t)), unix.ENAMETOOLONG)
	m.wantErr("create a long name", openErr(filepath.Join(m.one, long), unix.O_CREAT|unix.O_WRONLY), unix.ENAMETOOLONG)
	m.wantListing(m.dir, "default", "one", "two")
	if target, err := os.Readlink(filepath.Join(m.dir, "default")); target != "one" || err != nil {
		t.Errorf("default -> %q, %v", target, err)
	}
	if !slices.Equal(m.listing(filepath.Join(m.dir, "default")), []string{"image"}) {
		t.Error("the default store lists something else")
	}
}
