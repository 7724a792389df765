package fsnode

import (
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func md5Of(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func sha512Of(s string) string {
	sum := sha512.Sum512([]byte(s))
	return hex.EncodeToString(sum[:])
}

// xattrs reads all that are listed. Each of them must have a value.
func (m *mounted) xattrs(path string) map[string]string {
	m.Helper()
	buf := make([]byte, 1<<16)
	n, err := unix.Llistxattr(path, buf)
	if err != nil {
		m.Fatal(err)
	}
	all := make(map[string]string)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") {
		all[name] = m.xattr(path, name)
	}
	return all
}

func (m *mounted) wantXattrs(path string, want map[string]string) {
	m.Helper()
	if diff := cmp.Diff(want, m.xattrs(path)); diff != "" {
		m.Errorf("xattrs of %s (-want +got):\n%s", path, diff)
	}
}

func getxattr(path, name string) error {
	_, err := unix.Lgetxattr(path, name, make([]byte, 1<<16))
	return err
}

func setxattr(path, name, value string) error {
	return unix.Lsetxattr(path, name, []byte(value), 0)
}

// valueFor is a value that the kernel lets through: it looks at some by
// itself.
func valueFor(name string) string {
	if name != "system.posix_acl_access" {
		return "x"
	}
	return "\x02\x00\x00\x00" + // version; user, group and others may read
		"\x01\x00\x04\x00\xff\xff\xff\xff" +
		"\x04\x00\x04\x00\xff\xff\xff\xff" +
		"\x20\x00\x04\x00\xff\xff\xff\xff"
}

func TestXattrsOfImage(t *testing.T) {
	m := mount(t, "")
	m.put("one", "im age", "content")
	path := filepath.Join(m.one, "im age")
	want := map[string]string{
		"user.glance.checksum":     md5Of("content"),
		"user.glance.multihash":    sha512Of("content"),
		"user.glance.hashing_algo": "sha512",
		"user.glance.location":     "memory://one/im%20age",
		"user.glance.store":        "one",
		"user.glance.metadata":     `{"store":"one"}`,
	}
	m.wantXattrs(path, want)
	for name, value := range map[string]string{"user.checksum.md5": md5Of("content"), "user.checksum.sha512": sha512Of("content")} {
		if got := m.xattr(path, name); got != value {
			t.Errorf("%s: %s", name, got)
		}
	}
	if n, err := unix.Lgetxattr(path, "user.glance.checksum", nil); n != 32 || err != nil {
		t.Errorf("size of the checksum: %d, %v", n, err)
	}
	_, err := unix.Lgetxattr(path, "user.glance.checksum", make([]byte, 31))
	m.wantErr("getxattr with a small buffer", err, unix.ERANGE)
	_, err = unix.Llistxattr(path, make([]byte, 31))
	m.wantErr("listxattr with a small buffer", err, unix.ERANGE)

	for name, value := range want { // as rsync -X sets them after close
		m.wantErr("set "+name+" to what it is", setxattr(path, name, value), 0)
		m.wantErr("set "+name+" to another value", setxattr(path, name, "x"), unix.EPERM)
		m.wantErr("remove "+name, unix.Lremovexattr(path, name), unix.EPERM)
	}
	for _, test := range []struct {
		name     string
		get, set syscall.Errno
	}{
		{"user.other", unix.ENODATA, unix.EOPNOTSUPP},
		{"user.glance.other", unix.ENODATA, unix.EOPNOTSUPP},
		{"user.checksum.sha1", unix.ENODATA, unix.EOPNOTSUPP},
		{"user.glance.of", unix.ENODATA, unix.EOPNOTSUPP},
		{"security.selinux", unix.EOPNOTSUPP, unix.EOPNOTSUPP},
		{"security.other", unix.EOPNOTSUPP, unix.EOPNOTSUPP},
		{"system.posix_acl_access", unix.EOPNOTSUPP, unix.EOPNOTSUPP},
		{"trusted.x", unix.EOPNOTSUPP, unix.EOPNOTSUPP},
	} {
		m.wantErr("get "+test.name, getxattr(path, test.name), test.get)
		m.wantErr("set "+test.name, setxattr(path, test.name, valueFor(test.name)), test.set)
		m.wantErr("remove "+test.name, unix.Lremovexattr(path, test.name), unix.EOPNOTSUPP)
	}

	// Changed by somebody else: its digests are no longer its own.
	m.corrupt("one", "im age", "content of another size")
	for _, name := range []string{"checksum", "multihash", "hashing_algo"} {
		delete(want, "user.glance."+name)
		m.wantErr("get "+name, getxattr(path, "user.glance."+name), unix.ENODATA)
		m.wantErr("set "+name, setxattr(path, "user.glance."+name, "x"), unix.EPERM)
	}
	m.wantXattrs(path, want)
}

func TestXattrsOfDirectories(t *testing.T) {
	m := mount(t, "[two]\nstore_description = the second\nweight = 7\nread_only = true\n[one]\nweight = x")
	m.wantXattrs(m.dir, map[string]string{
		"user.glance.stores":          "one,two",
		"user.glance.default_backend": "one",
		"user.glance.schemes":         "memory",
		"user.glance.version":         "test",
	})
	if got, want := m.xattr(m.dir, "user.glance.pid"), itoa(m.cmd.Process.Pid); got != want {
		t.Errorf("pid %s, want %s", got, want)
	}
	want := map[string]string{
		"user.glance.type":         "memory",
		"user.glance.description":  "the second",
		"user.glance.default":      "false",
		"user.glance.reserved":     "false",
		"user.glance.schemes":      "memory",
		"user.glance.capabilities": "0x4f",
		"user.glance.weight":       "7",
		"user.glance.hashing_algo": "sha512",
		"user.glance.status":       "ok",
		"user.glance.errors":       "[]",
	}
	m.wantXattrs(m.two, want)
	if got := m.xattr(m.one, "user.glance.status"); !strings.Contains(got, "weight") {
		t.Errorf("status of a misconfigured store: %q", got)
	}
	m.wantErr("create in a misconfigured store", openErr(filepath.Join(m.one, "x"), unix.O_CREAT|unix.O_WRONLY), unix.ENODEV)
	m.wantErr("create in a read-only store", openErr(filepath.Join(m.two, "x"), unix.O_CREAT|unix.O_WRONLY), unix.EROFS)
	for _, dir := range []string{m.dir, m.two} {
		m.wantErr("get", getxattr(dir, "user.glance.nothing"), unix.ENODATA)
		m.wantErr("get", getxattr(dir, "system.posix_acl_default"), unix.EOPNOTSUPP)
		m.wantErr("set", setxattr(dir, "user.glance.nothing", "x"), unix.EOPNOTSUPP)
		m.wantErr("set", setxattr(dir, "security.selinux", "x"), unix.EOPNOTSUPP)
		for name, value := range m.xattrs(dir) {
			if name == "user.glance.hashing_algo" {
				continue
			}
			m.wantErr("set "+name+" to what it is", setxattr(dir, name, value), 0)
			m.wantErr("set "+name+" to another value", setxattr(dir, name, value+"x"), unix.EPERM)
			m.wantErr("remove "+name, unix.Lremovexattr(dir, name), unix.EPERM)
		}
	}
}

// TestSetHashingAlgo: it holds for the adds that follow, and for one store.
func TestSetHashingAlgo(t *testing.T) {
	m := mount(t, "")
	const name = "user.glance.hashing_algo"
	for _, bad := range []string{"", "SHA256", "shake_128", "rot13"} {
		m.wantErr("set it to "+bad, setxattr(m.one, name, bad), unix.EINVAL)
	}
	m.wantErr("set it to sha1", setxattr(m.one, name, "sha1"), 0)
	for store, want := range map[string]string{m.one: "sha1", m.two: "sha512"} {
		path := filepath.Join(store, "image")
		fd := m.create(path)
		m.write(fd, "content")
		m.close(fd)
		for _, p := range []string{store, path} {
			if got := m.xattr(p, name); got != want {
				t.Errorf("hashing_algo of %s: %s, want %s", p, got, want)
			}
		}
	}
	if got := m.xattr(filepath.Join(m.one, "image"), "user.checksum.sha1"); len(got) != 40 {
		t.Errorf("sha1 %q", got)
	}
}
