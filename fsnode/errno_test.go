package fsnode

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// table is design's: what a store returns, and what a caller sees.
var table = []struct {
	err  error
	want syscall.Errno
}{
	{iofs.ErrNotExist, unix.ENOENT},
	{iofs.ErrExist, unix.EEXIST},
	{iofs.ErrPermission, unix.EACCES},
	{backends.ErrFull, unix.ENOSPC},
	{backends.ErrQuota, unix.EDQUOT},
	{backends.ErrReadOnly, unix.EROFS},
	{backends.ErrMisconfigured, unix.ENODEV},
	{errors.ErrUnsupported, unix.EOPNOTSUPP},
	{backends.ErrBusy, unix.EBUSY},
	{backends.ErrInvalid, unix.EINVAL},
	{backends.ErrMismatch, unix.EBADMSG},
	{backends.ErrSignature, unix.EKEYREJECTED},
	{backends.ErrUnknown, unix.ETIMEDOUT},
	{context.DeadlineExceeded, unix.ETIMEDOUT},
	{backends.ErrUnavailable, unix.EHOSTDOWN},
	{context.Canceled, unix.EINTR},
	{errors.New("anything else"), unix.EIO},
	{unix.ENOSYS, unix.EOPNOTSUPP}, // never ENOSYS: the kernel remembers it
	{nil, 0},
}

func TestErrno(t *testing.T) {
	if len(table) != len(errnoOf)+3 {
		t.Errorf("errnoOf has %d rows, this test knows %d", len(errnoOf), len(table)-3)
	}
	for _, row := range table {
		errs := []error{row.err}
		if row.err != nil {
			errs = append(errs,
				&backends.Error{Op: "add", Store: "one", Image: "image", Err: row.err},
				&backends.Error{Op: "add", Err: fmt.Errorf("the cause: %w", row.err)},
				fmt.Errorf("%w: %w", errors.New("other"), row.err))
		}
		for _, err := range errs {
			if got := errno(err); got != row.want {
				t.Errorf("errno of %v: %s, want %s", err, unix.ErrnoName(got), unix.ErrnoName(row.want))
			}
		}
	}
	ours := fmt.Errorf("wrapped: %w", refusal{unix.ESPIPE, "a reason"})
	if got := errno(ours); got != unix.ESPIPE || ours.Error() != "wrapped: a reason" {
		t.Errorf("errno of %v: %s", ours, unix.ErrnoName(got))
	}
}

// operations are the ways in which an error of a store reaches a caller: the
// call of the store that fails, and what the caller does.
var operations = []struct {
	name, op string
	exists   bool // the image is there before
	do       func(m *mounted, path string) error
	differs  map[syscall.Errno]syscall.Errno // where it is not what errnoOf says
}{
	{"lookup", "stat", true, func(_ *mounted, path string) error {
		return unix.Stat(path, new(unix.Stat_t))
	}, nil},
	{"open", "open", true, func(_ *mounted, path string) error {
		fd, err := unix.Open(path, unix.O_RDONLY, 0)
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	}, nil},
	{"read", "read", true, func(m *mounted, path string) error {
		fd := m.open(path, unix.O_RDONLY)
		defer m.close(fd)
		_, err := unix.Read(fd, make([]byte, 100))
		return err
	}, map[syscall.Errno]syscall.Errno{unix.EBADMSG: unix.EIO}},
	{"create", "create", false, func(_ *mounted, path string) error {
		fd, err := unix.Open(path, unix.O_CREAT|unix.O_WRONLY, 0o644)
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	}, nil},
	{"write", "append", false, func(m *mounted, path string) error {
		fd := m.create(path)
		_, err := unix.Write(fd, []byte("bytes"))
		if again := unix.Close(fd); again != err {
			m.Errorf("%s: write says %v, close %v", path, err, again)
		}
		return err
	}, nil},
	{"close", "commit", false, func(m *mounted, path string) error {
		fd := m.create(path)
		m.write(fd, "bytes")
		return unix.Close(fd)
	}, nil},
	{"unlink", "delete", true, func(_ *mounted, path string) error {
		return unix.Unlink(path)
	}, nil},
	{"rename", "rename", true, func(_ *mounted, path string) error {
		return unix.Rename(path, path+".new")
	}, map[syscall.Errno]syscall.Errno{unix.EOPNOTSUPP: unix.EXDEV}}, // mv copies
	{"setattr", "mtime", true, func(_ *mounted, path string) error {
		return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{{}, {Sec: 1}}, 0)
	}, map[syscall.Errno]syscall.Errno{unix.EOPNOTSUPP: 0}}, // a store that keeps no time
	{"list", "list", false, func(m *mounted, path string) error {
		fd := m.open(filepath.Dir(path), unix.O_RDONLY|unix.O_DIRECTORY)
		defer m.close(fd)
		_, err := unix.Getdents(fd, make([]byte, 4096))
		return err
	}, nil},
}

// TestErrnoThroughMount lets each call of a store fail with each error of the
// table, and looks at what the caller sees.
func TestErrnoThroughMount(t *testing.T) {
	m := mount(t, "[glancefs]\nrequest_timeout = 0.2") // a lost commit is asked after for so long
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			sub := m.with(t)
			for i, row := range table[:len(errnoOf)+1] {
				name := fmt.Sprintf("%s-%d", o.name, i)
				if o.exists {
					sub.put("one", name, "content")
				}
				if i == len(errnoOf) {
					i = -1 // what is in no table
				}
				at := name
				if o.op == "list" {
					at = ""
				}
				sub.failRow("one", o.op, at, i)
				err := o.do(sub, filepath.Join(m.one, name))
				sub.release()
				want, differs := o.differs[row.want]
				if !differs {
					want = row.want
				}
				got, _ := err.(syscall.Errno)
				if got != want {
					t.Errorf("%v: %s, want %s", row.err, unix.ErrnoName(got), unix.ErrnoName(want))
				}
			}
		})
	}
	// Whatever failed left nothing, and the store works.
	if h := m.holding("one"); len(h.UnderWay) > 0 {
		t.Errorf("adds under way: %q", h.UnderWay)
	}
	fd := m.create(filepath.Join(m.one, "after"))
	m.write(fd, "bytes")
	m.close(fd)
	m.wantContent(filepath.Join(m.one, "after"), "bytes")
}

// The system calls that have to succeed. They are raw: package os hides EINTR
// and more.

func (m *mounted) open(path string, flags int) int {
	m.Helper()
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		m.Fatalf("open %s: %v", path, err)
	}
	return fd
}

func (m *mounted) create(path string) int {
	m.Helper()
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	if err != nil {
		m.Fatalf("create %s: %v", path, err)
	}
	return fd
}

func (m *mounted) write(fd int, data string) {
	m.Helper()
	if n, err := unix.Write(fd, []byte(data)); err != nil || n != len(data) {
		m.Fatalf("write: %d bytes, %v", n, err)
	}
}

func (m *mounted) close(fd int) {
	m.Helper()
	if err := unix.Close(fd); err != nil {
		m.Errorf("close: %v", err)
	}
}

// wantErr checks the errno of a call.
func (m *mounted) wantErr(what string, err error, want syscall.Errno) {
	m.Helper()
	if got, _ := err.(syscall.Errno); got != want || err != nil && got == 0 {
		m.Errorf("%s: %v, want %s", what, err, unix.ErrnoName(want))
	}
}

// content reads an image. A RELEASE-time commit may still be under way: the
// open waits for it.
func (m *mounted) content(path string) string {
	m.Helper()
	fd := m.open(path, unix.O_RDONLY)
	defer m.close(fd)
	var all []byte
	buf := make([]byte, 1<<20)
	for {
		n, err := unix.Read(fd, buf)
		if err != nil {
			m.Fatalf("read %s: %v", path, err)
		}
		if n == 0 {
			return string(all)
		}
		all = append(all, buf[:n]...)
	}
}

func (m *mounted) wantContent(path, want string) {
	m.Helper()
	if got := m.content(path); got != want {
		m.Errorf("%s: %d bytes, %.40q…, want %d, %.40q…", path, len(got), got, len(want), want)
	}
}

func (m *mounted) wantGone(path string) {
	m.Helper()
	m.wantErr("stat "+path, unix.Stat(path, new(unix.Stat_t)), unix.ENOENT)
}
