package fsnode

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// dirent is an entry as getdents tells it.
type dirent struct {
	name string
	ino  uint64
	off  int64 // telldir after it
}

// getdents reads once from an open directory, into a buffer of some bytes.
func (m *mounted) getdents(fd, size int) (list []dirent) {
	m.Helper()
	buf := make([]byte, size)
	n, err := unix.Getdents(fd, buf)
	if err != nil {
		m.Fatal(err)
	}
	for buf = buf[:n]; len(buf) > 0; {
		length := binary.NativeEndian.Uint16(buf[16:])
		name, _, _ := strings.Cut(string(buf[19:length]), "\x00")
		if name != "." && name != ".." {
			list = append(list, dirent{name, binary.NativeEndian.Uint64(buf), int64(binary.NativeEndian.Uint64(buf[8:]))})
		}
		buf = buf[length:]
	}
	return list
}

func (m *mounted) seekdir(fd int, off int64) {
	m.Helper()
	if _, err := unix.Seek(fd, off, unix.SEEK_SET); err != nil {
		m.Fatal(err)
	}
}

// rest reads a directory to its end.
func (m *mounted) rest(fd, size int) (all []dirent) {
	m.Helper()
	for {
		some := m.getdents(fd, size)
		if len(some) == 0 {
			return all
		}
		all = append(all, some...)
	}
}

func namesOf(list []dirent) []string {
	names := make([]string, len(list))
	for i, d := range list {
		names[i] = d.name
	}
	return names
}

// TestReaddir lists 10,000 images, in one go and from everywhere in between.
func TestReaddir(t *testing.T) {
	m := mount(t, "")
	const count = 10_000
	m.call("Fill", Filling{"one", count}, nil)
	var want []string
	for i := range count {
		want = append(want, fmt.Sprintf("image-%05d", i))
	}
	fd := m.open(m.one, unix.O_RDONLY|unix.O_DIRECTORY)
	defer m.close(fd)
	all := m.rest(fd, 32768)
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(namesOf(all)))); diff != "" {
		t.Fatalf("names (-want +got):\n%s", diff)
	}
	for _, i := range []int{0, 1, count / 3, count - 2} {
		m.seekdir(fd, all[i].off)
		if diff := cmp.Diff(namesOf(all[i+1:]), namesOf(m.rest(fd, 4096))); diff != "" {
			t.Errorf("after entry %d (-want +got):\n%s", i, diff)
		}
	}
	m.seekdir(fd, all[count-1].off)
	if left := m.rest(fd, 4096); len(left) != 0 {
		t.Errorf("%d entries after the last", len(left))
	}
	for _, d := range all[:20] {
		if got := m.inode(filepath.Join(m.one, d.name)); got != d.ino {
			t.Errorf("%s: inode %d, listed as %d", d.name, got, d.ino)
		}
	}
}

// TestReaddirSnapshot: a listing that has begun stays what it is, but what
// was removed meanwhile does not come to life by it; rewinddir begins another
// one.
func TestReaddirSnapshot(t *testing.T) {
	m := mount(t, "")
	const count, removed = 500, 20 // more than one READDIRPLUS tells of
	m.call("Fill", Filling{"one", count}, nil)
	fd := m.open(m.one, unix.O_RDONLY|unix.O_DIRECTORY)
	defer m.close(fd)
	all := m.getdents(fd, 200)
	m.put("one", "new", "")
	for i := range removed {
		m.wantErr("unlink", unix.Unlink(filepath.Join(m.one, fmt.Sprintf("image-%05d", i))), 0)
	}
	all = append(all, m.rest(fd, 4096)...)
	for i := range removed {
		m.wantGone(filepath.Join(m.one, fmt.Sprintf("image-%05d", i)))
	}
	if len(all) != count || slices.Contains(namesOf(all), "new") {
		t.Errorf("%d entries in a listing that had begun", len(all))
	}
	m.seekdir(fd, 0)
	again := namesOf(m.rest(fd, 4096))
	if len(again) != count-removed+1 || !slices.Contains(again, "new") || slices.Contains(again, "image-00000") {
		t.Errorf("%d entries after rewinddir", len(again))
	}
}

// TestReaddirWhileWriting lists again and again while images are added and
// removed: those that stay are in each listing, once.
func TestReaddirWhileWriting(t *testing.T) {
	m := mount(t, "")
	const stay, adds = 100, 30
	m.call("Fill", Filling{"one", stay}, nil)
	var writers, readers sync.WaitGroup
	over := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			for i := range adds {
				path := filepath.Join(m.one, fmt.Sprintf("new-%d-%d", w, i))
				fd := m.create(path)
				m.write(fd, "content")
				m.close(fd)
				if i%2 == 0 {
					m.wantErr("unlink", unix.Unlink(path), 0)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for last := false; !last; {
				select {
				case <-over:
					last = true
				default:
				}
				seen := make(map[string]int)
				for _, name := range m.listing(m.one) {
					seen[name]++
				}
				for i := range stay {
					if name := fmt.Sprintf("image-%05d", i); seen[name] != 1 {
						t.Errorf("%s is there %d times", name, seen[name])
					}
				}
				if last && len(seen) != stay+2*adds/2 {
					t.Errorf("%d images in the end", len(seen))
				}
			}
		})
	}
	writers.Wait()
	close(over)
	readers.Wait()
}

// TestReaddirHidesUnderWay: what is under way is not listed, but can be
// looked up; one whose writer is gone is waited for.
func TestReaddirHidesUnderWay(t *testing.T) {
	m := mount(t, "")
	fd := m.create(filepath.Join(m.one, "image"))
	m.write(fd, "bytes")
	m.wantListing(m.one)
	m.wantSize(filepath.Join(m.one, "image"), 5)
	m.close(fd)
	m.wantListing(m.one, "image")
	for i := range 50 { // an image of no bytes is committed by its RELEASE
		name := "empty" + itoa(i)
		m.close(m.create(filepath.Join(m.two, name)))
		if !slices.Contains(m.listing(m.two), name) {
			t.Errorf("%s is not listed", name)
		}
		m.close(m.create(filepath.Join(m.two, name+"x")))
		m.wantContent(filepath.Join(m.two, name+"x"), "")
	}
}
