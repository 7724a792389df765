package tests

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// rbdInfo is what an RBD image is like, by rbd info.
type rbdInfo struct {
	Size       int64
	Order      int
	Format     int
	Features   []string
	Flags      []string
	BlockName  string `json:"block_name_prefix"`
	ObjectSize int64  `json:"object_size"`
}

// info returns what an image is like, but for its id.
func (m *rbdMount) info(t *testing.T, name string) (i rbdInfo) {
	t.Helper()
	m.rbdJSON(t, &i, "info", m.pool+"/"+name)
	i.BlockName, _, _ = strings.Cut(i.BlockName, ".")
	return i
}

// TestRBDInterop: glance_store and a mount on one pool, with the same rights.
// They read, refuse to add again and delete what the other added, tell the
// same of it, and make the same RBD image.
func TestRBDInterop(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	g := m.newGlanceStore(t)
	for i, size := range []int{0, 1, 3_000_000, 8 << 20, 8<<20 + 1} {
		g.wantBothWays(t, m.mount, "ceph", fmt.Sprint(size), random(byte(i), size), "sha512")
	}
	if err := unix.Setxattr(m.ceph, "user.glance.hashing_algo", []byte("sha3_256"), 0); err != nil {
		t.Fatal(err)
	}
	g.wantBothWays(t, m.mount, "ceph", "71c675ab-d94f-49cd-a114-e12490b328d9", random('i', 20<<20), "sha3_256")
	m.wantPool(t, nil)
}

// TestRBDInteropImage: the RBD images of both are alike: format, features,
// object size, and the protected snapshot.
func TestRBDInteropImage(t *testing.T) {
	t.Parallel()
	const size = 10_000_000
	data := random('f', size)
	for _, conf := range [][]string{nil, {"rbd_store_chunk_size = 1"}, {"rbd_store_chunk_size = 10", "rbd_thin_provisioning = true"}} {
		m := newRBDMount(t, conf...)
		g := m.newGlanceStore(t)
		g.add(t, "ceph", "theirs", data, "sha512")
		writeImage(t, m.ceph+"/ours", data)
		if diff := cmp.Diff(m.info(t, "theirs"), m.info(t, "ours")); diff != "" {
			t.Errorf("%q: rbd info (-glance_store +glancefs):\n%s", conf, diff)
		}
		m.wantPool(t, map[string]int64{"theirs": size, "ours": size})
	}
}

// TestRBDInteropRanges: any part of what glance_store added can be read;
// glance_store itself reads images of rbd stores as a whole.
func TestRBDInteropRanges(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t, "rbd_store_chunk_size = 1")
	g := m.newGlanceStore(t)
	data := random('r', 5<<20+123)
	theirs := g.add(t, "ceph", "theirs", data, "sha256")
	f, err := os.Open(m.ceph + "/theirs")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, part := range []struct{ off, length int }{
		{0, 1}, {1<<20 - 1, 2}, {1 << 20, 1 << 20}, {4096, 3 << 20}, {len(data) - 1, 1}, {len(data) - 1, 10}, {len(data), 10}, {len(data) + 1, 1},
	} {
		want := data[min(part.off, len(data)):min(part.off+part.length, len(data))]
		buf := make([]byte, part.length)
		n, _ := f.ReadAt(buf, int64(part.off)) // EOF at the end
		wantBytes(t, fmt.Sprintf("theirs at %v", part), buf[:n], want)
	}
	r := imageAt("ceph", theirs.URI)
	r["offset"], r["length"] = 1, 1
	g.wantError(t, "StoreRandomGetNotSupported", "get", r)
	g.want(t, "delete", imageAt("ceph", theirs.URI))
}

// TestRBDInteropNames: names that have to be escaped in a location.
func TestRBDInteropNames(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	g := m.newGlanceStore(t)
	data := []byte("an image")
	for _, name := range []string{
		"with space", "-rf", "ünïcode 画像", "100%", "%2F", "a@b", "a?b#c", "a+b&c=d", "~_.-", `'"\`, "new\nline", "trailing ", strings.Repeat("n", 255),
	} {
		g.wantBothWays(t, m.mount, "ceph", name, data, "sha512")
	}
}

// TestRBDInteropBusy: an image with a clone is in use for both.
func TestRBDInteropBusy(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	m.log.allow("EBUSY|clones")
	g := m.newGlanceStore(t)
	data := random('b', 100_000)
	theirs := g.add(t, "ceph", "x", data, "sha512")
	m.rbd(t, "clone", m.pool+"/x@snap", m.pool+"/clone")
	g.wantError(t, "InUseByStore", "delete", imageAt("ceph", theirs.URI))
	wantErrno(t, unix.Unlink(m.ceph+"/x"), unix.EBUSY)
	g.wantFound(t, "ceph", theirs.URI, data)
	m.rbd(t, "rm", "--no-progress", m.pool+"/clone")
	g.want(t, "delete", imageAt("ceph", theirs.URI))
}

// TestRBDInteropUnderWay: what one has under way the other does not see, and
// can't add.
func TestRBDInteropUnderWay(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	g := m.newGlanceStore(t)
	data := random('u', 100_000)
	f := create(t, m.ceph+"/x")
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	uri := []byte(fmt.Sprintf("rbd://%s/%s/x/snap", m.cluster.FSID(), m.pool))
	g.wantError(t, "NotFound", "get", imageAt("ceph", uri))
	g.wantError(t, "Duplicate", "add", addRequest("ceph", "x", data, "sha512"))
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	g.wantFound(t, "ceph", uri, data)
	wantImage(t, m.ceph+"/x", data)
}
