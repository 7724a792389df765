package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"glancefs/backends"
	"glancefs/tests/need"
)

const (
	nobody = 65534
	users  = 100
)

// TestOrdinaryUser lets a process without root's rights use a datadir of its
// own and one of root's.
func TestOrdinaryUser(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	for path := dir; path != os.TempDir(); path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	roots, own, program := filepath.Join(dir, "roots"), filepath.Join(dir, "own"), filepath.Join(dir, "program")
	add(t, in(roots).must(t), "a", []byte("hello"))
	// With that bit, what is made in it has its group.
	err := errors.Join(os.Mkdir(own, 0o755), os.Chown(own, nobody, users), os.Chmod(own, 0o755|fs.ModeSetgid))
	if err != nil {
		t.Fatal(err)
	}
	// go test keeps its binary where only its user comes to.
	binary, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{users}}}
	startCommand(t, cmd, "user", "GLANCEFS_DIR="+dir)
}

// userChild is what TestOrdinaryUser runs as nobody.
func userChild() {
	dir := os.Getenv("GLANCEFS_DIR")
	s, err := in(filepath.Join(dir, "roots")).openIn(unlimited)
	if !errors.Is(err, backends.ErrMisconfigured) || !strings.Contains(err.Error(), "expected permission to write") {
		check(fmt.Errorf("opening root's datadir: %v, want a fault", err))
	}
	// Reading another's file without O_NOATIME, which is its owner's.
	r, err := s.Open(unlimited, "a")
	check(err)
	p := make([]byte, 10)
	n, err := r.ReadAt(unlimited, p, 0)
	check(err)
	if string(p[:n]) != "hello" || r.Image().Record == nil {
		check(fmt.Errorf("read %q with the record %v", p[:n], r.Image().Record))
	}
	if err := s.Delete(unlimited, "a"); !errors.Is(err, fs.ErrPermission) {
		check(fmt.Errorf("delete of root's: %v, want fs.ErrPermission", err))
	}

	// A mode that forbids the owner to set xattrs later.
	s, err = perm(in(filepath.Join(dir, "own")), 440).openIn(unlimited)
	check(err)
	w, err := s.Create(unlimited, "b")
	check(err)
	check(w.Append(unlimited, backends.Chunk{Data: []byte("hello")}))
	img, err := w.Commit(unlimited, recordOf([]byte("hello")))
	check(err)
	want := backends.Owner{UID: nobody, GID: users, Mode: 0o440}
	if said := w.(backends.OwnerTeller).Owner(); said != want || *img.Owner != want {
		check(fmt.Errorf("the image's owner is said to be %+v, and is %+v; want %+v", said, *img.Owner, want))
	}
	check(s.SetMtime(unlimited, "b", someTime))
	if img, err = s.Stat(unlimited, "b"); err != nil || img.Record == nil || !img.Mtime.Equal(someTime) {
		check(fmt.Errorf("after setting the mtime: %+v, %v", img, err))
	}
	fmt.Println("ready")
}
