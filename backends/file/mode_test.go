package file

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// TestMode adds images with modes of all kinds, and looks at what becomes of
// a datadir that only its owner may use.
func TestMode(t *testing.T) {
	for _, c := range []struct {
		filePerm   int
		file, want os.FileMode
	}{
		{0, 0o644 &^ os.FileMode(umask()), 0o700},
		{-1, 0o644 &^ os.FileMode(umask()), 0o700},
		{600, 0o600, 0o700},
		{640, 0o640, 0o710},
		{744, 0o744, 0o711},
		{404, 0o404, 0o701},
	} {
		dir := filepath.Join(t.TempDir(), "images")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		s := perm(in(dir), c.filePerm).must(t)
		img := add(t, s, "a", []byte("hello"))
		if got := os.FileMode(img.Owner.Mode); got != c.file {
			t.Errorf("file_perm %d: the image has the mode %o, want %o", c.filePerm, got, c.file)
		}
		w, err := s.Create(unlimited, "b")
		if err != nil {
			t.Fatal(err)
		}
		if owner := w.(backends.OwnerTeller).Owner(); owner != *img.Owner {
			t.Errorf("file_perm %d: a new image is said to be %+v, and is %+v", c.filePerm, owner, *img.Owner)
		}
		if err := w.Abort(unlimited); err != nil {
			t.Error(err)
		}
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != c.want {
			t.Errorf("file_perm %d: the datadir has the mode %o, want %o", c.filePerm, got, c.want)
		}
	}
}

// TestOwner adds to a datadir of somebody else's.
func TestOwner(t *testing.T) {
	dir := mountAt(t, "tmpfs", "uid=4242,gid=4343,mode=750")
	s := in(dir).must(t)
	owner := add(t, s, "a", []byte("hello")).Owner
	if owner.UID != 4242 || owner.GID != 4343 {
		t.Errorf("the image is %d:%d's, want the datadir's owner, 4242:4343", owner.UID, owner.GID)
	}
	var st unix.Stat_t
	if err := unix.Stat(s.dirs[0].tmp(), &st); err != nil {
		t.Fatal(err)
	}
	if st.Uid != 4242 || st.Gid != 4343 || st.Mode&0o777 != 0o750 {
		t.Errorf("glancefs' own directory is %d:%d's with the mode %o, want the datadir's", st.Uid, st.Gid, st.Mode&0o777)
	}
}

// TestOwnSticky: in a datadir in which nobody can remove another's files,
// neither can one remove another's temporary files.
func TestOwnSticky(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	add(t, in(dir).must(t), "a", []byte("hello"))
	for _, own := range []string{".glancefs", ".glancefs/tmp"} {
		info, err := os.Stat(filepath.Join(dir, own))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := info.Mode(), os.ModeDir|os.ModeSticky|0o777; got != want {
			t.Errorf("mode of %s: %v, want %v", own, got, want)
		}
	}
}
