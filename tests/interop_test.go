package tests

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"glancefs/tests/need"
)

// glanceStore is the real glance_store with the configuration of a mount. It
// is one process for a whole test: Python takes longer to start than all the
// calls.
type glanceStore struct {
	in  *json.Encoder
	out *bufio.Scanner
	log *bytes.Buffer

	// deleted are images in the mount that glance_store deleted. The kernel
	// may believe in them for 1 s more, so all are looked at when the test
	// ends.
	deleted []string
}

// tuple is what glance_store's add returns. A []byte is base64 in JSON: a
// name may have any byte.
type tuple struct {
	URI       []byte         `json:"uri"`
	Size      int64          `json:"size"`
	Checksum  string         `json:"checksum"`
	Multihash string         `json:"multihash"`
	Metadata  map[string]any `json:"metadata"`
}

// request and reply are those of testdata/interop.py.
type request map[string]any

type reply struct {
	tuple
	Data       []byte
	Schemes    []string
	Algorithms []string
	Error      string // the exception's class
	Reason     string
}

// newGlanceStore starts glance_store on the configuration of a mount.
func (m *mount) newGlanceStore(t *testing.T) *glanceStore {
	t.Helper()
	need.PythonModule(t, "glance_store", "python3-glance-store")
	conf := m.args[slices.Index(m.args, "--config-file")+1]
	cmd := exec.Command(need.Python, "testdata/interop.py", conf)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1",
		"REQUESTS_CA_BUNDLE=", "CURL_CA_BUNDLE=") // they win over https_ca_certificates_file
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL} // if the run is killed
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	g := &glanceStore{in: json.NewEncoder(stdin), out: bufio.NewScanner(stdout), log: new(bytes.Buffer)}
	g.out.Buffer(nil, 64<<20)
	cmd.Stderr = g.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, path := range g.deleted {
			wantNoImage(t, path)
		}
		stdin.Close() // it ends at the end of its input
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("glance_store: %v\n%s", err, g.log)
		}
	})
	return g
}

// call asks glance_store for an operation.
func (g *glanceStore) call(t *testing.T, op string, r request) reply {
	t.Helper()
	r["op"] = op
	if err := g.in.Encode(r); err != nil {
		t.Fatalf("glance_store, %s: %v", op, err)
	}
	if !g.out.Scan() {
		t.Fatalf("glance_store, %s: it has ended (%v)", op, g.out.Err())
	}
	var answer reply
	if err := json.Unmarshal(g.out.Bytes(), &answer); err != nil {
		t.Fatalf("glance_store, %s: %v: %s", op, err, g.out.Bytes())
	}
	return answer
}

// want asks for an operation that must succeed.
func (g *glanceStore) want(t *testing.T, op string, r request) reply {
	t.Helper()
	answer := g.call(t, op, r)
	if answer.Error != "" {
		t.Fatalf("glance_store, %s %q: %s: %s", op, r, answer.Error, answer.Reason)
	}
	return answer
}

// wantError asks for an operation that must fail with an exception of that
// class.
func (g *glanceStore) wantError(t *testing.T, class, op string, r request) {
	t.Helper()
	if answer := g.call(t, op, r); answer.Error != class {
		t.Errorf("glance_store, %s %q: error %q (%s), want %s", op, r, answer.Error, answer.Reason, class)
	}
}

func (g *glanceStore) add(t *testing.T, store, name string, data []byte, algo string) tuple {
	t.Helper()
	return g.want(t, "add", addRequest(store, name, data, algo)).tuple
}

func addRequest(store, name string, data []byte, algo string) request {
	if data == nil {
		data = []byte{} // null in JSON
	}
	return request{"name": []byte(name), "backend": store, "data": data, "algo": algo}
}

func imageAt(store string, uri []byte) request { return request{"backend": store, "uri": uri} }

// wantFound checks that glance_store finds an image, with its store named and
// without.
func (g *glanceStore) wantFound(t *testing.T, store string, uri, data []byte) {
	t.Helper()
	for _, store := range []string{store, ""} {
		if store == "" && len(data) == 0 {
			continue // see TestInteropEmpty
		}
		got := g.want(t, "get", imageAt(store, uri)).Data
		wantBytes(t, fmt.Sprintf("glance_store: %q of store %q", uri, store), got, data)
	}
	if size := g.want(t, "size", imageAt(store, uri)).Size; size != int64(len(data)) {
		t.Errorf("glance_store: %q has the size %d, want %d", uri, size, len(data))
	}
}

// ourTuple is the 5-tuple as the mount tells it.
func (m *mount) ourTuple(t *testing.T, store, name string) tuple {
	t.Helper()
	path := filepath.Join(m.dir, store, name)
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	value := func(attr string) string {
		value, err := xattr(path, "user.glance."+attr)
		if err != nil {
			t.Errorf("%q: user.glance.%s: %v", path, attr, err)
		}
		return value
	}
	ours := tuple{
		URI: []byte(value("location")), Size: st.Size(),
		Checksum: value("checksum"), Multihash: value("multihash"),
	}
	if err := json.Unmarshal([]byte(value("metadata")), &ours.Metadata); err != nil {
		t.Errorf("%q: user.glance.metadata: %v", path, err)
	}
	return ours
}

// wantBothWays adds the same bytes under the same name, first by
// glance_store, then by the mount. Each reads, refuses to add again, and
// deletes what the other added, and both tell the same of it.
func (g *glanceStore) wantBothWays(t *testing.T, m *mount, store, name string, data []byte, algo string) {
	t.Helper()
	path := filepath.Join(m.dir, store, name)
	theirs := g.add(t, store, name, data, algo)
	wantContent(t, path, data)
	if !listed(t, path) {
		t.Errorf("%q is not listed", path)
	}
	if location, err := xattr(path, "user.glance.location"); location != string(theirs.URI) {
		t.Errorf("the location is %q (%v), glance_store's %q", location, err, theirs.URI)
	}
	if value, err := xattr(path, "user.glance.checksum"); err != unix.ENODATA {
		t.Errorf("an image that glance_store wrote has the checksum %q (%v)", value, err)
	}
	wantErrno(t, open(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)(path), unix.EEXIST)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	g.wantError(t, "NotFound", "get", imageAt(store, theirs.URI))

	writeImage(t, path, data)
	wantSoon(t, path) // an empty one is committed after its close
	if diff := cmp.Diff(theirs, m.ourTuple(t, store, name)); diff != "" {
		t.Errorf("%q in %s: the 5-tuples differ (-glance_store +glancefs):\n%s", name, algo, diff)
	}
	g.wantFound(t, store, theirs.URI, data)
	g.wantError(t, "Duplicate", "add", addRequest(store, name, data, algo))
	g.want(t, "delete", imageAt(store, theirs.URI))
	g.deleted = append(g.deleted, path)
}

// unsynced is for tests of many images that are about names and bytes: three
// fsyncs an image would be most of their time.
const unsynced = "[glancefs]\nsync_on_close = false"

// TestInterop: glance_store and a mount on one datadir, in every algorithm
// that both know, and with images that end at, before and after
// glance_store's chunk of 64 KiB.
func TestInterop(t *testing.T) {
	t.Parallel()
	m := newMount(t, unsynced)
	g := m.newGlanceStore(t)
	if diff := cmp.Diff([]string{"file", "filesystem"}, g.want(t, "schemes", request{}).Schemes); diff != "" {
		t.Errorf("schemes (-want +got):\n%s", diff)
	}
	for i, size := range []int{1, 65535, 65536, 65537, 3_000_000} {
		g.wantBothWays(t, m, "slow", fmt.Sprint(size), random(byte(i), size), "sha512")
	}
	data := random('i', 100_000)
	var refused []string
	for _, algo := range g.want(t, "algorithms", request{}).Algorithms {
		if err := unix.Setxattr(m.fast, "user.glance.hashing_algo", []byte(algo), 0); err != nil {
			refused = append(refused, algo)
			continue
		}
		g.wantBothWays(t, m, "fast", "in "+algo, data, algo)
	}
	// glance_store takes the two that have no length, stores the whole image,
	// fails to ask for the digest, and leaves the image behind.
	if diff := cmp.Diff([]string{"shake_128", "shake_256"}, refused); diff != "" {
		t.Errorf("algorithms that only Python knows (-want +got):\n%s", diff)
	}
	g.wantError(t, "TypeError", "add", addRequest("fast", "shaken", data, "shake_128"))
	wantContent(t, m.fast+"/shaken", data)
	g.wantError(t, "UnknownHashingAlgo", "add", addRequest("fast", "x", data, "SHA512"))
	wantErrno(t, unix.Setxattr(m.fast, "user.glance.hashing_algo", []byte("SHA512"), 0), unix.EINVAL)
}

// TestInteropRanges: both read the same part of an image that the other
// added, at its ends and over them.
func TestInteropRanges(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	g := m.newGlanceStore(t)
	data := random('r', 200_000)
	theirs := g.add(t, "fast", "theirs", data, "sha256")
	writeImage(t, m.fast+"/ours", data)
	ours := m.ourTuple(t, "fast", "ours")
	f, err := os.Open(m.fast + "/theirs")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, part := range []struct{ off, length int }{{0, 1}, {1, 65536}, {65535, 2}, {199_999, 1}, {199_999, 10}, {200_000, 10}, {300_000, 1}} {
		want := data[min(part.off, len(data)):min(part.off+part.length, len(data))]
		for what, uri := range map[string][]byte{"theirs": theirs.URI, "ours": ours.URI} {
			r := imageAt("fast", uri)
			r["offset"], r["length"] = part.off, part.length
			wantBytes(t, fmt.Sprintf("glance_store: %s at %v", what, part), g.want(t, "get", r).Data, want)
		}
		buf := make([]byte, part.length)
		n, _ := f.ReadAt(buf, int64(part.off)) // EOF at the end
		wantBytes(t, fmt.Sprintf("theirs at %v", part), buf[:n], want)
	}
}

// TestInteropEmpty: an image of no bytes.
func TestInteropEmpty(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	g := m.newGlanceStore(t)
	g.wantBothWays(t, m, "fast", "empty", nil, "sha512")

	// glance_store's search takes the data of an empty image for none where
	// they have a length; those of a file are an iterator, so it is found.
	writeImage(t, m.slow+"/empty", nil)
	wantSoon(t, m.slow+"/empty")
	uri := m.ourTuple(t, "slow", "empty").URI
	if data := g.want(t, "get", imageAt("", uri)).Data; len(data) != 0 {
		t.Errorf("the empty image has %d bytes", len(data))
	}
	g.want(t, "delete", imageAt("", uri))
	wantNoImage(t, m.slow+"/empty")
}

// TestInteropNames: what names each can have. An image that glance_store
// can't find again under its own location is still read, listed and deleted
// by the mount.
func TestInteropNames(t *testing.T) {
	t.Parallel()
	m := newMount(t, unsynced)
	g := m.newGlanceStore(t)
	data := []byte("an image")
	for _, name := range []string{
		"71c675ab-d94f-49cd-a114-e12490b328d9", "with space", " leading", "-rf", "--help", "ünïcode", "画像", "%20", "100%", "%2F",
		"a:b", "a;b", "a&b=c", "a@b", "[::1]", "a\\b", "'", `"`, "*", "~", ".hidden", "..a", "$HOME", "a+b",
		"\xff\xfe", "half \xc3", strings.Repeat("n", 255),
	} {
		g.wantBothWays(t, m, "fast", name, data, "sha512")
	}

	// glance_store does not escape, and reads its own URI as one with a query
	// or a fragment, strips it, or lets urlparse drop what it drops.
	for _, name := range []string{"a?b", "a#b", "trailing ", "new\nline", "a\tb"} {
		path := filepath.Join(m.fast, name)
		theirs := g.add(t, "fast", name, data, "sha512")
		g.wantError(t, "NotFound", "get", imageAt("fast", theirs.URI))
		wantContent(t, path, data)
		wantErrno(t, open(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)(path), unix.EEXIST)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		writeImage(t, path, data)
		if diff := cmp.Diff(theirs, m.ourTuple(t, "fast", name)); diff != "" {
			t.Errorf("%q: the 5-tuples differ (-glance_store +glancefs):\n%s", name, diff)
		}
		g.wantError(t, "Duplicate", "add", addRequest("fast", name, data, "sha512"))
		g.wantError(t, "NotFound", "delete", imageAt("fast", theirs.URI))
		wantContent(t, path, data)
	}

	// glance_store checks no name: this one leaves the datadir.
	outside := g.add(t, "fast", "../outside", data, "sha512")
	if !strings.HasSuffix(string(outside.URI), "/fast/../outside") {
		t.Errorf("glance_store put ../outside at %s", outside.URI)
	}
}

// TestInteropRace: glance_store adds an image while the mount has one by that
// name under way. The one under way is invisible to glance_store, and does
// not replace what is there when it is complete.
func TestInteropRace(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.log.allow("EEXIST")
	g := m.newGlanceStore(t)
	f := create(t, m.fast+"/x")
	if _, err := f.Write([]byte("ours")); err != nil {
		t.Fatal(err)
	}
	uri := []byte("file://" + m.fastData + "/x")
	g.wantError(t, "NotFound", "get", imageAt("fast", uri))
	theirs := g.add(t, "fast", "x", []byte("theirs"), "sha512")
	wantErrno(t, f.Close(), unix.EEXIST)
	g.wantFound(t, "fast", theirs.URI, []byte("theirs"))
	eventually(t, "the image is glance_store's", func() bool {
		got, err := os.ReadFile(m.fast + "/x")
		return err == nil && string(got) == "theirs"
	})
}

// TestInteropThin: both leave the same holes with thin provisioning.
func TestInteropThin(t *testing.T) {
	t.Parallel()
	m := newMount(t, "[slow]", "filesystem_thin_provisioning = true", "filesystem_store_chunk_size = 65536")
	g := m.newGlanceStore(t)
	const chunk = 65536
	sparse := slices.Concat(random(1, chunk), make([]byte, 20*chunk), random(2, chunk), make([]byte, 8*chunk))
	for name, data := range map[string][]byte{
		"holes": sparse, "unaligned": sparse[:len(sparse)-1000], "zeros": make([]byte, 5*chunk), "none": random(3, 4*chunk),
	} {
		g.wantBothWays(t, m, "slow", name, data, "sha512")
		theirs := g.add(t, "slow", "theirs", data, "sha512")
		writeImage(t, m.slow+"/ours", data)
		g.wantFound(t, "slow", []byte("file://"+m.slowData+"/ours"), data)
		// Not the blocks: ext4 counts that of our xattrs, too.
		if diff := cmp.Diff(extents(t, m.slowData+"/theirs"), extents(t, m.slowData+"/ours")); diff != "" {
			t.Errorf("%s: the data are at (-glance_store +glancefs):\n%s", name, diff)
		}
		g.want(t, "delete", imageAt("slow", theirs.URI))
		if err := os.Remove(m.slow + "/ours"); err != nil {
			t.Fatal(err)
		}
	}
}

// extents lists where a file has data: start, end, start, end, …
func extents(t *testing.T, path string) (at []int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil { // before, a filesystem may only guess
		t.Fatal(err)
	}
	whence, off := unix.SEEK_DATA, int64(0)
	for {
		off, err = unix.Seek(int(f.Fd()), off, whence)
		if err == unix.ENXIO { // no more data
			return at
		}
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, off)
		whence = unix.SEEK_DATA + unix.SEEK_HOLE - whence
	}
}

// TestInteropDatadirs: several datadirs, of which both choose the same, and
// find images in all of them.
func TestInteropDatadirs(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	low, high, middle := base+"/low", base+"/high", base+"/middle"
	m := newMount(t,
		"[DEFAULT]", "enabled_backends = fast:file, slow:file, many:file",
		// glance_store wants the first one emptied.
		"[many]", "filesystem_store_datadir =", "filesystem_store_datadirs = "+low+":1",
		"filesystem_store_datadirs = "+high+":200", "filesystem_store_datadirs = "+middle+": 20",
	)
	g := m.newGlanceStore(t)
	data := random('d', 100_000)
	g.wantBothWays(t, m, "many", "x", data, "sha512")
	theirs := g.add(t, "many", "y", data, "sha512")
	if want := "file://" + high + "/y"; string(theirs.URI) != want {
		t.Errorf("glance_store put y at %s, want %s", theirs.URI, want)
	}
	for _, dir := range []string{low, middle} {
		name := filepath.Base(dir)
		if err := os.WriteFile(dir+"/"+name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		uri := []byte("file://" + dir + "/" + name)
		g.wantFound(t, "many", uri, data)
		wantContent(t, m.dir+"/many/"+name, data)
		wantXattr(t, m.dir+"/many/"+name, "location", string(uri))

		// glance_store looks only into the datadir that it has chosen.
		second := g.add(t, "many", name, data, "sha512")
		g.want(t, "delete", imageAt("many", second.URI))
		wantErrno(t, open(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)(m.dir+"/many/"+name), unix.EEXIST)
		g.want(t, "delete", imageAt("many", uri))
		wantNoImage(t, m.dir+"/many/"+name)
	}
}

// TestInteropMetadata: the metadata file and the mode of new images.
func TestInteropMetadata(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	datadir, meta := base+"/images", filepath.Join(base, "metadata.json")
	text := fmt.Sprintf(`[{"id": "other", "mountpoint": "/nowhere"},
		{"id": "b9d69795", "mountpoint": %q, "share": ["a", {"k": "v"}]}]`, base)
	if err := os.WriteFile(meta, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m := setup{fastData: datadir, conf: "[fast]\nfilesystem_store_metadata_file = " + meta + "\nfilesystem_store_file_perm = 640"}.mount(t)
	g := m.newGlanceStore(t)
	g.wantBothWays(t, m, "fast", "x", []byte("with metadata"), "sha512")
	g.wantBothWays(t, m, "slow", "x", []byte("without"), "sha512")

	g.add(t, "fast", "theirs", []byte("x"), "sha512")
	writeImage(t, m.fast+"/ours", []byte("x"))
	for _, name := range []string{"theirs", "ours"} {
		st, err := os.Stat(datadir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode() != 0o640 {
			t.Errorf("%s has the mode %v, want 0640", name, st.Mode())
		}
	}
}

// TestInteropKeepsOut: what glancefs keeps in a datadir does not disturb
// glance_store, and what glance_store leaves half-done is only an image
// without digests.
func TestInteropKeepsOut(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	g := m.newGlanceStore(t)
	writeImage(t, m.fast+"/x", []byte("x"))
	if _, err := os.Lstat(m.fastData + "/.glancefs"); err != nil {
		t.Fatalf("there is nothing to disturb: %v", err)
	}
	for _, name := range []string{".glancefs", ".glancefs-x"} {
		wantErrno(t, open(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)(m.fast+"/"+name), unix.EINVAL)
	}
	g.wantError(t, "Duplicate", "add", addRequest("fast", ".glancefs", []byte("x"), "sha512"))

	// [4.1.0] does not look at the declared size.
	short := addRequest("fast", "short", []byte("12345"), "sha512")
	short["size"] = 99
	if theirs := g.want(t, "add", short); theirs.Size != 5 {
		t.Errorf("glance_store stored %d bytes", theirs.Size)
	}
	f := create(t, m.fast+"/ours")
	if err := unix.Fsetxattr(int(f.Fd()), "user.glance.size", []byte("99"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("12345")); err != nil {
		t.Fatal(err)
	}
	m.log.allow("EBADMSG")
	wantErrno(t, f.Close(), unix.EBADMSG)
	g.wantError(t, "NotFound", "get", imageAt("fast", []byte("file://"+m.fastData+"/ours")))
}
