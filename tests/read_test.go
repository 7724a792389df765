package tests

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// bothReadPaths mounts a glancefs whose store fast has FUSE passthrough,
// where the kernel can, and whose store slow can't have it: its datadir is on
// overlayfs, as in a container.
func bothReadPaths(t *testing.T, conf ...string) *mount {
	t.Helper()
	base := t.TempDir()
	cmd := exec.Command("bash", "-ec", `mkdir lower upper work at && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work at`)
	cmd.Dir = base
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("overlay: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(base+"/at", 0); err != nil {
			t.Error(err)
		}
	})
	return setup{slowData: base + "/at", conf: strings.Join(conf, "\n")}.mount(t)
}

func (m *mount) stores() []string { return []string{m.fast, m.slow} }

// TestReads compares reads of every kind with the source.
func TestReads(t *testing.T) {
	t.Parallel()
	m := bothReadPaths(t)
	data := random('r', 5<<20+4321)
	for _, store := range m.stores() {
		path := store + "/x"
		writeImage(t, path, data)
		wantImage(t, path, data)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		t.Run("random "+store[len(m.dir):], func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 300 {
				off, n := r.Int64N(int64(len(data))+5000), r.IntN(300_000)
				wantReadAt(t, f, data, off, n)
			}
			for _, off := range []int{0, 1, 4095, 4096, len(data) - 1, len(data), len(data) + 1, 1 << 40} {
				wantReadAt(t, f, data, int64(off), 1)
				wantReadAt(t, f, data, int64(off), 10_000)
			}
		})
		t.Run("parallel "+store[len(m.dir):], func(t *testing.T) {
			var all sync.WaitGroup
			for i := range 12 {
				all.Go(func() {
					if i%2 == 0 {
						wantContent(t, path, data) // a handle of its own
						return
					}
					r := rand.New(rand.NewPCG(3, uint64(i)))
					for range 40 {
						wantReadAt(t, f, data, r.Int64N(int64(len(data))), r.IntN(1<<20))
					}
				})
			}
			all.Wait()
		})
		t.Run("O_DIRECT "+store[len(m.dir):], func(t *testing.T) {
			fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			aligned, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Munmap(aligned)
			var got []byte
			for {
				n, err := unix.Pread(fd, aligned, int64(len(got)))
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					break
				}
				got = append(got, aligned[:n]...)
			}
			wantBytes(t, "O_DIRECT", got, data)
		})
		t.Run("mmap "+store[len(m.dir):], func(t *testing.T) {
			for _, flags := range []int{unix.MAP_SHARED, unix.MAP_PRIVATE} {
				mapped, err := unix.Mmap(int(f.Fd()), 0, len(data), unix.PROT_READ, flags)
				if err != nil {
					t.Fatal(err)
				}
				wantBytes(t, "mmap", mapped, data)
				if err := unix.Munmap(mapped); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// wantReadAt checks one read at an offset.
func wantReadAt(t *testing.T, f *os.File, data []byte, off int64, n int) {
	t.Helper()
	got := make([]byte, n)
	k, err := f.ReadAt(got, off)
	want := data[min(off, int64(len(data))):min(off+int64(n), int64(len(data)))]
	if err != nil && (err != io.EOF || len(want) == n) {
		t.Errorf("%d bytes at %d: %v", n, off, err)
	}
	wantBytes(t, fmt.Sprintf("read of %d at %d", n, off), got[:k], want)
}

// TestPassthrough: the kernel reads a local file itself, which shows when the
// daemon is stopped; a store where that can't be had does not, and works.
func TestPassthrough(t *testing.T) {
	t.Parallel()
	m := bothReadPaths(t)
	src := m.sources(t)
	m.wantSh(t, `cp $S/a fast/x; cp $S/a slow/x`)
	begin := func(store string) *process {
		// No md5sum: it asks for the attributes first, which the stopped
		// daemon answers only if they are cached, for a second.
		p := m.start(t, `exec $PY -c '
import hashlib, os, sys
fd = os.open("`+store+`/x", os.O_RDONLY)
print("opened", flush=True)
sys.stdin.readline()
sum = hashlib.md5()
while piece := os.read(fd, 65536): sum.update(piece)
print(sum.hexdigest())'`)
		eventually(t, "the image is open", func() bool { return p.output(t) == "opened\n" })
		return p
	}
	fast, slow := begin(m.fast), begin(m.slow)
	if err := m.cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	resume := sync.OnceFunc(func() { _ = m.cmd.Process.Signal(unix.SIGCONT) }) // for a failure, too
	defer resume()
	for _, p := range []*process{fast, slow} {
		p.send(t, []byte("go\n"))
	}
	want := "opened\n" + md5Hex(src.a) + "\n"
	if out, _ := fast.wait(t); out != want {
		t.Errorf("fast: wrote %q", out)
	}
	slow.wantBlocked(t)
	resume()
	if out, _ := slow.wait(t); out != want {
		t.Errorf("slow: wrote %q", out)
	}
	// Opens of one kind don't disturb those of the other.
	for range 10 {
		for _, store := range m.stores() {
			f, err := os.Open(store + "/x")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			wantReadAt(t, f, src.a, 12_345, 100_000)
		}
	}
}

// TestSeekHole: the holes of an image are those of its file.
func TestSeekHole(t *testing.T) {
	t.Parallel()
	m := newMount(t, "[fast]", "filesystem_thin_provisioning = true")
	src := m.sources(t)
	m.wantSh(t, `cp --sparse=always $S/sparse fast/x; cp $S/a fast/full`)
	for _, image := range []string{"/x", "/full"} {
		f, err := os.Open(m.fast + image)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		backing, err := os.Open(m.fastData + image)
		if err != nil {
			t.Fatal(err)
		}
		defer backing.Close()
		for off := int64(0); off <= int64(len(src.sparse))+4096; off += 256 << 10 {
			for _, whence := range []int{unix.SEEK_DATA, unix.SEEK_HOLE} {
				got, gotErr := unix.Seek(int(f.Fd()), off, whence)
				want, wantErr := unix.Seek(int(backing.Fd()), off, whence)
				if got != want || gotErr != wantErr {
					t.Errorf("%s: seek %d from %d: %d (%v), want %d (%v)", image, whence, off, got, gotErr, want, wantErr)
				}
			}
		}
		if got, want := allocated(t, m.fast+image), allocated(t, m.fastData+image); got != want {
			t.Errorf("%s takes %d bytes, want %d", image, got, want)
		}
	}
	m.wantSh(t, `cp fast/x $S/out && cmp $S/out $S/sparse && [ $(stat -c %b $S/out) -lt 8192 ]`)
}

// TestStatfs: df shows the space of the store.
func TestStatfs(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	writeImage(t, m.fast+"/x", nil)
	var want unix.Statfs_t
	if err := unix.Statfs(m.fastData, &want); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{m.fast, m.fast + "/x", m.slow} {
		var got unix.Statfs_t
		if err := unix.Statfs(path, &got); err != nil {
			t.Fatal(err)
		}
		if g, w := got.Blocks*uint64(got.Frsize), want.Blocks*uint64(want.Frsize); g != w {
			t.Errorf("%s: %d bytes, want %d", path, g, w)
		}
		if got.Namelen != 255 || got.Bfree == 0 || got.Bavail == 0 {
			t.Errorf("%s: %+v", path, got)
		}
	}
	var root unix.Statfs_t
	if err := unix.Statfs(m.dir, &root); err != nil || root.Bsize == 0 {
		t.Errorf("root: %+v (%v)", root, err)
	}
}
