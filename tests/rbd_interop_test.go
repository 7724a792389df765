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
	m.log.allow("EBUSY|clones")
	g := m.newGlanceStore(t)
	t.Run("sizes", func(t *testing.T) {
		for i, size := range []int{0, 1, 1<<20 + 1} {
			g.wantBothWays(t, m.mount, "small", fmt.Sprint(size), random(byte(i), size), "sha512")
		}
	})
	t.Run("names", func(t *testing.T) {
		for _, name := range []string{
			" ünïcode 画像 ", "a@b?c#d+e&f=g%2F", "-~_.'\"\\\n", strings.Repeat("n", 255),
		} {
			g.wantBothWays(t, m.mount, "ceph", name, []byte("an image"), "sha512")
		}
	})
	t.Run("algorithm", func(t *testing.T) {
		if err := unix.Setxattr(m.ceph, "user.glance.hashing_algo", []byte("sha3_256"), 0); err != nil {
			t.Fatal(err)
		}
		g.wantBothWays(t, m.mount, "ceph", "x", random('a', 100_000), "sha3_256")
	})
	m.wantPool(t, nil)
	t.Run("image", func(t *testing.T) { interopImage(t, m, g) })
	t.Run("ranges", func(t *testing.T) { interopRanges(t, m, g) })
	t.Run("in use", func(t *testing.T) { interopInUse(t, m, g) })
	t.Run("under way", func(t *testing.T) { interopUnderWay(t, m, g) })
}

// interopImage: the RBD images of both are alike: format, features, object
// size, and the protected snapshot.
func interopImage(t *testing.T, m *rbdMount, g *glanceStore) {
	const size = 10_000_000
	data := random('f', size)
	want := map[string]int64{}
	for _, store := range []string{"ceph", "small", "thin"} {
		theirs, ours := store+"-theirs", store+"-ours"
		g.add(t, store, theirs, data, "sha512")
		writeImage(t, m.dir+"/"+store+"/"+ours, data)
		if diff := cmp.Diff(m.info(t, theirs), m.info(t, ours)); diff != "" {
			t.Errorf("%s: rbd info (-glance_store +glancefs):\n%s", store, diff)
		}
		want[theirs], want[ours] = size, size
	}
	m.wantPool(t, want)
}

// interopRanges: any part of what glance_store added can be read;
// glance_store itself reads images of rbd stores as a whole.
func interopRanges(t *testing.T, m *rbdMount, g *glanceStore) {
	data := random('r', 5<<20+123)
	theirs := g.add(t, "small", "ranges", data, "sha256")
	f, err := os.Open(m.small + "/ranges")
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
	r := imageAt("small", theirs.URI)
	r["offset"], r["length"] = 1, 1
	g.wantError(t, "StoreRandomGetNotSupported", "get", r)
}

// interopInUse: an image with a clone is in use for both.
func interopInUse(t *testing.T, m *rbdMount, g *glanceStore) {
	data := random('b', 100_000)
	theirs := g.add(t, "ceph", "parent", data, "sha512")
	m.rbd(t, "clone", m.pool+"/parent@snap", m.pool+"/clone")
	g.wantError(t, "InUseByStore", "delete", imageAt("ceph", theirs.URI))
	wantErrno(t, unix.Unlink(m.ceph+"/parent"), unix.EBUSY)
	g.wantFound(t, "ceph", theirs.URI, data)
	m.rbd(t, "rm", "--no-progress", m.pool+"/clone")
	g.want(t, "delete", imageAt("ceph", theirs.URI))
}

// interopUnderWay: what the mount has under way glance_store does not see,
// and can't add.
func interopUnderWay(t *testing.T, m *rbdMount, g *glanceStore) {
	data := random('u', 100_000)
	f := create(t, m.small+"/ours")
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	uri := fmt.Appendf(nil, "rbd://%s/%s/ours/snap", m.cluster.FSID(), m.pool)
	g.wantError(t, "NotFound", "get", imageAt("ceph", uri))
	g.wantError(t, "Duplicate", "add", addRequest("ceph", "ours", data, "sha512"))
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	g.wantFound(t, "ceph", uri, data)
	wantImage(t, m.small+"/ours", data)
}
