//go:build bench

package bench

import (
	"crypto/md5"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"glancefs/tests/ceph"
	"glancefs/tests/need"
)

// rbdBench is a mount of two pools of a one-node Ceph: images, and many, with
// 100 images.
type rbdBench struct {
	*bench
	cluster        *ceph.Cluster
	images, many   string // the pools
	mount, fuse100 *process
	glance         *glanceStore
}

const manyRBD = 100

func rbdWorks(t *testing.T, b *bench) []Work {
	for program, pkg := range map[string]string{"ceph-mon": "ceph-mon", "ceph-mgr": "ceph-mgr", "ceph-osd": "ceph-osd", "rbd": "ceph-common"} {
		if !b.has(program, pkg) {
			return nil
		}
	}
	r := newRBDBench(t, b)
	image := makeStreams(t, tempDir(t, tmpfs), "rbd", 1, 1, b.Size)
	size := bytesText(b.Size)
	return []Work{
		r.add(t, "add "+size+", sha512", image),
		r.read(t, "read "+size, image),
		r.list(t),
	}
}

func newRBDBench(t *testing.T, b *bench) *rbdBench {
	t.Helper()
	t.Setenv("TMPDIR", tmpfs) // the cluster's files
	c := ceph.Start(t)
	r := &rbdBench{bench: b, cluster: c, images: c.Pool(t), many: c.Pool(t)}
	out, err := exec.Command(need.Python, "../testdata/rbdimages.py", c.Conf(), r.many, fmt.Sprint(manyRBD)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	conf := "[DEFAULT]\nenabled_backends = images:rbd, many:rbd\n[glance_store]\ndefault_backend = images\n"
	for store, pool := range map[string]string{"images": r.images, "many": r.many} {
		conf += fmt.Sprintf("[%s]\nrbd_store_pool = %s\nrbd_store_user = admin\nrbd_store_ceph_conf = %s\n", store, pool, c.Conf())
	}
	r.mount = mountGlancefs(t, conf)
	if _, err := capture("ls", r.mount.dir+"/images", r.mount.dir+"/many"); err != nil { // which connects
		t.Fatal(err)
	}
	r.mount.idle = r.mount.memory("VmRSS:")
	r.glance = b.glanceStore(t, conf)
	if b.has("rbd-fuse", "rbd-fuse") {
		r.fuse100 = r.mountFuse(t, r.many)
	}
	return r
}

// mountFuse mounts a pool with rbd-fuse.
func (r *rbdBench) mountFuse(t *testing.T, pool string) *process {
	t.Helper()
	mnt := filepath.Join(t.TempDir(), "rbd-fuse")
	return startMount(t, mnt, "rbd-fuse", "-c", r.cluster.Conf(), "-p", pool, "-f", mnt)
}

// rbd is a command of that program.
func (r *rbdBench) rbd(args ...string) []string {
	return append([]string{"rbd", "--conf", r.cluster.Conf()}, args...)
}

// wantImage compares the md5 of an RBD image or snapshot, as the rbd tool
// reads it.
func (r *rbdBench) wantImage(spec string, want source) error {
	h := md5.New()
	if err := new(meter).command(h, r.rbd("export", "--no-progress", r.images+"/"+spec, "-")); err != nil {
		return err
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want.sums["md5"] {
		return fmt.Errorf("%s: md5 %s, want %s", spec, got, want.sums["md5"])
	}
	return nil
}

// add measures adds; `rbd import` computes no digests and makes no snapshot.
func (r *rbdBench) add(t *testing.T, name string, streams []stream) Work {
	t.Helper()
	f, dir := streams[0][0], r.mount.dir+"/images"
	remove := func() error { return os.Remove(dir + "/" + f.name()) }
	tools := []tool{{
		name: Glancefs, daemon: r.mount,
		run: func(m *meter) error { return m.atOnce([][]string{{"cp", f.path, dir}}) },
		after: func() error {
			return errors.Join(wantDigests(dir, "sha512", streams[0]), r.wantImage(f.name()+"@snap", f), remove())
		},
	}}
	if r.glance != nil {
		tools = append(tools, r.glance.adder("images", "sha512", streams, func() error {
			return errors.Join(r.wantImage(f.name()+"@snap", f), remove())
		}))
	}
	imported := r.images + "/" + f.name()
	tools = append(tools, tool{
		name: "rbd",
		run:  func(m *meter) error { return m.atOnce([][]string{r.rbd("import", "--no-progress", f.path, imported)}) },
		after: func() error {
			err := r.wantImage(f.name(), f)
			_, removed := capture(r.rbd("rm", "--no-progress", imported)...)
			return errors.Join(err, removed)
		},
	})
	return r.work(t, Work{Name: name, Bytes: f.size, Streams: 1}, tools...)
}

// read measures reads of an image that no client has in memory.
func (r *rbdBench) read(t *testing.T, name string, streams []stream) Work {
	t.Helper()
	f := streams[0][0]
	copyTo(t, r.mount.dir+"/images", streams[0])
	location, err := xattr(r.mount.dir+"/images/"+f.name(), "location")
	if err != nil {
		t.Fatal(err)
	}
	cold := func(v mounted) tool {
		u := v.reader(streams)
		u.before = func() error { return evict(in(v.dir, streams[0])...) }
		return u
	}
	tools := []tool{cold(mounted{Glancefs, r.mount, r.mount.dir + "/images"})}
	if r.glance != nil {
		tools = append(tools, r.glance.reader("images", streams, func(string) string { return location }))
	}
	snapshot := f.name() + "@snap"
	tools = append(tools, tool{
		name: "rbd",
		run: func(m *meter) error {
			return m.atOnce([][]string{r.rbd("export", "--no-progress", r.images+"/"+snapshot, "-")})
		},
		after: func() error { return r.wantImage(snapshot, f) },
	})
	if r.fuse100 != nil {
		// It sees only the images that were there when it was started.
		p := r.mountFuse(t, r.images)
		tools = append(tools, cold(mounted{"rbd-fuse", p, p.dir}))
	}
	return r.work(t, Work{Name: name, Bytes: f.size, Streams: 1}, tools...)
}

// list measures ls -l, of glancefs when what it kept is out of date.
func (r *rbdBench) list(t *testing.T) Work {
	t.Helper()
	var want strings.Builder
	for i := 1; i <= manyRBD; i++ { // as rbdimages.py makes them
		fmt.Fprintf(&want, "%05d %d\n", i, i)
	}
	tools := []tool{
		mounted{Glancefs, r.mount, r.mount.dir + "/many"}.lister(want.String()),
		{
			name:   "rbd",
			before: func() error { time.Sleep(expired); return nil },
			run:    func(m *meter) error { return m.atOnce([][]string{r.rbd("ls", "-l", r.many)}) },
			after: func() error {
				out, err := capture(r.rbd("ls", "-l", r.many)...)
				if n := strings.Count(out, "@snap"); err == nil && n != manyRBD {
					err = fmt.Errorf("%d images, want %d", n, manyRBD)
				}
				return err
			},
		},
	}
	if r.fuse100 != nil {
		tools = append(tools, mounted{"rbd-fuse", r.fuse100, r.fuse100.dir}.lister(want.String()))
	}
	return r.work(t, Work{Name: "ls -l of 100 images", Streams: 1}, tools...)
}
