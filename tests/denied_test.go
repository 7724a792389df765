package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/tests/need"
)

// TestDenied: the errno of every call that has no meaning among images.
func TestDenied(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data := random('d', 1000)
	writeImage(t, m.fast+"/x", data)
	before := m.wantSh(t, `find . | sort`)
	mkdir := func(p string) error { return unix.Mkdir(p, 0o755) }
	mknod := func(mode uint32) func(string) error {
		return func(p string) error { return unix.Mknod(p, mode|0o644, int(unix.Mkdev(1, 3))) }
	}
	from := func(old string) func(string) error { return func(p string) error { return os.Rename(old, p) } }
	ours := open(unix.O_WRONLY | unix.O_CREAT)
	for _, c := range []struct {
		path string
		call
	}{
		{"fast/new", call{"mkdir", mkdir, unix.EPERM}},
		{"fast/new", call{"symlink", func(p string) error { return os.Symlink("x", p) }, unix.EPERM}},
		{"fast/new", call{"link", func(p string) error { return os.Link(m.fast+"/x", p) }, unix.EPERM}},
		{"fast/new", call{"mkfifo", mknod(unix.S_IFIFO), unix.EPERM}},
		{"fast/new", call{"mknod char", mknod(unix.S_IFCHR), unix.EPERM}},
		{"fast/new", call{"mknod block", mknod(unix.S_IFBLK), unix.EPERM}},
		{"fast/new", call{"mknod socket", mknod(unix.S_IFSOCK), unix.EPERM}},
		{"fast/new", call{"mknod regular", mknod(unix.S_IFREG), unix.EPERM}},
		{"fast", call{"O_TMPFILE", open(unix.O_TMPFILE | unix.O_WRONLY), unix.EOPNOTSUPP}},
		{"fast/none", call{"open", open(unix.O_RDONLY), unix.ENOENT}},
		{"fast/none", call{"unlink", unix.Unlink, unix.ENOENT}},
		{"fast/new", call{"rename of nothing", from(m.fast + "/none"), unix.ENOENT}},
		{"fast/" + strings.Repeat("n", 256), call{"a long name", ours, unix.ENAMETOOLONG}},

		{".", call{"O_TMPFILE", open(unix.O_TMPFILE | unix.O_WRONLY), unix.EOPNOTSUPP}},
		{"new", call{"create", open(unix.O_WRONLY | unix.O_CREAT), unix.EPERM}},
		{"new", call{"mkdir", mkdir, unix.EPERM}},
		{"new", call{"symlink", func(p string) error { return os.Symlink("fast", p) }, unix.EPERM}},
		{"new", call{"link", func(p string) error { return os.Link(m.fast+"/x", p) }, unix.EPERM}},
		{"new", call{"mkfifo", mknod(unix.S_IFIFO), unix.EPERM}},
		{"new", call{"mknod regular", mknod(unix.S_IFREG), unix.EPERM}},
		{"new", call{"rename an image there", from(m.fast + "/x"), unix.EPERM}},
		{"default", call{"unlink", unix.Unlink, unix.EPERM}},
		{"default", call{"rename", func(p string) error { return os.Rename(p, m.dir+"/other") }, unix.EPERM}},
		{"fast", call{"rmdir", unix.Rmdir, unix.EPERM}},
		{"slow", call{"rmdir of an empty store", unix.Rmdir, unix.EPERM}},
		{"slow", call{"unlink of a store", unix.Unlink, unix.EISDIR}},
		{"slow", call{"rename", func(p string) error { return os.Rename(p, m.dir+"/other") }, unix.EPERM}},
		{"slow", call{"rename into a store", func(p string) error { return os.Rename(p, m.fast+"/slow") }, unix.EPERM}},
		{"none", call{"open", open(unix.O_RDONLY), unix.ENOENT}},
		{"none", call{"unlink", unix.Unlink, unix.ENOENT}},

		{"fast/.glancefs", call{"create", ours, unix.EINVAL}},
		{"fast/.glancefs-x", call{"create", ours, unix.EINVAL}},
		{"fast/.glancefs-x", call{"rename an image", from(m.fast + "/x"), unix.EINVAL}},

		{"fast", call{"fsync", fsync, 0}},
		{".", call{"fsync", fsync, 0}},
		{"fast", call{"utimens", func(p string) error { return os.Chtimes(p, timeOf(1), timeOf(2)) }, 0}},
		{"fast", call{"syncfs", syncfs, 0}},
	} {
		t.Run(c.path[:min(len(c.path), 20)]+" "+c.name, func(t *testing.T) {
			// Twice: what the kernel remembers of the first answer shows.
			for range 2 {
				wantErrno(t, c.do(filepath.Join(m.dir, c.path)), c.want)
			}
		})
	}
	wantImage(t, m.fast+"/x", data)
	if after := m.wantSh(t, `find . | sort`); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
	// A recursive removal takes the images and leaves the stores.
	m.sh(t, `rm -rf fast slow default`)
	if after := m.wantSh(t, `find . | sort`); after != ".\n./default\n./fast\n./slow\n" {
		t.Errorf("after rm -rf:\n%s", after)
	}
	m.log.allow(`"level":"warning".*(EPERM|EINVAL)`)
}

func fsync(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fsync(fd)
}

func syncfs(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Syncfs(fd)
}

// TestOwnNamesAreHidden: what glancefs keeps in a datadir is no image, and
// neither is what is no regular file.
func TestOwnNamesAreHidden(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	writeImage(t, m.fast+"/x", nil)
	m.wantSh(t, `cd `+m.fastData+` && mkdir -p .glancefs dir && touch .glancefs-own && ln -s /etc/passwd link && mkfifo fifo`)
	if out := m.wantSh(t, `ls -A fast`); out != "x\n" {
		t.Errorf("images: %q", out)
	}
	for _, name := range []string{".glancefs", ".glancefs-own", "dir", "link", "fifo"} {
		if _, err := os.Lstat(m.fast + "/" + name); err == nil {
			t.Errorf("%s can be looked up", name)
		}
		if _, err := os.ReadFile(m.fast + "/" + name); err == nil {
			t.Errorf("%s can be read", name)
		}
	}
	m.log.allow(".")
}

// TestNeverENOSYS: the kernel remembers this answer for the life of a mount,
// so no request may get it but those that go-fuse answers itself, all of them
// such that the kernel has a way without.
func TestNeverENOSYS(t *testing.T) {
	t.Parallel()
	tracing := filepath.Join(t.TempDir(), "tracing")
	m := newMount(t)
	src := m.sources(t)
	if err := os.Mkdir(tracing, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tracefs", "nodev", tracing).CombinedOutput(); err != nil {
		need.Missing(t, "tracefs: "+string(out), "mount -t tracefs nodev /sys/kernel/tracing")
	}
	instance := tracing + "/instances/glancefs-" + strconv.Itoa(os.Getpid())
	t.Cleanup(func() {
		_ = os.Remove(instance) // not made, if the kernel has no such events
		if err := unix.Unmount(tracing, 0); err != nil {
			t.Error(err)
		}
	})
	if err := os.Mkdir(instance, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(instance + "/events/fuse"); err != nil {
		need.Missing(t, "the tracepoints of fuse", "Linux 6.11")
	}
	var st unix.Stat_t
	if err := unix.Stat(m.dir, &st); err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{
		"events/fuse/fuse_request_send/filter": fmt.Sprintf("connection == %d", st.Dev),
		"events/fuse/fuse_request_end/filter":  fmt.Sprintf("connection == %d && error == -38", st.Dev),
		"events/fuse/enable":                   "1",
	} {
		if err := os.WriteFile(filepath.Join(instance, file), []byte(content), 0); err != nil {
			t.Fatal(err)
		}
	}
	m.sh(t, `cp -a $S/a fast/a; cat $S/b > fast/b; mv fast/b slow/b; cp --preserve=xattr fast/a slow/a; rm slow/b
		rsync -aX --sparse $S/sparse fast/; touch fast/a; ls -lZ . fast; getfattr -d -m - . fast fast/a; setfattr -n user.x -v 1 fast/a
		setfattr -x user.glance.checksum fast/a; df fast; stat -f fast/a; sync fast; sync -f .; lsattr fast/a; chattr +i fast/a
		filefrag fast/a; flock fast/a true; mkdir fast/d; ln fast/a fast/c; ln -s a fast/l; mkfifo fast/f; rmdir slow; rm -f default
		cmp fast/sparse $S/sparse; cp --sparse=auto fast/sparse $S/out; truncate -s 10000 fast/t; fallocate -l 10000 fast/u; readlink default
		$PY -c 'import mmap, os, select
fd = os.open("fast/a", os.O_RDONLY); mmap.mmap(fd, 0, prot=mmap.PROT_READ)[:]; os.lseek(fd, 0, os.SEEK_HOLE)
p = select.poll(); p.register(fd); p.poll(0); os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_WILLNEED)'`)
	_ = fsync(m.dir)
	_ = open(unix.O_TMPFILE | unix.O_WRONLY)(m.fast)
	_ = unix.Access(m.fast+"/a", unix.R_OK)
	wantImage(t, m.fast+"/a", src.a)

	trace, err := os.ReadFile(instance + "/trace")
	if err != nil {
		t.Fatal(err)
	}
	opcodes := make(map[string]string) // by the request's number
	var sent, refused []string
	for line := range strings.Lines(string(trace)) {
		_, request, ok := strings.Cut(line, " req ")
		fields := strings.Fields(request)
		switch {
		case !ok:
		case strings.Contains(line, "fuse_request_send"):
			opcodes[fields[0]] = strings.Trim(fields[3], "()")
			sent = append(sent, opcodes[fields[0]])
		case strings.Contains(line, "fuse_request_end"):
			refused = append(refused, opcodes[fields[0]])
		}
	}
	for _, opcode := range []string{"FUSE_CREATE", "FUSE_FLUSH", "FUSE_SETXATTR", "FUSE_RENAME2", "FUSE_FALLOCATE", "FUSE_TMPFILE"} {
		if !slices.Contains(sent, opcode) {
			t.Errorf("the test caused no %s", opcode)
		}
	}
	slices.Sort(refused)
	for _, opcode := range slices.Compact(refused) {
		// 53 is FUSE_COPY_FILE_RANGE_64: the kernel then sends the older one.
		if !slices.Contains([]string{"FUSE_POLL", "FUSE_BMAP", "53", "0x35"}, opcode) {
			t.Errorf("%s was answered ENOSYS", opcode)
		}
	}
	m.log.allow(".")
}
