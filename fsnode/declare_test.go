package fsnode

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// TestDeclare: what an image under way is declared to be is checked by its
// close. Other names are accepted and not kept, but for ours that mean
// nothing.
func TestDeclare(t *testing.T) {
	m := mount(t, "[two]\nrequire_declared = digest")
	for _, test := range []struct {
		store, name, value string
		declared           bool // the name declares something
		close              syscall.Errno
	}{
		{"one", "user.glance.size", "7", true, 0},
		{"one", "user.glance.size", "8", true, unix.EBADMSG},
		{"one", "user.glance.checksum", md5Of("content"), true, 0},
		{"one", "user.glance.checksum", strings.ToUpper(md5Of("content")), true, 0},
		{"one", "user.glance.checksum", md5Of("other"), true, unix.EBADMSG},
		{"one", "user.glance.multihash", sha512Of("content"), true, 0},
		{"one", "user.glance.multihash", sha512Of("other"), true, unix.EBADMSG},
		{"one", "user.checksum.md5", md5Of("other"), true, unix.EBADMSG},
		{"one", "user.glance.location", "memory://two/x", false, 0},
		{"one", "user.comment", "hello", false, 0},
		{"two", "user.comment", "hello", false, unix.EBADMSG},
		{"two", "user.glance.checksum", md5Of("content"), true, 0},
	} {
		for _, late := range []bool{false, true} {
			path := filepath.Join(m.dir, test.store, "image")
			fd := m.create(path)
			if late {
				m.write(fd, "content")
			}
			m.wantErr("declare "+test.name, unix.Fsetxattr(fd, test.name, []byte(test.value), 0), 0)
			_, err := unix.Fgetxattr(fd, test.name, make([]byte, 200))
			kept := syscall.Errno(unix.ENODATA)
			if test.declared {
				kept = 0
			}
			m.wantErr("read "+test.name, err, kept)
			if !late {
				m.write(fd, "content")
			}
			m.wantErr("close with "+test.name+"="+test.value, unix.Close(fd), test.close)
			if test.close != 0 {
				m.wantGone(path)
				continue
			}
			m.wantContent(path, "content")
			m.wantErr("unlink", unix.Unlink(path), 0)
		}
	}
	fd := m.create(filepath.Join(m.one, "image"))
	m.wantErr("a name of no meaning", unix.Fsetxattr(fd, "user.glance.cheksum", []byte(md5Of("")), 0), unix.EINVAL)
	m.wantErr("one of a datadir's file", unix.Fsetxattr(fd, backends.KeyOf, []byte("0 0.0"), 0), 0)
	for name, value := range map[string]string{"user.glance.size": "many", "user.glance.checksum": "abc", "user.glance.hashing_algo": "rot13"} {
		m.wantErr("declare "+name+"="+value, unix.Fsetxattr(fd, name, []byte(value), 0), unix.EINVAL)
	}
	for _, name := range []string{"security.selinux", "system.posix_acl_access"} {
		m.wantErr("set "+name, unix.Fsetxattr(fd, name, []byte(valueFor(name)), 0), unix.EOPNOTSUPP)
	}
	m.close(fd)
}

// TestFailures keeps the last of them, the oldest first.
func TestFailures(t *testing.T) {
	m := mount(t, "")
	const count = maxFailures + 5
	for i := range count {
		fd := m.create(filepath.Join(m.one, "image"+itoa(i)))
		m.wantErr("declare", unix.Fsetxattr(fd, "user.glance.size", []byte("7"), 0), 0)
		m.write(fd, "x")
		m.wantErr("close", unix.Close(fd), unix.EBADMSG)
	}
	var want, got []string
	for i := count - maxFailures; i < count; i++ {
		want = append(want, "image"+itoa(i)+" EBADMSG")
	}
	for _, f := range m.failures("one") {
		got = append(got, f.Name+" "+f.Errno)
		if f.Time.IsZero() || !strings.Contains(f.Reason, "user.glance.size is declared 7, but 1 bytes came") {
			t.Errorf("failure %+v", f)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if got := m.failures("two"); len(got) != 0 {
		t.Errorf("failures of another store: %+v", got)
	}
}
