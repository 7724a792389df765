package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// wantDown checks that a store whose datadir is away says so, to every call,
// and says of nothing that it does not exist.
func wantDown(t *testing.T, s *Store) {
	t.Helper()
	_, createErr := s.Create(unlimited, "new")
	_, statErr := s.Stat(unlimited, "a")
	_, openErr := s.Open(unlimited, "a")
	for call, err := range map[string]error{
		"list":   s.List(unlimited, func(backends.Image) error { return nil }),
		"create": createErr,
		"stat":   statErr,
		"open":   openErr,
		"delete": s.Delete(unlimited, "a"),
		"rename": s.Rename(unlimited, "a", "b"),
		"health": s.Health(unlimited),
	} {
		if !errors.Is(err, backends.ErrUnavailable) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want ErrUnavailable", call, err)
		}
	}
}

// TestUnmounted unmounts a datadir, as when NFS is not mounted: nothing is
// written to the directory below, and another mount makes it work again. It
// is on another device then.
func TestUnmounted(t *testing.T) {
	for _, sub := range []string{"", "images"} {
		t.Run("datadir in mount: "+sub, func(t *testing.T) {
			point := mountAt(t, "tmpfs", "")
			dir := filepath.Join(point, sub)
			s := in(dir).must(t)
			add(t, s, "a", []byte("hello"))
			w, err := s.Create(unlimited, "late")
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Abort(unlimited); err != nil {
				t.Fatal(err)
			}

			if err := unix.Unmount(point, 0); err != nil {
				t.Fatal(err)
			}
			wantDown(t, s)
			if below, err := os.ReadDir(point); err != nil || len(below) != 0 {
				t.Errorf("below the mount there is %v (%v)", below, err)
			}

			if err := unix.Mount("none", point, "tmpfs", 0, ""); err != nil {
				t.Fatal(err)
			}
			if sub != "" {
				wantDown(t, s) // and not made by itself
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			add(t, s, "b", []byte("hello"))
			if diff := cmp.Diff([]string{"b"}, names(t, s)); diff != "" {
				t.Errorf("listed (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMountedLate starts a store before its datadir is mounted.
func TestMountedLate(t *testing.T) {
	dir := mountAt(t, "tmpfs", "")
	s := in(dir).must(t)
	add(t, s, "a", []byte("hello"))
	if err := unix.Mount("none", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	add(t, s, "b", []byte("hello"))
	if diff := cmp.Diff([]string{"b"}, names(t, s)); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
}

func TestVanished(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "images")
	s := in(dir).must(t)
	add(t, s, "a", []byte("hello"))
	w := begin(t, s, "b", []byte("hello"))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	wantDown(t, s)
	if _, err := w.Commit(unlimited, recordOf([]byte("hello"))); !errors.Is(err, backends.ErrUnavailable) {
		t.Errorf("commit: %v, want ErrUnavailable", err)
	}
	wantThere(t, dir, false)
}

// TestOneDatadirDown asks a store of which one datadir is away: what is in
// the others is there, what is missing may not be.
func TestOneDatadirDown(t *testing.T) {
	up, down := t.TempDir(), filepath.Join(t.TempDir(), "images")
	s := in(up+":1", down).must(t)
	add(t, s, "a", []byte("hello"))
	if err := os.RemoveAll(down); err != nil {
		t.Fatal(err)
	}
	stat(t, s, "a")
	if _, err := s.Stat(unlimited, "b"); !errors.Is(err, backends.ErrUnavailable) {
		t.Errorf("stat: %v, want ErrUnavailable", err)
	}
	if _, err := s.Create(unlimited, "b"); !errors.Is(err, backends.ErrUnavailable) {
		t.Errorf("create: %v, want ErrUnavailable", err)
	}
}

// TestServerDead kills the server of a FUSE filesystem: ENOTCONN.
func TestServerDead(t *testing.T) {
	n := mountNetwork(t)
	s := in(n.dir).must(t)
	add(t, s, "a", []byte("hello"))
	n.server.kill()
	wantDown(t, s)
}

// TestStartWhileDead opens a store whose datadir is down, and unmounts it: the
// directory below is not made into a datadir.
func TestStartWhileDead(t *testing.T) {
	n := mountNetwork(t)
	n.server.kill()
	dir := filepath.Join(n.dir, "images")
	s := in(dir).must(t)
	wantDown(t, s)
	if err := unix.Unmount(n.dir, 0); err != nil {
		t.Fatal(err)
	}
	wantDown(t, s)
	wantThere(t, dir, false)
	if err := unix.Mount("none", n.dir, "tmpfs", 0, ""); err != nil { // for mountNetwork to unmount
		t.Fatal(err)
	}
}
