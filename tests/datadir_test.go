package tests

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// newFilesystem mounts a filesystem for the test.
func newFilesystem(t *testing.T, fsType, options string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), fsType)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(fsType, dir, fsType, 0, options); err != nil {
		t.Fatalf("mount a %s: %v", fsType, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("umount the %s: %v", fsType, err)
			_ = unix.Unmount(dir, unix.MNT_DETACH)
		}
	})
	return dir
}

// temporaries lists the images under way in a datadir.
func temporaries(t *testing.T, datadir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(datadir, ".glancefs", "tmp"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func wantTemporaries(t *testing.T, datadir string, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d images are under way", n), func() bool {
		return len(temporaries(t, datadir)) == n
	})
}

// wantOnly checks that these images are all that is in a datadir.
func wantOnly(t *testing.T, datadir string, images ...string) {
	t.Helper()
	var names []string
	entries, err := os.ReadDir(datadir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".glancefs" {
			names = append(names, e.Name())
		}
	}
	if !slices.Equal(names, images) {
		t.Errorf("in the datadir there are %q, want %q", names, images)
	}
	wantTemporaries(t, datadir, 0) // what failed goes at the RELEASE, which nobody waits for
}

// wantStored waits until an image under way has all of its bytes in the
// datadir, so that what is missing is the commit.
func wantStored(t *testing.T, datadir string, size int) {
	t.Helper()
	eventually(t, "the bytes are in the datadir", func() bool {
		for _, name := range temporaries(t, datadir) {
			st, err := os.Stat(filepath.Join(datadir, ".glancefs", "tmp", name))
			if err == nil && st.Size() == int64(size) {
				return true
			}
		}
		return false
	})
}

// chattr changes a file's attributes, as chattr(1) does.
func chattr(t *testing.T, change, path string) {
	t.Helper()
	if out, err := exec.Command("chattr", change, path).CombinedOutput(); err != nil {
		t.Fatalf("chattr %s: %v\n%s", change, err, out)
	}
}
