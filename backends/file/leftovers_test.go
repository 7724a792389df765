package file

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// leaveBehind makes a temporary file that nobody works on, of the boot given.
func leaveBehind(t *testing.T, d *datadir, boot string) string {
	t.Helper()
	if err := d.makeOwn(d.tmp()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.tmp(), boot+"-"+rand.Text())
	write(t, path, "left behind")
	return path
}

// wantThere checks whether a file is there.
func wantThere(t *testing.T, path string, want bool) {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if there := err == nil; there != want {
		t.Errorf("%s is there: %v, want %v", path, there, want)
	}
}

// TestKilledAdd kills a process in the middle of an add: nothing is to be
// seen of it, and the next start removes what it left. Until then it is left
// alone, and a process that lives is by every start.
func TestKilledAdd(t *testing.T) {
	dir := t.TempDir()
	victim := start(t, "add", "GLANCEFS_DIR="+dir)
	s := in(dir).must(t)
	if left := leftovers(t, s); len(left) != 1 {
		t.Fatalf("beside a living add a start leaves %v, want its one temporary file", left)
	}
	victim.kill()
	if got := names(t, s); len(got) != 0 {
		t.Errorf("after a killed add %v are listed", got)
	}
	s = in(dir).must(t)
	if left := leftovers(t, s); len(left) != 0 {
		t.Errorf("a start leaves %v of a killed add", left)
	}
}

// TestKilledCommit starts after a process was killed that had written the
// sidecar of its image, but had not given it its name yet.
func TestKilledCommit(t *testing.T) {
	d := in(mountAt(t, "ramfs", "")).must(t).dirs[0]
	left := leaveBehind(t, d, bootID())
	st := unix.Statx_t{Ino: inode(t, left)}
	if err := d.writeSidecar(&st, recordOf(nil), false); err != nil {
		t.Fatal(err)
	}
	in(d.path).must(t)
	wantThere(t, left, false)
	wantThere(t, d.sidecar(st.Ino), false)
}

// TestStartBesideAdd starts many stores while another process adds.
func TestStartBesideAdd(t *testing.T) {
	dir := t.TempDir()
	adder := start(t, "add", "GLANCEFS_DIR="+dir)
	for range 20 {
		in(dir).must(t)
	}
	adder.tell(t, "commit")
	adder.expect(t, "committed")
	if diff := cmp.Diff([]string{"child"}, names(t, in(dir).must(t))); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

// TestStartsAndCreates races starts with creates: none of them fails, none
// loses its temporary file, and none is left over.
func TestStartsAndCreates(t *testing.T) {
	dir := t.TempDir()
	s := in(dir).must(t)
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {

		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := newDatadir(dir, 0).removeLeftovers(); err != nil {
				stopped <- err
				return
			}
		}
	}()
	for range 300 {
		w := begin(t, s, "a", []byte("hello"))
		wantThere(t, w.(*writer).path, true)
		if err := w.Abort(unlimited); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if left := leftovers(t, s); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestLeftoversOfAnotherBoot looks at temporary files of another host, or of
// this one before it was booted: where locks are seen by all hosts they are
// removed, elsewhere only after a quiet day.
func TestLeftoversOfAnotherBoot(t *testing.T) {
	for _, c := range []struct {
		name string
		dir  string
		seen bool // locks of other hosts are
	}{
		{"local disk", t.TempDir(), true},
		{"network", mountNetwork(t).dir, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := in(c.dir).must(t).dirs[0]
			fresh, old, ours := leaveBehind(t, d, "another-boot"), leaveBehind(t, d, "another-boot"), leaveBehind(t, d, bootID())
			yesterday := time.Now().Add(-25 * time.Hour)
			if err := os.Chtimes(old, yesterday, yesterday); err != nil {
				t.Fatal(err)
			}
			in(c.dir).must(t)
			wantThere(t, fresh, !c.seen)
			wantThere(t, old, false)
			wantThere(t, ours, false)
		})
	}
}

func TestLocksTravel(t *testing.T) {
	for _, c := range []struct {
		fsType, options string
		want            bool
	}{
		{"ext4", "rw", true},
		{"nfs4", "rw,vers=4.2,local_lock=none,addr=192.0.2.1", true},
		{"nfs", "rw,vers=3,nolock,local_lock=all,addr=192.0.2.1", false},
		{"nfs", "rw,vers=3,local_lock=flock", false},
		{"ceph", "rw", true},
		{"cifs", "rw", false},
		{"fuse.sshfs", "rw", false},
	} {
		if got := (mount{fsType: c.fsType, options: c.options}).locksTravel(); got != c.want {
			t.Errorf("%s with %s: %v, want %v", c.fsType, c.options, got, c.want)
		}
	}
}
