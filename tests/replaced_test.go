package tests

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReadersAndWriteHandle: readers that open while the write handle has not
// been released, and after, can all read.
func TestReadersAndWriteHandle(t *testing.T) {
	t.Parallel()
	m := bothReadPaths(t)
	data := random('w', 200_000)
	m.source(t, "data", data)
	for _, store := range []string{"fast", "slow"} {
		path := m.dir + "/" + store + "/x"
		p := m.start(t, `exec $PY -c '
import os
r, w = os.pipe()
fd = os.open("`+store+`/x", os.O_WRONLY | os.O_CREAT)
os.write(fd, open(os.environ["S"] + "/data", "rb").read())
if not os.fork():                        # holds the write handle
    os.close(w); os.read(r, 1); os._exit(0)
os.close(fd)                             # commits
os.close(r)
print("committed", flush=True)
os.read(0, 1)
os.close(w)
os.wait()'`)
		eventually(t, "the image is committed", func() bool { return p.output(t) == "committed\n" })
		var readers [6]*os.File
		for i := range readers {
			if i == 3 { // the write handle goes
				p.stdin.Close()
				if _, status := p.wait(t); status != 0 {
					t.Fatal(p.output(t))
				}
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatalf("%s: reader %d: %v", store, i, err)
			}
			defer f.Close()
			readers[i] = f
			for _, f := range readers[:i+1] {
				wantReadAt(t, f, data, 0, len(data))
			}
		}
	}
	// At the natural rate: write, open, open.
	for i := range 100 {
		path := fmt.Sprintf("%s/%d", m.fast, i)
		writeImage(t, path, data[:1000])
		for range 2 {
			wantContent(t, path, data[:1000])
		}
	}
}

// TestReplacedImage: pages, attributes, digests and open handles never pass
// from an image to the next of its name, though size, mtime and often the
// inode number are the same.
func TestReplacedImage(t *testing.T) {
	t.Parallel()
	m := bothReadPaths(t)
	for _, store := range m.stores() {
		path := store + "/x"
		old, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		var before []byte
		for i := range 20 {
			data := random(byte(i), 100_000)
			writeImage(t, path, data)
			if err := os.Chtimes(path, timeOf(1), timeOf(1)); err != nil {
				t.Fatal(err)
			}
			wantImage(t, path, data)
			wantReadAt(t, old, before, 0, len(before)) // removed, and open
			old.Close()
			if old, err = os.Open(path); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				wantReadAt(t, old, data, 0, len(data))
			}
			before = data
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			wantErrno(t, open(unix.O_RDONLY)(path), unix.ENOENT)
		}
		old.Close()
	}
}

// TestReplacedInDatadir: another process replaces an image in the datadir, as
// another host's glancefs would, with the same size and mtime.
func TestReplacedInDatadir(t *testing.T) {
	t.Parallel()
	m := bothReadPaths(t)
	for store, datadir := range map[string]string{m.fast: m.fastData, m.slow: m.slowData} {
		path, backing := store+"/x", datadir+"/x"
		one, two := random(1, 100_000), random(2, 100_000)
		writeImage(t, path, one)
		if err := os.Chtimes(path, timeOf(1), timeOf(1)); err != nil {
			t.Fatal(err)
		}
		wantImage(t, path, one)
		reader, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		wantReadAt(t, reader, one, 0, len(one))

		if err := os.Remove(backing); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(backing, two, 0o644), os.Chtimes(backing, timeOf(1), timeOf(1))); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the other image is seen", func() bool {
			got, err := os.ReadFile(path)
			if err == nil && !bytes.Equal(got, one) && !bytes.Equal(got, two) {
				t.Fatal("a mixture of the two images")
			}
			return bytes.Equal(got, two)
		})
		if value, err := xattr(path, "user.glance.checksum"); err != unix.ENODATA {
			t.Errorf("the other image has the checksum %q (%v)", value, err)
		}
		wantReadAt(t, reader, one, 0, len(one))
		if err := os.Remove(backing); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the removal is seen", func() bool { return errors.Is(open(unix.O_RDONLY)(path), unix.ENOENT) })
	}
}

// TestReplacedSeenAtOnce: while the kernel still takes a name for the image
// before, tools get the one that another process has put there.
func TestReplacedSeenAtOnce(t *testing.T) {
	t.Parallel()
	m := bothReadPaths(t)
	for store, datadir := range map[string]string{"fast": m.fastData, "slow": m.slowData} {
		for i := range 6 {
			m.source(t, "new", random(byte(i), 1000+i))
			m.wantSh(t, fmt.Sprintf(`D=%s; cp $S/new $D/.tmp && mv $D/.tmp $D/x && stat %[2]s/x && cp %[2]s/x $S/copy && cmp $S/copy $S/new
				cp $S/new $D/.tmp && mv $D/.tmp $D/x && cp -p %[2]s/x $S/copy && cat %[2]s/x | cmp - $S/new && md5sum < %[2]s/x`, datadir, store))
		}
	}
}

// TestIdentityAcrossStores: the first file of each of two tmpfs has the same
// inode number.
func TestIdentityAcrossStores(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	var dirs [2]string
	for i := range dirs {
		dirs[i] = fmt.Sprint(base, "/", i)
		if err := errors.Join(os.Mkdir(dirs[i], 0o755), unix.Mount("tmpfs", dirs[i], "tmpfs", 0, "size=16m")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dirs[i], 0); err != nil {
				t.Error(err)
			}
		})
	}
	m := setup{fastData: dirs[0], slowData: dirs[1]}.mount(t)
	one, two := random(1, 50_000), random(2, 50_000)
	writeImage(t, m.fast+"/x", one)
	writeImage(t, m.slow+"/y", two)
	// Equal numbers by hand, should the temporary files have taken others.
	if err := errors.Join(os.WriteFile(dirs[0]+"/same", one, 0o644), os.WriteFile(dirs[1]+"/same", two, 0o644)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		wantImage(t, m.fast+"/x", one)
		wantImage(t, m.slow+"/y", two)
		wantContent(t, m.fast+"/same", one)
		wantContent(t, m.slow+"/same", two)
		wantXattr(t, m.fast+"/x", "location", "file://"+dirs[0]+"/x")
		wantXattr(t, m.slow+"/y", "location", "file://"+dirs[1]+"/y")
		wantXattr(t, m.slow+"/same", "location", "file://"+dirs[1]+"/same")
	}
}

// TestRemovedWhileOpen: an open image stays readable after rm, and can be
// stat'ed.
func TestRemovedWhileOpen(t *testing.T) {
	t.Parallel()
	m := bothReadPaths(t)
	data, other := random('o', 300_000), random('p', 100)
	for _, store := range m.stores() {
		path := store + "/x"
		writeImage(t, path, data)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		wantNoImage(t, path)
		check := func() {
			t.Helper()
			var st unix.Stat_t
			if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Size != int64(len(data)) || st.Nlink != 0 {
				t.Errorf("fstat: size %d, nlink %d (%v)", st.Size, st.Nlink, err)
			}
			wantReadAt(t, f, data, 0, len(data))
		}
		check()
		writeImage(t, path, other)
		check()
		wantImage(t, path, other)
	}
	if out := m.wantSh(t, `cp fast/x fast/z; exec 7< fast/z; rm fast/z; cat <&7 | cmp - fast/x`); out != "" {
		t.Error(out)
	}
}
