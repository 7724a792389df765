package backends_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"glancefs/backends"
)

func TestClassifyErrno(t *testing.T) {
	for errno, want := range map[syscall.Errno]error{
		syscall.ENOENT:       fs.ErrNotExist,
		syscall.EEXIST:       fs.ErrExist,
		syscall.EACCES:       fs.ErrPermission,
		syscall.EPERM:        fs.ErrPermission,
		syscall.EOPNOTSUPP:   errors.ErrUnsupported,
		syscall.ENOSPC:       backends.ErrFull,
		syscall.EFBIG:        backends.ErrFull,
		syscall.EDQUOT:       backends.ErrQuota,
		syscall.EROFS:        backends.ErrReadOnly,
		syscall.EBUSY:        backends.ErrBusy,
		syscall.ENAMETOOLONG: backends.ErrInvalid,
		syscall.ESTALE:       backends.ErrUnavailable,
		syscall.ENOTCONN:     backends.ErrUnavailable,
		syscall.EHOSTDOWN:    backends.ErrUnavailable,
		syscall.ETIMEDOUT:    context.DeadlineExceeded,
		syscall.EIO:          syscall.EIO,
	} {
		err := &os.PathError{Op: "write", Path: "/x", Err: errno}
		got := backends.ClassifyErrno(err)
		if !errors.Is(got, want) || !errors.Is(got, errno) || got.Error() != err.Error() {
			t.Errorf("%v: got %q, want %v with the same text", errno, got, want)
		}
	}
	if got := backends.ClassifyErrno(nil); got != nil {
		t.Errorf("of no error: %v", got)
	}
}
