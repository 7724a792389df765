package tests

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/tests/need"
)

// errnoCase is one way in which a store of type file makes an errno: what
// glance_store calls the error, and what happens.
type errnoCase struct {
	glance string
	want   syscall.Errno
	name   string
	do     func(t *testing.T) error
}

// Two tests produce every row of the table of errors that the driver file can
// produce: TestErrno with a healthy datadir, TestErrnoOfDatadir with one whose
// filesystem fails. Not among them are
//
//   - UnknownScheme, BadStoreUri: a mount is given names, not locations.
//   - NotAuthenticated: a directory asks for no credentials.
//   - StoreGetNotSupported, StoreRandomGetNotSupported: files can be read, at
//     any offset.
//   - HasSnapshot: files have none.
//   - a mismatch that a read reports when a body ends early: files have no
//     body.

// TestErrno: with a datadir that works.
func TestErrno(t *testing.T) {
	t.Parallel()
	need.Command(t, "chattr", "e2fsprogs")
	base := t.TempDir()
	m := newMount(t, "[DEFAULT]",
		"enabled_backends = fast:file, slow:file, readonly:file, keeping:file, bad:file, foreign:swift, verified:file",
		"[readonly]", "filesystem_store_datadir = "+base+"/readonly", "read_only = true",
		"[keeping]", "filesystem_store_datadir = "+base+"/keeping", "allow_delete = false",
		"[bad]", "filesystem_store_datadir = "+base+"/bad", "filesystem_store_file_perm = 999",
		"[verified]", "filesystem_store_datadir = "+base+"/verified", "verify_on_read = true",
	)
	m.log.allow(".")
	data := random('e', 200_000)
	for _, store := range []string{"readonly", "bad"} {
		m.wantSh(t, `mkdir -p `+base+`/`+store+`; echo hello > `+base+`/`+store+`/x`)
	}
	for _, store := range []string{"fast", "slow", "keeping", "verified"} {
		writeImage(t, m.dir+"/"+store+"/x", data)
	}
	create := open(unix.O_WRONLY | unix.O_CREAT)
	at := func(path string, do func(string) error) func(*testing.T) error {
		return func(*testing.T) error { return do(m.dir + "/" + path) }
	}
	under := func(do func(t *testing.T, f *os.File) error) func(*testing.T) error { // an image under way
		return func(t *testing.T) error {
			f := newImage(t, m.fast+"/way")
			if _, err := f.Write(data); err != nil {
				return err
			}
			return do(t, f)
		}
	}
	for _, c := range []errnoCase{
		{"NotFound", unix.ENOENT, "open of nothing", at("fast/none", open(unix.O_RDONLY))},
		{"NotFound", unix.ENOENT, "unlink of nothing", at("fast/none", os.Remove)},
		{"Duplicate", unix.EEXIST, "create of what exists", at("fast/x", open(unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC))},
		{"Duplicate", unix.EEXIST, "rename onto what exists", at("fast/x", func(p string) error { return os.Rename(p, m.slow+"/x") })},
		{"Forbidden", unix.EACCES, "unlink of a file that is immutable", immutable(m.fast+"/x", m.fastData+"/x", os.Remove)},
		{"Forbidden", unix.EACCES, "rename of a file that is immutable", immutable(m.fast+"/x", m.fastData+"/x", func(p string) error { return os.Rename(p, p+"2") })},
		{"Forbidden", unix.EACCES, "create in a datadir that is immutable", immutable(m.fast+"/new", m.fastData, func(p string) error { return os.WriteFile(p, data, 0o644) })},
		{"StoreAddDisabled", unix.EROFS, "create with read_only", at("readonly/new", create)},
		{"StoreDeleteNotSupported", unix.EROFS, "unlink with read_only", at("readonly/x", os.Remove)},
		{"StoreDeleteNotSupported", unix.EROFS, "unlink with allow_delete = false", at("keeping/x", os.Remove)},
		{"BadStoreConfiguration", unix.ENODEV, "create in a store that is misconfigured", at("bad/new", create)},
		{"BadStoreConfiguration", unix.ENODEV, "unlink in a store that is misconfigured", at("bad/x", os.Remove)},
		{"BadStoreConfiguration", 0, "read in a store that is misconfigured", at("bad/x", func(p string) error { _, err := os.ReadFile(p); return err })},
		{"BadStoreConfiguration", unix.ENODEV, "create in a store of a type to come", at("foreign/new", create)},
		{"BadStoreConfiguration", unix.ENODEV, "list of a store of a type to come", at("foreign", func(p string) error { _, err := os.ReadDir(p); return err })},
		{"InUseByStore", unix.EBUSY, "read of an image under way", under(func(t *testing.T, f *os.File) error { return open(unix.O_RDONLY)(f.Name()) })},
		{"InUseByStore", unix.EBUSY, "rename of an image under way", under(func(t *testing.T, f *os.File) error { return os.Rename(f.Name(), m.fast+"/new") })},
		{"UnknownHashingAlgo", unix.EINVAL, "an unknown algorithm", at("fast", setxattr("user.glance.hashing_algo", "md17"))},
		{"Invalid", unix.EINVAL, "create of one of our names", at("fast/.glancefs-x", create)},
		{"a mismatch, at the commit", unix.EBADMSG, "close of what has another digest", under(func(t *testing.T, f *os.File) error {
			if err := unix.Fsetxattr(int(f.Fd()), "user.glance.checksum", []byte(md5Hex(nil)), 0); err != nil {
				t.Error(err)
			}
			return f.Close()
		})},
		{"a mismatch, of the size", unix.EBADMSG, "close of what has another size", under(func(t *testing.T, f *os.File) error {
			if err := unix.Fsetxattr(int(f.Fd()), "user.glance.size", []byte("1"), 0); err != nil {
				t.Error(err)
			}
			return f.Close()
		})},
		{"a mismatch, in a read", unix.EIO, "read of what has another digest", func(t *testing.T) error {
			corrupt(t, base+"/verified/x", 1000)
			_, err := os.ReadFile(m.dir + "/verified/x")
			return err
		}},
		{"anything else", unix.EIO, "close of what is shorter than announced", func(t *testing.T) error {
			f := newImage(t, m.fast+"/way")
			if err := f.Truncate(1000); err != nil {
				t.Error(err)
			}
			if _, err := f.Write(data[:10]); err != nil {
				t.Error(err)
			}
			return f.Close()
		}},
	} {
		t.Run(c.glance+"/"+c.name, func(t *testing.T) {
			wantErrno(t, c.do(t), c.want)
			wantImage(t, m.fast+"/x", data)
			wantOnly(t, m.slowData, "x")
		})
	}
	for store, why := range map[string]string{"bad": "filesystem_store_file_perm", "foreign": "swift"} {
		if status, err := xattr(m.dir+"/"+store, "user.glance.status"); err != nil || !strings.Contains(status, why) {
			t.Errorf("user.glance.status of %s is %q (%v), want something of %s", store, status, err, why)
		}
	}
}

// newImage begins an add that the end of the test gives up, so that the next
// can have the name.
func newImage(t *testing.T, path string) *os.File {
	t.Helper()
	f := create(t, path)
	t.Cleanup(func() {
		_ = os.Remove(path) // ENOENT: it has failed already
		_ = f.Close()       // with the error that was tested, or EIO
		wantNoImage(t, path)
	})
	return f
}

// immutable calls do with path while a file of the datadir is immutable
// (chattr +i): what not even root may change.
func immutable(path, file string, do func(string) error) func(*testing.T) error {
	return func(t *testing.T) error {
		t.Helper()
		chattr(t, "+i", file)
		defer chattr(t, "-i", file)
		return do(path)
	}
}

// TestErrnoOfDatadir: with a datadir whose filesystem fails. EDQUOT is made
// so, too: the quotas of Linux do not bind root.
func TestErrnoOfDatadir(t *testing.T) {
	t.Parallel()
	m, sick := sickStore(t, "[fast]", "request_timeout = 1")
	m.log.allow(".")
	data := random('e', 200_000)
	writeImage(t, m.fast+"/x", data)

	add := func(path string) error { return os.WriteFile(path, data, 0o644) }
	remove := func(string) error { return os.Remove(m.fast + "/x") }
	rename := func(string) error { return os.Rename(m.fast+"/x", m.fast+"/x2") }
	list := func(string) error { _, err := os.ReadDir(m.fast); return err }
	read := func(string) error { // not through the page cache, nor by the kernel alone
		return open(unix.O_RDONLY)(m.fast + "/x")
	}
	const hang = syscall.Errno(0)
	for _, c := range []struct {
		glance string
		op     string        // of the datadir's filesystem
		errno  syscall.Errno // its answer
		name   string
		do     func(path string) error // of the image new, which isn't there
		want   syscall.Errno
	}{
		{"NotFound", "Unlink", unix.ENOENT, "unlink", remove, unix.ENOENT},
		{"Duplicate", "Rename", unix.EEXIST, "close", add, unix.EEXIST},
		{"Forbidden", "Create", unix.EACCES, "create", add, unix.EACCES},
		{"Forbidden", "Unlink", unix.EPERM, "unlink", remove, unix.EACCES},
		{"StorageWriteDenied", "Write", unix.EACCES, "write", add, unix.EACCES},
		{"StorageFull", "Write", unix.ENOSPC, "write", add, unix.ENOSPC},
		{"StorageFull", "Fsync", unix.ENOSPC, "close", add, unix.ENOSPC},
		{"StorageFull", "Create", unix.ENOSPC, "create", add, unix.ENOSPC},
		{"StorageFull", "Write", unix.EFBIG, "write of too much", add, unix.ENOSPC},
		{"quota", "Write", unix.EDQUOT, "write", add, unix.EDQUOT},
		{"quota", "Fsync", unix.EDQUOT, "close", add, unix.EDQUOT},
		{"StoreAddDisabled", "Create", unix.EROFS, "create", add, unix.EROFS},
		{"StoreDeleteNotSupported", "Unlink", unix.EROFS, "unlink", remove, unix.EROFS},
		{"unsupported", "Unlink", unix.EOPNOTSUPP, "unlink", remove, unix.EOPNOTSUPP},
		{"unsupported", "Unlink", unix.ENOSYS, "unlink that is not implemented", remove, unix.EOPNOTSUPP},
		{"InUseByStore", "Unlink", unix.EBUSY, "unlink", remove, unix.EBUSY},
		{"InUseByStore", "Rename", unix.ETXTBSY, "rename", rename, unix.EBUSY},
		{"Invalid", "Create", unix.EILSEQ, "create of a name that the filesystem can't keep", add, unix.EINVAL},
		{"TimeoutError", "Unlink", unix.ETIMEDOUT, "unlink", remove, unix.ETIMEDOUT},
		{"TimeoutError", "OpenDir", hang, "readdir", list, unix.ETIMEDOUT},
		{"TimeoutError", "Write", hang, "write", add, unix.ETIMEDOUT},
		{"TimeoutError", "Create", hang, "create", add, unix.ETIMEDOUT},
		{"RemoteServiceUnavailable", "Unlink", unix.ESTALE, "unlink", remove, unix.EHOSTDOWN},
		{"RemoteServiceUnavailable", "OpenDir", unix.EHOSTUNREACH, "readdir", list, unix.EHOSTDOWN},
		{"RemoteServiceUnavailable", "Write", unix.ECONNRESET, "write", add, unix.EHOSTDOWN},
		{"BackendException", "Create", unix.EIO, "create", add, unix.EIO},
		{"BackendException", "Write", unix.EIO, "write", add, unix.EIO},
		{"BackendException", "Fsync", unix.EIO, "close", add, unix.EIO},
		{"BackendException", "Rename", unix.EIO, "close, at the name", add, unix.EIO},
		{"BackendException", "Unlink", unix.EIO, "unlink", remove, unix.EIO},
		{"BackendException", "OpenDir", unix.EIO, "readdir", list, unix.EIO},
		{"BackendException", "Open", unix.EIO, "open", read, unix.EIO},
		{"BackendException", "Write", unix.ENXIO, "write with an errno of no class", add, unix.EIO},
	} {
		t.Run(c.glance+"/"+c.name, func(t *testing.T) {
			if c.errno == hang {
				sick.hang(t, c.op)
			} else {
				sick.fail(t, c.op, c.errno)
			}
			err := sick.answer(t, func() error { return c.do(m.fast + "/new") })
			wantErrno(t, err, c.want)
			sick.heal(t)
			wantNoImage(t, m.fast+"/new")
			wantImage(t, m.fast+"/x", data)
			eventually(t, "nothing is left", func() bool { return len(temporaries(t, sick.behind)) == 0 })
		})
	}
	t.Run("commit of unknown outcome", func(t *testing.T) {
		sick.hang(t, "Rename")
		err := sick.answer(t, func() error { return add(m.fast + "/new") })
		wantErrno(t, err, unix.ETIMEDOUT)
		sick.heal(t)
	})
}
