package tests

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var (
	digestXattrs = []string{"user.glance.checksum", "user.glance.hashing_algo", "user.glance.multihash"}
	placeXattrs  = []string{"user.glance.location", "user.glance.metadata", "user.glance.store"}
	imageXattrs  = []string{
		"user.glance.checksum", "user.glance.hashing_algo", "user.glance.location",
		"user.glance.metadata", "user.glance.multihash", "user.glance.store",
	}
)

func wantXattrNames(t *testing.T, path string, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, listXattrs(t, path)); diff != "" {
		t.Errorf("xattrs of %s (-want +got):\n%s", path, diff)
	}
	for _, name := range want { // rsync -X fails on one that is listed and not there
		if _, err := xattr(path, name); err != nil {
			t.Errorf("%s is listed: %v", name, err)
		}
	}
}

// TestImageXattrs: what an image that was added here shows.
func TestImageXattrs(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data := random('x', 123_456)
	path := m.fast + "/a b"
	writeImage(t, path, data)
	wantXattrNames(t, path, imageXattrs)
	wantImage(t, path, data)
	wantXattr(t, path, "store", "fast")
	wantXattr(t, path, "location", "file://"+m.fastData+"/a b")
	value, err := xattr(path, "user.glance.metadata")
	var metadata map[string]any
	if err != nil || json.Unmarshal([]byte(value), &metadata) != nil || metadata["store"] != "fast" {
		t.Errorf("user.glance.metadata is %q (%v)", value, err)
	}
	for _, p := range []pair{
		{"user.checksum.md5", md5Hex(data)}, {"user.checksum.sha512", sha512Hex(data)},
		{"user.checksum.sha256", ""}, {"user.checksum.none", ""}, {"user.glance.none", ""}, {"user.none", ""}, {"user.glance.of", ""},
	} {
		got, err := xattr(path, p.name)
		if p.value == "" && err != unix.ENODATA || got != p.value {
			t.Errorf("%s is %q (%v), want %q", p.name, got, err, p.value)
		}
	}
	_, err = unix.Getxattr(path, "user.glance.checksum", make([]byte, 5))
	wantErrno(t, err, unix.ERANGE)

	want := "# file: a\\040b\n" +
		"user.glance.checksum=\"" + md5Hex(data) + "\"\nuser.glance.hashing_algo=\"sha512\"\n" +
		"user.glance.location=\"file://" + m.fastData + "/a b\"\nuser.glance.metadata=" + getfattrQuote(value) + "\n" +
		"user.glance.multihash=\"" + sha512Hex(data) + "\"\nuser.glance.store=\"fast\"\n\n"
	got := m.wantSh(t, `cd fast && getfattr -d 'a b' | sed 's/^# file.*/# file: a\\040b/' | LC_ALL=C sort -s -k1,1 -t= | sed '/^$/d'; echo`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("getfattr -d (-want +got):\n%s", diff)
	}
}

func getfattrQuote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

// TestBackingXattrs: the record is on the file in the datadir, where getfattr
// shows it without a mount.
func TestBackingXattrs(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data := random('x', 1000)
	writeImage(t, m.fast+"/x", data)
	wantXattr(t, m.fastData+"/x", "checksum", md5Hex(data))
	wantXattr(t, m.fastData+"/x", "multihash", sha512Hex(data))
	wantXattr(t, m.fastData+"/x", "hashing_algo", "sha512")
	of := m.wantSh(t, `getfattr --absolute-names --only-values -n user.glance.of `+m.fastData+`/x; echo; stat -c '%s %.9Y' `+m.fastData+`/x`)
	if recorded, is, _ := strings.Cut(strings.TrimSpace(of), "\n"); recorded != is {
		t.Errorf("user.glance.of is %q, want %q", recorded, is)
	}
	m.stop(t)
	m.serve(t) // a new daemon shows what the old one recorded
	wantImage(t, m.fast+"/x", data)
}

// TestForeignImages: an image that Glance wrote has no digests, and one that
// was changed behind our back has none any more.
func TestForeignImages(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data := random('f', 1000)
	if err := os.WriteFile(m.fastData+"/x", data, 0o640); err != nil {
		t.Fatal(err)
	}
	writeImage(t, m.fast+"/changed", data)
	if err := os.WriteFile(m.fastData+"/changed", append(data, 0), 0o640); err != nil {
		t.Fatal(err)
	}
	writeImage(t, m.fast+"/touched", data)
	if err := os.Chtimes(m.fastData+"/touched", timeOf(1), timeOf(2)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "changed", "touched"} {
		path := m.fast + "/" + name
		eventually(t, "the change is seen", func() bool {
			_, err := xattr(path, digestXattrs[0])
			return err == unix.ENODATA
		})
		wantXattrNames(t, path, placeXattrs)
		for _, x := range append(digestXattrs, "user.checksum.md5", "user.checksum.sha512") {
			value, err := xattr(path, x)
			if err != unix.ENODATA {
				t.Errorf("%s of %s is %q (%v), want ENODATA", x, name, value, err)
			}
		}
	}
	wantContent(t, m.fast+"/x", data)
}

// TestTimesKeepDigests: a change of mtime or name by us rewrites the record.
func TestTimesKeepDigests(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data := random('t', 1000)
	writeImage(t, m.fast+"/x", data)
	for _, script := range []string{
		`touch fast/x`, `touch -d 2001-01-01 fast/x`, `touch -a fast/x`, `chmod 600 fast/x`, `chown 0:0 fast/x`, `chmod 444 fast/x`,
		`mv fast/x fast/y && mv fast/y fast/x`, `setfattr -n user.glance.hashing_algo -v sha512 fast/x`,
	} {
		if out := m.wantSh(t, script); out != "" {
			t.Errorf("%s wrote %q", script, out)
		}
		wantImage(t, m.fast+"/x", data)
	}
}

// TestForeignNamespaces: security.* and system.* are EOPNOTSUPP, get and set,
// on everything; so that ls asks once and cp -p goes on.
func TestForeignNamespaces(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	writeImage(t, m.fast+"/x", nil)
	f := create(t, m.fast+"/way")
	for _, path := range []string{m.dir, m.fast, m.fast + "/x", m.fast + "/way"} {
		for _, name := range []string{"security.selinux", "security.capability", "system.posix_acl_access", "system.posix_acl_default", "system.other", "trusted.x"} {
			_, err := xattr(path, name)
			if err != unix.EOPNOTSUPP {
				t.Errorf("get %s of %s: %v, want EOPNOTSUPP", name, path, err)
			}
			// rw-r--r--, as cp -p sets it
			acl := "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x04\x00\x04\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff"
			if name == "security.capability" || name == "system.posix_acl_default" {
				continue // the kernel judges these itself
			}
			if err := unix.Setxattr(path, name, []byte(acl), 0); err != unix.EOPNOTSUPP {
				t.Errorf("set %s of %s: %v, want EOPNOTSUPP", name, path, err)
			}
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if out := m.wantSh(t, `ls -lZ fast > $S/out; ls -l fast | grep -c '^-r--r--r-- '`); out != "2\n" {
		t.Errorf("wrote %q", out)
	}
}

// TestStoreXattrs: what a store tells of itself, and the algorithm that can be
// set.
func TestStoreXattrs(t *testing.T) {
	t.Parallel()
	m := newMount(t, "[fast]", "store_description = the fast one", "weight = 7")
	for _, p := range []pair{
		{"type", "file"}, {"description", "the fast one"}, {"default", "true"}, {"reserved", "false"},
		{"weight", "7"}, {"hashing_algo", "sha512"}, {"status", "ok"}, {"errors", "[]"},
	} {
		wantXattr(t, m.fast, p.name, p.value)
	}
	wantXattr(t, m.slow, "default", "false")
	wantXattrNames(t, m.fast, []string{
		"user.glance.capabilities", "user.glance.default", "user.glance.description", "user.glance.errors", "user.glance.hashing_algo",
		"user.glance.reserved", "user.glance.schemes", "user.glance.status", "user.glance.type", "user.glance.weight",
	})
	if schemes, err := xattr(m.fast, "user.glance.schemes"); err != nil || !strings.Contains(schemes, "file") {
		t.Errorf("user.glance.schemes is %q (%v)", schemes, err)
	}
	for name, want := range map[string]error{"user.glance.type": unix.EPERM, "user.glance.status": unix.EPERM, "user.mine": unix.EOPNOTSUPP} {
		if err := unix.Setxattr(m.fast, name, []byte("x"), 0); err != want {
			t.Errorf("set %s: %v, want %v", name, err, want)
		}
	}
	set := func(algo string) error {
		return unix.Setxattr(m.fast, "user.glance.hashing_algo", []byte(algo), 0)
	}
	for _, algo := range []string{"rot13", "", "shake_256", "SHA-512"} {
		wantErrno(t, set(algo), unix.EINVAL)
	}
	f := create(t, m.fast+"/before")
	for _, algo := range []string{"sha256", "blake2b", "md5", "sha3_512", "sha512"} {
		wantErrno(t, set(algo), 0)
		wantXattr(t, m.fast, "hashing_algo", algo)
		wantXattr(t, m.slow, "hashing_algo", "sha512")
		writeImage(t, m.fast+"/"+algo, []byte("hello"))
		wantXattr(t, m.fast+"/"+algo, "hashing_algo", algo)
		want, err := exec.Command("/usr/bin/python3", "-c", `import hashlib, sys; print(hashlib.new(sys.argv[1], b"hello").hexdigest(), end="")`, algo).Output()
		if err != nil {
			t.Fatal(err)
		}
		wantXattr(t, m.fast+"/"+algo, "multihash", string(want))
	}
	if err := f.Close(); err != nil { // began under the first one
		t.Error(err)
	}
	wantImage(t, m.fast+"/before", nil)
	m.log.allow("EINVAL")
}

// TestRootXattrs: what the mount tells of itself.
func TestRootXattrs(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	wantXattrNames(t, m.dir, []string{"user.glance.default_backend", "user.glance.schemes", "user.glance.stores", "user.glance.version"})
	wantXattr(t, m.dir, "default_backend", "fast")
	stores, err := xattr(m.dir, "user.glance.stores")
	if err != nil || !strings.Contains(stores, "fast") || !strings.Contains(stores, "slow") {
		t.Errorf("user.glance.stores is %q (%v)", stores, err)
	}
	for _, test := range []struct{ path, want string }{{".", `default_backend="fast"`}, {"fast", `type="file"`}, {"default/", `type="file"`}} {
		if out := m.wantSh(t, `getfattr -d `+test.path); !strings.Contains(out, "\nuser.glance."+test.want+"\n") {
			t.Errorf("getfattr -d %s:\n%s", test.path, out)
		}
	}
	if err := unix.Setxattr(m.dir, "user.glance.version", []byte("0"), 0); err != unix.EPERM {
		t.Errorf("set user.glance.version: %v, want EPERM", err)
	}
}
