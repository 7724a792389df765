package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"glancefs/tests/ceph"
	"glancefs/tests/need"
)

// rbdMount is a mount with three more stores, of type rbd and in one pool:
// ceph, small with objects of 1 MiB, and thin with objects of 4 MiB and thin
// provisioning.
type rbdMount struct {
	*mount
	ceph, small, thin string // the stores' directories
	cluster           *ceph.Cluster
	pool              string
}

// needCeph makes sure that the glancefs that is tested was built with Ceph.
func needCeph(t *testing.T) {
	t.Helper()
	if !slices.Contains(strings.Split(tags(), ","), "ceph") {
		need.Missing(t, "a build with Ceph", "apt-get install librbd-dev, go test -tags ceph,…, as make test does")
	}
}

// newRBDMount mounts a pool of its own; conf are more lines of the group of
// the store ceph.
func newRBDMount(t *testing.T, conf ...string) *rbdMount {
	t.Helper()
	needCeph(t)
	c := ceph.Start(t)
	return mountPool(t, c, c.Pool(t), conf...)
}

// mountPool mounts a pool with the rights that Ceph's manual gives Glance.
func mountPool(t *testing.T, c *ceph.Cluster, pool string, conf ...string) *rbdMount {
	t.Helper()
	user, path := c.User(t, "mon", "profile rbd", "osd", "profile rbd pool="+pool)
	lines := []string{"[DEFAULT]", "enabled_backends = fast:file, slow:file, ceph:rbd, small:rbd, thin:rbd"}
	for store, more := range map[string][]string{
		"ceph": conf, "small": {"rbd_store_chunk_size = 1"}, "thin": {"rbd_store_chunk_size = 4", "rbd_thin_provisioning = true"},
	} {
		lines = append(lines, "["+store+"]", "rbd_store_pool = "+pool, "rbd_store_user = "+user, "rbd_store_ceph_conf = "+path)
		lines = append(lines, more...)
	}
	m := &rbdMount{mount: newMount(t, lines...), cluster: c, pool: pool}
	m.ceph, m.small, m.thin = m.dir+"/ceph", m.dir+"/small", m.dir+"/thin"
	m.connect(t)
	return m
}

// connect makes the daemon's connections, which stay, with the descriptors
// that librados adds at the first command to the monitor.
func (m *rbdMount) connect(t *testing.T) {
	t.Helper()
	m.wantSh(t, `ls ceph small thin; df ceph small thin`)
	m.mount.ceph = true
	m.idle = m.descriptors()
}

func (m *rbdMount) restart(t *testing.T) {
	t.Helper()
	m.mount.restart(t)
	m.connect(t)
}

// rbdImage is a line of rbd ls -l: an RBD image, or a snapshot of one.
type rbdImage struct {
	Image     string
	Snapshot  string // "": the image itself
	Size      int64
	Format    int
	Protected string // "true" for a snapshot that is
}

// rbdList is what the tool sees in the pool. It fails when an image is
// removed that it has just found.
func (m *rbdMount) rbdList(t *testing.T) (list []rbdImage) {
	t.Helper()
	eventually(t, "rbd ls -l succeeds", func() bool {
		out, err := m.cluster.Try(t.Context(), "rbd", "ls", "-l", m.pool, "--format", "json")
		return err == nil && json.Unmarshal([]byte(out), &list) == nil
	})
	return list
}

// rbd runs the tool as client.admin.
func (m *rbdMount) rbd(t *testing.T, args ...string) string {
	t.Helper()
	return m.cluster.Run(t, "rbd", args...)
}

func (m *rbdMount) rbdJSON(t *testing.T, answer any, args ...string) {
	t.Helper()
	if err := json.Unmarshal([]byte(m.rbd(t, append(args, "--format", "json")...)), answer); err != nil {
		t.Fatalf("rbd %q: %v", args, err)
	}
}

// wantPool waits until the pool has these images, complete, and no other RBD
// image.
func (m *rbdMount) wantPool(t *testing.T, images map[string]int64) {
	t.Helper()
	var want []string
	for name, size := range images {
		want = append(want, fmt.Sprintf("%s@ %d", name, size), fmt.Sprintf("%s@snap %d true", name, size))
	}
	slices.Sort(want)
	var diff string
	for deadline := time.Now().Add(patience / 2); time.Now().Before(deadline); {
		var got []string
		for _, i := range m.rbdList(t) {
			line := fmt.Sprintf("%s@%s %d", i.Image, i.Snapshot, i.Size)
			if i.Snapshot != "" {
				line += " " + i.Protected
			}
			got = append(got, line)
		}
		slices.Sort(got)
		if diff = cmp.Diff(want, got); diff == "" {
			return
		}
	}
	t.Errorf("rbd ls -l (-want +got):\n%s", diff)
}

// TestRBDTools adds images to a pool with the usual tools, side by side: exit
// status 0, no message, and all bytes in Ceph, as its own tool reads them.
func TestRBDTools(t *testing.T) {
	t.Parallel()
	need.Command(t, "rsync", "rsync")
	m := newRBDMount(t)
	src := m.sources(t)
	m.wantSh(t, `touch -d '2001-02-03 04:05:06.789' $S/a; for i in m n; do cp -p $S/a $S/$i; done; cp $S/a fast`)
	tests := []struct {
		name, script string
		want         []byte
	}{
		{"cp", `cp $S/a ceph/"$X"`, src.a},
		{"cp -p", `cp -p $S/a ceph/"$X"`, src.a},
		{"cp-empty", `cp $S/empty ceph/"$X"`, nil},
		{"cp-sparse", `cp --sparse=always $S/sparse ceph/"$X"`, src.sparse},
		{"cp-f", `cp $S/b ceph/"$X" && cp -f $S/a ceph/"$X"`, src.a},
		{"cp-xattr", `cp --preserve=xattr fast/a ceph/"$X"`, src.a},
		{"touch", `touch ceph/"$X"`, nil},
		{"cat", `cat $S/a | cat > ceph/"$X"`, src.a},
		{"(a;b)", `(cat $S/a; cat $S/b) > ceph/"$X"`, slices.Concat(src.a, src.b)},
		{"dd", `dd if=$S/a of=ceph/"$X" status=none bs=64K conv=fsync`, src.a},
		{"dd seek", `dd if=$S/b of=ceph/"$X" status=none bs=5M seek=1`, append(make([]byte, 5<<20), src.b...)},
		{"tee", `tee ceph/"$X" < $S/a > $S/teed && cmp $S/teed $S/a`, src.a},
		{"truncate", `truncate -s 5000000 ceph/"$X"`, make([]byte, 5_000_000)},
		{"mv from outside", `mv $S/m ceph/"$X" && test ! -e $S/m`, src.a},
		{"mv inside", `cp $S/b ceph/old && mv ceph/old ceph/"$X" && test ! -e ceph/old`, src.b},
		{"mv to file and back", `cp $S/b ceph/there && mv ceph/there slow/there && mv slow/there ceph/"$X" && test ! -e ceph/there && test ! -e slow/there`, src.b},
		{"install", `install -m 644 $S/a ceph/"$X"`, src.a},
		{"rsync", `rsync -a $S/n ceph/"$X" && rsync -a --stats $S/n ceph/"$X" | grep -q 'files transferred: 0$'`, src.a},
		{"qemu-img", `qemu-img convert -f raw -O raw $S/sparse $S/q && cat $S/q > ceph/"$X" && qemu-img compare -f raw $S/q ceph/"$X" > $S/compared`, src.sparse},
	}
	var running []*process
	for _, test := range tests {
		running = append(running, m.start(t, `read go; X='`+test.name+`'; `+test.script))
	}
	for _, p := range running {
		p.send(t, []byte("go\n"))
	}
	sizes := map[string]int64{}
	for i, test := range tests {
		sizes[test.name] = int64(len(test.want))
		if out, status := running[i].wait(t); status != 0 || out != "" {
			t.Errorf("%s: exit status %d, wrote %q", test.name, status, out)
		}
		path := filepath.Join(m.ceph, test.name)
		wantSoon(t, path) // an empty one is committed after its close
		wantImage(t, path, test.want)
		wantXattr(t, path, "location", fmt.Sprintf("rbd://%s/%s/%s/snap", m.cluster.FSID(), m.pool, escape(test.name)))
		exported := m.rbd(t, "export", "--no-progress", m.pool+"/"+test.name+"@snap", "-")
		wantBytes(t, "rbd export of "+test.name, []byte(exported), test.want)
	}
	wantSumsOfTools(t, m.ceph)
	for _, name := range []string{"cp -p", "mv from outside", "rsync"} {
		if out := m.wantSh(t, `stat -c %.3Y 'ceph/`+name+`'`); out != m.wantSh(t, `stat -c %.3Y $S/a`) {
			t.Errorf("%s: the mtime is %s", name, out)
		}
	}
	m.wantPool(t, sizes)
	m.wantSh(t, `rm ceph/*`)
	m.wantPool(t, nil)
}

// escape is what glance_store does with the names of TestRBDTools.
func escape(name string) string {
	return strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29", ";", "%3B").Replace(name)
}

// TestRBDLooks: what only looks at an image, and what may be changed.
func TestRBDLooks(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	src := m.sources(t)
	m.wantSh(t, `cp $S/a ceph/x && touch -d '2020-01-02 03:04:05.678' ceph/x`)
	for _, test := range []struct{ name, script, want string }{
		{"ls -l", `TZ=UTC ls -l --time-style=full-iso ceph/x`,
			"-r--r----- 1 root root 3145851 2020-01-02 03:04:05.678000000 +0000 ceph/x\n"},
		{"stat", `stat -c '%F %s %b %o %a' ceph/x`, "regular file 3145851 6145 1048576 440\n"},
		{"stat of an absent image", `stat ceph/none 2>&1; echo $?`, "stat: cannot statx 'ceph/none': No such file or directory\n1\n"},
		{"parts", `tail -c 1000 ceph/x | cmp - <(tail -c 1000 $S/a); dd if=ceph/x bs=1000 skip=1234 count=7 status=none | cmp - <(dd if=$S/a bs=1000 skip=1234 count=7 status=none)`, ""},
		{"of the store", `getfattr --only-values -n user.glance.status ceph; getfattr --only-values -n user.glance.type ceph; getfattr --only-values -n user.glance.schemes ceph`, "okrbdrbd"},
		{"cp again", `cp $S/b ceph/x; echo $?`, "cp: cannot create regular file 'ceph/x': File exists\n1\n"},
		{"> again", `cat $S/b > ceph/x; echo $?`, "bash: line 1: ceph/x: File exists\n1\n"},
		{">>", `cat $S/b >> ceph/x; echo $?`, "bash: line 1: ceph/x: Permission denied\n1\n"},
		{"mv onto", `cp $S/b ceph/y; mv -T ceph/y ceph/x; echo $?; rm ceph/y`, "mv: cannot move 'ceph/y' to 'ceph/x': File exists\n1\n"},
		{"other than ours", `setfattr -n user.x -v 1 ceph/x; setfattr -n user.glance.checksum -v 1 ceph/x; echo $?`,
			"setfattr: ceph/x: Operation not supported\nsetfattr: ceph/x: Operation not permitted\n1\n"},
		{"rm", `rm ceph/x; ls ceph; rm ceph/x; echo $?`, "rm: cannot remove 'ceph/x': No such file or directory\n1\n"},
	} {
		if test.name != "rm" {
			wantImage(t, m.ceph+"/x", src.a)
		}
		if out, _ := m.sh(t, test.script); out != test.want {
			t.Errorf("%s: wrote %q, want %q", test.name, out, test.want)
		}
	}
	m.wantPool(t, nil)
}

// TestRBDSizes: images that end at, before and after the borders of objects
// (8 MiB), of pieces that are written at once (1 MiB), and of the size that an
// RBD image has at first (64 MiB).
func TestRBDSizes(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	data := random('s', 64<<20+1)
	sizes := map[string]int64{}
	var names []string
	for _, size := range []int{1, 4095, 1<<20 - 1, 1 << 20, 1<<20 + 1, 8<<20 - 1, 8 << 20, 8<<20 + 1, 12_345_678, 64 << 20, 64<<20 + 1} {
		name := fmt.Sprint(size)
		sizes[name] = int64(size)
		names = append(names, name)
		m.source(t, name, data[:size])
	}
	m.wantSh(t, `cd $S; ls `+strings.Join(names, " ")+` | xargs -P 4 -I{} cp {} `+m.ceph)
	for name, size := range sizes {
		wantImage(t, m.ceph+"/"+name, data[:size])
	}
	m.wantPool(t, sizes)
	if out := m.wantSh(t, `ls -l ceph | sed 1d | awk '$5 != $9'`); out != "" {
		t.Errorf("ls -l has other sizes:\n%s", out)
	}
}

// TestRBDThin: with thin provisioning zeros take no space in the pool,
// otherwise they do.
func TestRBDThin(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	const size = 24 << 20
	data := make([]byte, size)
	copy(data[16<<20:], random('t', 4<<20))
	m.source(t, "data", data)
	for name, want := range map[string]int64{"ceph": size, "thin": 4 << 20} {
		m.wantSh(t, fmt.Sprintf(`cp --sparse=never $S/data %s/%[1]s`, name))
		wantImage(t, filepath.Join(m.dir, name, name), data)
		type usage struct {
			Snapshot string
			Used     int64 `json:"used_size"`
		}
		var du struct{ Images []usage }
		m.rbdJSON(t, &du, "du", m.pool+"/"+name)
		if !slices.Contains(du.Images, usage{"snap", want}) {
			t.Errorf("rbd du of %s: %+v, want %d", name, du.Images, want)
		}
	}
}

// TestRBDFree: df shows the pool as ceph df does, and its quota.
func TestRBDFree(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	const quota = 1 << 30
	df := func() (total, free int64) {
		if _, err := fmt.Sscan(m.wantSh(t, `df -B1 --output=size,avail ceph | sed 1d`), &total, &free); err != nil {
			t.Fatal(err)
		}
		return total, free
	}
	var pools struct {
		Pools []struct {
			Name  string
			Stats struct {
				Stored   int64
				MaxAvail int64 `json:"max_avail"`
			}
		}
	}
	var total, free int64
	eventually(t, "df and ceph df agree", func() bool { // the other tests write
		if err := json.Unmarshal([]byte(m.cluster.Run(t, "ceph", "df", "--format", "json")), &pools); err != nil {
			t.Fatal(err)
		}
		total, free = df()
		for _, p := range pools.Pools {
			const near = 256 << 20
			if p.Name == m.pool && p.Stats.MaxAvail > 0 {
				return abs(free-p.Stats.MaxAvail) < near && total-free <= p.Stats.Stored+near
			}
		}
		return false
	})
	m.cluster.Quota(t, m.pool, quota)
	eventually(t, "df shows the quota", func() bool {
		total, free = df()
		return total == quota && free <= quota
	})
}

func abs(n int64) int64 { return max(n, -n) }

// TestRBDBusy: an image that has clones or other snapshots, or that somebody
// has open, is EBUSY, and stays what it is. So does one with clones that the
// user has no rights to see.
func TestRBDBusy(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	m.log.allow("EBUSY")
	other := m.cluster.Pool(t)
	data := random('b', 5_000_000)
	writeImage(t, m.ceph+"/x", data)
	clone := func(pool, format string) (take, free func()) {
		return func() { m.rbd(t, "clone", "--rbd-default-clone-format", format, m.pool+"/x@snap", pool+"/clone") },
			func() { m.rbd(t, "rm", "--no-progress", pool+"/clone") }
	}
	refused := func(name string, errno syscall.Errno, take, free func()) {
		t.Run(name, func(t *testing.T) {
			take()
			for range 2 {
				wantErrno(t, unix.Unlink(m.ceph+"/x"), errno)
				wantImage(t, m.ceph+"/x", data)
				if list := m.rbdList(t); !slices.Contains(list, rbdImage{"x", "snap", int64(len(data)), 2, "true"}) {
					t.Errorf("the snapshot is not what it was: %+v", list)
				}
			}
			free()
		})
	}
	for _, format := range []string{"1", "2"} { // the second does not need the protection
		take, free := clone(m.pool, format)
		refused("clone of format "+format, unix.EBUSY, take, free)
		m.log.want(t, "it has clones: 1, one is "+m.pool+"/clone")
	}
	m.log.allow("look for clones: operation not permitted")
	for _, format := range []string{"1", "2"} { // as Cinder makes them
		take, free := clone(other, format)
		refused("hidden clone of format "+format, unix.EACCES, take, free)
	}
	refused("another snapshot", unix.EBUSY,
		func() { m.rbd(t, "snap", "create", "--no-progress", m.pool+"/x@backup") },
		func() { m.rbd(t, "snap", "rm", "--no-progress", m.pool+"/x@backup") })
	var watcher *process
	refused("watcher", unix.EBUSY, func() { watcher = m.watch(t, "x") }, func() {
		for _, address := range m.watchers(t, "x") {
			m.log.want(t, regexp.QuoteMeta(address)+" has it open")
		}
		watcher.stdin.Close()
		watcher.wait(t)
	})
	m.wantSh(t, `rm ceph/x`)
	m.wantPool(t, nil)
}

// watch opens an RBD image as a client that writes does, until its standard
// input is closed.
func (m *rbdMount) watch(t *testing.T, image string) *process {
	t.Helper()
	need.PythonModule(t, "rbd", "python3-rbd")
	p := startIn(t, m.scratch, `exec $PY -c '
import rados, rbd, sys
with rados.Rados(conffile=sys.argv[1]) as cluster, cluster.open_ioctx(sys.argv[2]) as pool, rbd.Image(pool, sys.argv[3]):
    print("open", flush=True)
    sys.stdin.read()' "$CONF" "$POOL" "$IMAGE"`, "CONF="+m.cluster.Conf(), "POOL="+m.pool, "IMAGE="+image)
	eventually(t, "the RBD image is open", func() bool { return p.output(t) == "open\n" })
	return p
}

// TestRBDRenames renames images back and forth, two at a time: librbd can
// abort the daemon in that.
func TestRBDRenames(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	data := random('r', 1000)
	var running []*process
	for _, name := range []string{"x", "y"} {
		writeImage(t, m.ceph+"/"+name, data)
		running = append(running, m.start(t, fmt.Sprintf(`cd ceph; for i in {1..25}; do mv %[1]s to-%[1]s && mv to-%[1]s %[1]s || exit; done`, name)))
	}
	for _, p := range running {
		if out, status := p.wait(t); status != 0 {
			t.Errorf("exit status %d, wrote %q", status, out)
		}
	}
	wantImage(t, m.ceph+"/x", data)
	m.wantPool(t, map[string]int64{"x": 1000, "y": 1000})
}

// TestRBDTrash: with rbd_trash_in_use an image with clones goes to the trash,
// and its name is free.
func TestRBDTrash(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t, "rbd_trash_in_use = true")
	data := random('t', 1_000_000)
	writeImage(t, m.ceph+"/x", data)
	m.rbd(t, "clone", "--rbd-default-clone-format", "2", m.pool+"/x@snap", m.pool+"/clone")
	m.wantSh(t, `rm ceph/x`)
	wantNoImage(t, m.ceph+"/x")
	if out := m.rbd(t, "trash", "ls", m.pool); !strings.HasSuffix(out, " x\n") {
		t.Errorf("the trash has %q", out)
	}
	exported := m.rbd(t, "export", "--no-progress", m.pool+"/clone", "-")
	wantBytes(t, "the clone", []byte(exported), data)
	writeImage(t, m.ceph+"/x", data[:10])
	wantImage(t, m.ceph+"/x", data[:10])
}

// TestRBDReadOnlyUser: with read-only rights images can be read, and nothing
// else.
func TestRBDReadOnlyUser(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	data := random('o', 1_000_000)
	writeImage(t, m.ceph+"/x", data)
	user, conf := m.cluster.User(t, "mon", "profile rbd-read-only", "osd", "profile rbd-read-only pool="+m.pool)
	reader := newMount(t, "[DEFAULT]", "enabled_backends = fast:file, slow:file, ceph:rbd",
		"[ceph]", "rbd_store_pool = "+m.pool, "rbd_store_user = "+user, "rbd_store_ceph_conf = "+conf)
	reader.log.allow("EACCES")
	image := reader.dir + "/ceph/x"
	reader.wantSh(t, `ls -l ceph; df ceph`)
	reader.ceph = true
	reader.idle = reader.descriptors()
	wantImage(t, image, data)
	wantErrno(t, unix.Unlink(image), unix.EACCES)
	wantErrno(t, unix.Rename(image, image+"y"), unix.EACCES)
	if out, status := reader.sh(t, `cp ceph/x ceph/y`); status != 1 || !strings.Contains(out, "Permission denied") {
		t.Errorf("cp: exit status %d, wrote %q", status, out)
	}
	wantImage(t, image, data)
	m.wantPool(t, map[string]int64{"x": int64(len(data))})
}

// TestRBDForeign: an RBD image without the snapshot is not of the store. It
// is hidden, its name can't be had, and it stays what it is.
func TestRBDForeign(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	m.source(t, "data", random('f', 100_000))
	m.rbd(t, "import", "--no-progress", m.scratch+"/data", m.pool+"/foreign")
	m.rbd(t, "create", "--size", "1M", m.pool+"/other-snap")
	m.rbd(t, "snap", "create", "--no-progress", m.pool+"/other-snap@backup")
	writeImage(t, m.ceph+"/x", []byte("x"))
	before := m.rbdList(t)
	if out := m.wantSh(t, `ls -A ceph`); out != "x\n" {
		t.Errorf("listed: %q", out)
	}
	for _, name := range []string{"foreign", "other-snap"} {
		path := m.ceph + "/" + name
		wantErrno(t, stat(path), unix.ENOENT)
		wantErrno(t, open(unix.O_RDONLY)(path), unix.ENOENT)
		wantErrno(t, unix.Unlink(path), unix.ENOENT)
		wantErrno(t, unix.Rename(path, m.ceph+"/y"), unix.ENOENT)
		wantErrno(t, unix.Rename(m.ceph+"/x", path), unix.EEXIST)
		m.log.allow("EEXIST")
		if out, status := m.sh(t, `cp $S/data ceph/`+name); status != 1 || !strings.Contains(out, "File exists") {
			t.Errorf("cp: exit status %d, wrote %q", status, out)
		}
	}
	if diff := cmp.Diff(before, m.rbdList(t)); diff != "" {
		t.Errorf("rbd ls -l (-before +after):\n%s", diff)
	}
	if out := m.rbd(t, "export", "--no-progress", m.pool+"/foreign", "-"); out != string(random('f', 100_000)) {
		t.Error("the RBD image that is not ours has other bytes")
	}
	// With the snapshot it is one, and is verified by nothing.
	m.rbd(t, "snap", "create", "--no-progress", m.pool+"/foreign@snap")
	wantContent(t, m.ceph+"/foreign", random('f', 100_000))
	_, err := xattr(m.ceph+"/foreign", "user.glance.checksum")
	wantErrno(t, err, unix.ENODATA)
	m.wantSh(t, `rm ceph/foreign`)
}

func stat(path string) error { return unix.Lstat(path, new(unix.Stat_t)) }

// TestRBDDeletedElsewhere: what is read of an image that another client
// deletes is its bytes or an error, never zeros.
func TestRBDDeletedElsewhere(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	m.log.allow("deleted|read")
	data := random('d', 8<<20)
	writeImage(t, m.small+"/x", data)
	f, err := os.Open(m.small + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	wantReadAt(t, f, data, 0, 4096)
	m.rbd(t, "snap", "unprotect", m.pool+"/x@snap")
	m.rbd(t, "snap", "rm", "--no-progress", m.pool+"/x@snap")
	m.rbd(t, "rm", "--no-progress", m.pool+"/x")
	failed := false
	for off := int64(0); off < int64(len(data)); off += 1 << 16 {
		buf := make([]byte, 1<<16)
		n, err := f.ReadAt(buf, off)
		wantBytes(t, fmt.Sprintf("what was read at %d", off), buf[:n], data[off:int(off)+n])
		if err != nil {
			wantErrno(t, err, unix.ENOENT)
			failed = true
		}
	}
	if !failed {
		t.Error("everything could be read of an image that is gone")
	}
	wantNoImage(t, m.ceph+"/x")
}
