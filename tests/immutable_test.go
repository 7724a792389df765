package tests

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// call is a system call on a path.
type call struct {
	name string
	do   func(path string) error
	want syscall.Errno
}

func open(flags int) func(string) error {
	return func(path string) error {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o644)
		if err == nil {
			err = unix.Close(fd)
		}
		return err
	}
}

func setxattr(name, value string) func(string) error {
	return func(path string) error { return unix.Setxattr(path, name, []byte(value), 0) }
}

// TestImmutable: the errno of every call that would change an image that
// exists, and of those that change nothing of substance.
func TestImmutable(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data := random('i', 100_000)
	other := m.slow + "/other"
	for _, path := range []string{m.fast + "/x", other} {
		writeImage(t, path, data)
	}
	for _, c := range []call{
		{"O_WRONLY", open(unix.O_WRONLY), unix.EACCES},
		{"O_RDWR", open(unix.O_RDWR), unix.EACCES},
		{"O_WRONLY|O_APPEND", open(unix.O_WRONLY | unix.O_APPEND), unix.EACCES},
		{"O_WRONLY|O_CREAT", open(unix.O_WRONLY | unix.O_CREAT), unix.EACCES},
		{"O_RDWR|O_CREAT", open(unix.O_RDWR | unix.O_CREAT), unix.EACCES},
		{"O_WRONLY|O_TRUNC", open(unix.O_WRONLY | unix.O_TRUNC), unix.EEXIST},
		{"O_RDWR|O_TRUNC", open(unix.O_RDWR | unix.O_TRUNC), unix.EEXIST},
		{"O_RDONLY|O_TRUNC", open(unix.O_RDONLY | unix.O_TRUNC), unix.EEXIST},
		{"O_WRONLY|O_CREAT|O_TRUNC", open(unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC), unix.EEXIST},
		{"O_WRONLY|O_CREAT|O_EXCL", open(unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL), unix.EEXIST},
		{"O_RDONLY|O_CREAT|O_EXCL", open(unix.O_RDONLY | unix.O_CREAT | unix.O_EXCL), unix.EEXIST},
		{"O_RDONLY|O_CREAT", open(unix.O_RDONLY | unix.O_CREAT), 0},
		{"O_RDONLY", open(unix.O_RDONLY), 0},
		{"O_PATH", open(unix.O_PATH), 0},
		{"O_DIRECTORY", open(unix.O_DIRECTORY), unix.ENOTDIR},
		{"truncate", func(p string) error { return unix.Truncate(p, 1) }, unix.EACCES},
		{"truncate to its size", func(p string) error { return unix.Truncate(p, int64(len(data))) }, unix.EACCES},
		{"truncate up", func(p string) error { return unix.Truncate(p, 1<<20) }, unix.EACCES},

		{"chmod", func(p string) error { return unix.Chmod(p, 0o644) }, 0},
		{"chown", func(p string) error { return unix.Chown(p, 0, 0) }, 0},
		{"utimens", func(p string) error { return os.Chtimes(p, timeOf(1), timeOf(2)) }, 0},

		{"setxattr to what it is", setxattr("user.glance.checksum", md5Hex(data)), 0},
		{"setxattr to something else", setxattr("user.glance.checksum", md5Hex(nil)), unix.EPERM},
		{"setxattr of the algorithm as it is", setxattr("user.glance.hashing_algo", "sha512"), 0},
		{"setxattr of another algorithm", setxattr("user.glance.hashing_algo", "sha256"), unix.EPERM},
		{"setxattr of another store", setxattr("user.glance.store", "slow"), unix.EPERM},
		{"setxattr of another name", setxattr("user.mine", "1"), unix.EOPNOTSUPP},
		{"setxattr security", setxattr("security.x", "1"), unix.EOPNOTSUPP},
		{"setxattr trusted", setxattr("trusted.x", "1"), unix.EOPNOTSUPP},
		{"removexattr", func(p string) error { return unix.Removexattr(p, "user.glance.checksum") }, unix.EPERM},

		{"rename onto an image", func(p string) error { writeImage(t, p+"2", nil); return os.Rename(p+"2", p) }, unix.EEXIST},
		{"rename it onto an image", func(p string) error { return os.Rename(p, p+"2") }, unix.EEXIST},
		{"rename onto an image of another store", func(p string) error { return os.Rename(p, other) }, unix.EEXIST},
		{"rename an image of another store onto it", func(p string) error { return os.Rename(other, p) }, unix.EEXIST},
		{"rename to another store", func(p string) error { return os.Rename(p, m.slow+"/free") }, unix.EXDEV},
		{"rename to the root", func(p string) error { return os.Rename(p, m.dir+"/x") }, unix.EPERM},
		{"rename onto itself", func(p string) error { return os.Rename(p, p) }, 0},
		{"rename NOREPLACE", func(p string) error {
			return unix.Renameat2(unix.AT_FDCWD, p, unix.AT_FDCWD, p+"2", unix.RENAME_NOREPLACE)
		}, unix.EEXIST},
		{"rename EXCHANGE", func(p string) error {
			return unix.Renameat2(unix.AT_FDCWD, p, unix.AT_FDCWD, p+"2", unix.RENAME_EXCHANGE)
		}, unix.EINVAL},
		{"rename to our own name", func(p string) error { return os.Rename(p, m.fast+"/.glancefs-x") }, unix.EINVAL},
		{"link", func(p string) error { return os.Link(p, p+"3") }, unix.EPERM},
		{"rmdir", func(p string) error { return unix.Rmdir(p) }, unix.ENOTDIR},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantErrno(t, c.do(m.fast+"/x"), c.want)
			wantImage(t, m.fast+"/x", data)
			wantImage(t, other, data)
		})
	}
	if names := m.wantSh(t, `ls -A fast slow`); names != "fast:\nx\nx2\n\nslow:\nother\n" {
		t.Errorf("images: %q", names)
	}
}

// TestRename: inside a store, everything but the name stays.
func TestRename(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data := random('r', 100_000)
	writeImage(t, m.fast+"/x", data)
	if err := os.Chtimes(m.fast+"/x", time.Time{}, time.Unix(1_000_000_000, 123_000_000)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(m.fast + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Rename(m.fast+"/x", m.fast+"/y"); err != nil {
		t.Fatal(err)
	}
	wantNoImage(t, m.fast+"/x")
	wantImage(t, m.fast+"/y", data)
	wantContent(t, m.fastData+"/y", data)
	wantXattr(t, m.fast+"/y", "location", "file://"+m.fastData+"/y")
	if st, err := os.Stat(m.fast + "/y"); err != nil || st.ModTime() != time.Unix(1_000_000_000, 123_000_000) {
		t.Errorf("mtime %v (%v)", st.ModTime(), err)
	}
	got := make([]byte, len(data))
	if _, err := f.ReadAt(got, 0); err != nil {
		t.Error(err)
	}
	wantBytes(t, "the descriptor from before", got, data)
	wantErrno(t, os.Rename(m.fast+"/x", m.fast+"/z"), unix.ENOENT)
	writeImage(t, m.fast+"/x", data[:10])
	wantImage(t, m.fast+"/x", data[:10])
	wantImage(t, m.fast+"/y", data)
}

// TestReadOnlyStore: read_only and allow_delete protect a store, read-only a
// whole mount.
func TestReadOnlyStore(t *testing.T) {
	t.Parallel()
	seed := newMount(t)
	data := random('p', 10_000)
	writeImage(t, seed.fast+"/x", data)
	writeImage(t, seed.slow+"/x", data)
	seed.stop(t)

	stores := setup{fastData: seed.fastData, slowData: seed.slowData}
	stores.conf = "[fast]\nread_only = true\n[slow]\nallow_delete = false\n"
	m := stores.mount(t)
	m.log.allow("EROFS")
	for _, path := range []string{m.fast + "/x", m.slow + "/x"} {
		wantImage(t, path, data)
		wantErrno(t, os.Remove(path), unix.EROFS)
		wantErrno(t, os.Rename(path, path+"2"), unix.EROFS)
		wantImage(t, path, data)
	}
	wantErrno(t, open(unix.O_WRONLY|unix.O_CREAT)(m.fast+"/new"), unix.EROFS)
	wantErrno(t, open(unix.O_WRONLY)(m.fast+"/x"), unix.EACCES)
	if mode := m.wantSh(t, `stat -c %a fast slow`); mode != "555\n755\n" {
		t.Errorf("modes: %q", mode)
	}
	writeImage(t, m.slow+"/new", data)
	wantImage(t, m.slow+"/new", data)
	src := m.sources(t)
	m.wantSh(t, `rsync -a --inplace $S/a slow/`)
	wantImage(t, m.slow+"/a", src.a)
	if out, status := m.sh(t, `rsync -a $S/b slow/`); status != 23 {
		t.Errorf("rsync -a: exit status %d, want 23\n%s", status, out)
	}
	if names := m.wantSh(t, `ls -A slow | grep '^\.b\.'`); strings.Count(names, "\n") != 1 {
		t.Errorf("what rsync -a leaves: %q", names)
	}
	m.stop(t)

	stores.conf, stores.args = "", []string{"--read-only"}
	m = stores.mount(t)
	for _, path := range []string{m.fast + "/x", m.slow + "/x"} {
		wantImage(t, path, data)
		wantErrno(t, os.Remove(path), unix.EROFS)
		wantErrno(t, open(unix.O_WRONLY|unix.O_CREAT)(path+"-new"), unix.EROFS)
	}
}

// TestForeignRemoval: nobody but its writers can remove, replace or rename an
// image under way.
func TestForeignRemoval(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	src := m.sources(t)
	writeImage(t, m.fast+"/other", src.b)
	m.log.allow("EBUSY")
	f := create(t, m.fast+"/x")
	if _, err := f.Write(src.a); err != nil {
		t.Fatal(err)
	}
	m.wantSh(t, `cp $S/b $S/moved`)
	for _, script := range []string{
		`rm fast/x`, `rm -f fast/x`, `cp $S/b fast/x`, `cp -f $S/b fast/x`, `cp --remove-destination $S/b fast/x`,
		`install $S/b fast/x`, `mv $S/moved fast/x`, `mv -f fast/other fast/x`, `mv fast/x fast/y`, `mv fast/x slow/y`,
		`cat $S/b > fast/x`, `cat $S/b >> fast/x`, `tar -c -C $S --transform s/b/x/ b | tar -x -C fast`, `truncate -s 0 fast/x`,
		`$PY -c 'import os; os.remove("fast/x")'`, `cat fast/x`,
	} {
		if out, status := m.sh(t, script); status == 0 || out == "" {
			t.Errorf("%s: exit status %d, wrote %q", script, status, out)
		}
	}
	m.wantSh(t, `cmp $S/b $S/moved; cmp $S/b fast/other; ! ls slow/y fast/y 2> /dev/null`)
	for _, c := range []call{
		{"O_CREAT", open(unix.O_WRONLY | unix.O_CREAT), unix.EEXIST},
		{"O_CREAT|O_EXCL", open(unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL), unix.EEXIST},
		{"O_TRUNC", open(unix.O_WRONLY | unix.O_TRUNC), unix.EEXIST},
		{"O_WRONLY", open(unix.O_WRONLY), unix.EEXIST},
		{"O_RDONLY", open(unix.O_RDONLY), unix.EBUSY},
		{"rename", func(p string) error { return os.Rename(p, p+"2") }, unix.EBUSY},
		{"rename onto it", func(p string) error { return os.Rename(m.fast+"/other", p) }, unix.EEXIST},
	} {
		t.Run(c.name, func(t *testing.T) { wantErrno(t, c.do(m.fast+"/x"), c.want) })
	}
	if _, err := f.Write(src.b); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wantImage(t, m.fast+"/x", append(bytes.Clone(src.a), src.b...))
	wantImage(t, m.fast+"/other", src.b)
}

// TestOwnRemoval: who opened or wrote an image under way may give it up.
func TestOwnRemoval(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	src := m.sources(t)
	m.log.allow(`"image":"x"`)
	m.wantSh(t, `exec 5> fast/x; cat $S/b >&5; exec $PY -c '
import os
os.remove("fast/x")
assert not os.path.exists("fast/x")
with open("fast/x", "wb") as f: f.write(b"again")
try: os.write(5, b"more")
except OSError as e: assert e.errno == 5, e
else: assert False, "written"'`)
	wantImage(t, m.fast+"/x", []byte("again"))
	m.wantSh(t, `rm fast/x`)

	// A child that wrote, of an opener that did not.
	m.sh(t, `exec 5> fast/x; $PY -c '
import os
os.write(5, b"data")
os.remove("fast/x")'; exec 5>&-`)
	wantNoImage(t, m.fast+"/x")
	writeImage(t, m.fast+"/x", src.b)
	wantImage(t, m.fast+"/x", src.b)
}

// TestRacingWriters: of two writers of one name exactly one gets it, and the
// image is all its own.
func TestRacingWriters(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	one, two := random(1, 300_000), random(2, 200_000)
	t.Run("calls", func(t *testing.T) {
		for i := range 100 {
			path := filepath.Join(m.fast, fmt.Sprint(i))
			var errs [2]error
			var both sync.WaitGroup
			for w, data := range [][]byte{one, two} {
				both.Go(func() { errs[w] = os.WriteFile(path, data, 0o644) })
			}
			both.Wait()
			winner, loser := one, errs[1]
			if errs[0] != nil {
				winner, loser = two, errs[0]
			}
			wantErrno(t, errors.Join(errs[:]...), unix.EEXIST) // one of them
			wantErrno(t, loser, unix.EEXIST)
			wantImage(t, path, winner)
		}
	})
	t.Run("programs", func(t *testing.T) {
		m.source(t, "one", one)
		m.source(t, "two", two)
		m.wantSh(t, `rm fast/*`)
		out := m.wantSh(t, `for i in {1..20}; do
			cp $S/one fast/$i & a=$!; cat $S/two > fast/$i & b=$!
			wait $a; a=$?; wait $b; b=$?
			[ $((a + b)) = 1 ] || echo $a $b
			cmp -s fast/$i $S/one || cmp -s fast/$i $S/two || echo $i differs
		done 2>&1`)
		for line := range strings.Lines(out) {
			if !strings.HasSuffix(line, "File exists\n") {
				t.Errorf("wrote %q", line)
			}
		}
	})
}

// TestRacingDaemons: two glancefs on one datadir, as on two hosts: one
// writer wins, the other's close is EEXIST, and neither damages the other.
func TestRacingDaemons(t *testing.T) {
	t.Parallel()
	here := newMount(t)
	there := setup{fastData: here.fastData, slowData: here.slowData}.mount(t)
	one, two := random(1, 300_000), random(2, 200_000)
	f, g := create(t, here.fast+"/x"), create(t, there.fast+"/x")
	if _, err := f.Write(one); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Write(two); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wantErrno(t, g.Close(), unix.EEXIST)
	for _, path := range []string{here.fast + "/x", there.fast + "/x"} {
		wantImage(t, path, one)
	}
	wantErrno(t, open(unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC)(there.fast+"/x"), unix.EEXIST)
	there.log.allow("EEXIST")
}
