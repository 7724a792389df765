package fsnode

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// errnoOf is the one table from what a store returns to errno.
//
// go-fuse's fs.ToErrno does not unwrap, and answers ENOSYS for what it does
// not know, which the kernel then remembers for the whole mount.
var errnoOf = []struct {
	err   error
	errno syscall.Errno
}{
	{fs.ErrNotExist, unix.ENOENT},
	{fs.ErrExist, unix.EEXIST},
	{fs.ErrPermission, unix.EACCES},
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
	{context.Canceled, unix.EINTR}, // only a dying caller's request is canceled
}

// errno translates an error of a store; nil is 0, what is not in the table
// EIO. An errno that we made ourselves (refusal) stays what it is.
func errno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if r := (refusal{}); errors.As(err, &r) {
		return r.errno
	}
	for _, row := range errnoOf {
		if errors.Is(err, row.err) {
			return row.errno
		}
	}
	return unix.EIO
}

// refusal is an error that this package makes: an errno and its reason.
type refusal struct {
	errno  syscall.Errno
	reason string
}

func (r refusal) Error() string { return r.reason }

// fail logs the error of a store, once, and translates it. It is the only
// place where a request is logged.
func (t *tree) fail(err error) syscall.Errno {
	no := errno(err)
	if no != 0 {
		t.logError(err, no)
	}
	return no
}

// logError logs at warning level, what is everyday (no such image, it exists
// already, a caller that went away) at debug.
func (t *tree) logError(err error, no syscall.Errno) {
	level := logrus.WarnLevel
	switch no {
	case unix.ENOENT, unix.EEXIST, unix.ENODATA, unix.EINTR, unix.EINVAL, unix.EOPNOTSUPP, unix.ESTALE:
		level = logrus.DebugLevel
	}
	entry := t.log.WithField("errno", unix.ErrnoName(no))
	if e := (*backends.Error)(nil); errors.As(err, &e) {
		entry = entry.WithFields(logrus.Fields{"op": e.Op, "store": e.Store, "image": e.Image})
		err = e.Err
	}
	entry.Log(level, err)
}
