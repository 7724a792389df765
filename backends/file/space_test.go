package file

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// TestSpace adds up the filesystems of several datadirs, each once.
func TestSpace(t *testing.T) {
	one, two := mountAt(t, "tmpfs", "size=1m"), mountAt(t, "tmpfs", "size=2m")
	s := in(one, filepath.Join(one, "sub"), two).must(t)
	space, err := s.Space(unlimited)
	if err != nil {
		t.Fatal(err)
	}
	if space.Total != 3<<20 || space.Available > space.Total || space.Available == 0 {
		t.Errorf("got %+v, want 3 MiB in total", space)
	}
}

// TestPick looks at which datadir takes an image: of those with the highest
// priority that have space, the one with the most.
func TestPick(t *testing.T) {
	low, small, large := mountAt(t, "tmpfs", "size=8m"), mountAt(t, "tmpfs", "size=1m"), mountAt(t, "tmpfs", "size=2m")
	s := in(low, small+":5", large+":5").must(t)
	for i, want := range []string{large, small, low} {
		name := fmt.Sprint("filler-", i)
		w := begin(t, s, name, nil)
		if got := w.(*writer).dir.path; got != want {
			t.Errorf("image %d goes to %s, want %s", i, got, want)
		}
		fill(t, w)
	}
	if _, err := s.Create(unlimited, "a"); !errors.Is(err, backends.ErrFull) {
		t.Errorf("create: %v, want ErrFull", err)
	}
}

// fill appends until the filesystem is full to the last block.
func fill(t *testing.T, w backends.Writer) {
	t.Helper()
	err := w.Append(unlimited, backends.Chunk{Data: make([]byte, 16<<20)})
	if !errors.Is(err, backends.ErrFull) {
		t.Fatalf("append: %v, want ErrFull", err)
	}
	if st, err := w.(*writer).dir.statfs(); err != nil || st.Bavail != 0 {
		t.Fatalf("%d blocks are free (%v)", st.Bavail, err)
	}
}

// TestNamesInAllDatadirs races two hosts that add one name to two datadirs:
// one wins.
func TestNamesInAllDatadirs(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	host1, host2 := in(one, two).must(t), in(one, two).must(t)
	writerIn := func(s *Store, d *datadir, name string) *writer {
		f, err := d.createTemp()
		if err != nil {
			t.Fatal(err)
		}
		w := newWriter(s, d, name, backends.Owner{}, f)
		t.Cleanup(func() {
			if err := w.Abort(unlimited); err != nil {
				t.Error(err)
			}
		})
		return w
	}
	for i := range 50 {
		name := fmt.Sprint("image-", i)
		writers := []*writer{writerIn(host1, host1.dirs[0], name), writerIn(host2, host2.dirs[1], name)}
		var errs [2]error
		var group sync.WaitGroup
		for n, w := range writers {
			group.Go(func() { _, errs[n] = w.Commit(unlimited, recordOf(nil)) })
		}
		group.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("the commits of one name: %v and %v, want one to win", errs[0], errs[1])
		}
	}
}

// TestSameNameTwice finds one name in two datadirs, where Glance has put it:
// the first one counts, for every call.
func TestSameNameTwice(t *testing.T) {
	high, low := t.TempDir(), t.TempDir()
	write(t, filepath.Join(low, "a"), "low")
	write(t, filepath.Join(high, "a"), "the higher")
	write(t, filepath.Join(low, "b"), "low")
	s := in(low, high+":5").must(t)
	got := names(t, s)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	if img := stat(t, s, "a"); img.Size != int64(len("the higher")) {
		t.Errorf("the image has %d bytes, want those of the first datadir's", img.Size)
	}
}

// TestSamples gets a file on each filesystem, for passthrough to be tried.
func TestSamples(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		one, two := mountAt(t, "tmpfs", ""), mountAt(t, "tmpfs", "")
		add(t, in(one).must(t), "a", []byte("hello"))
		add(t, in(two).must(t), "b", []byte("hello"))
		c := in(one, filepath.Join(one, "sub"), two)
		c.must(t) // makes sub
		c.opening.ReadOnly = readOnly
		devices := make(map[uint64]bool)
		err := c.must(t).Samples(unlimited, func(fd uintptr) error {
			var st unix.Stat_t
			if err := unix.Fstat(int(fd), &st); err != nil {
				return err
			}
			if st.Mode&unix.S_IFMT != unix.S_IFREG || devices[st.Dev] {
				t.Errorf("mode %o, device %d: not a regular file, or the second one there", st.Mode, st.Dev)
			}
			devices[st.Dev] = true
			return nil
		})
		if err != nil || len(devices) != 2 {
			t.Errorf("read-only %v: samples on %d filesystems (%v), want 2", readOnly, len(devices), err)
		}
		wantNothingLeft(t, c.must(t))
	}
}

func wantNothingLeft(t *testing.T, s *Store) {
	t.Helper()
	if left := leftovers(t, s); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}
