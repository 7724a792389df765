package file

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"glancefs/backends"
)

// misconfigured makes a fault of the configuration.
func misconfigured(format string, args ...any) error {
	return backends.Classify(backends.ErrMisconfigured, fmt.Errorf(format, args...))
}

// unavailable makes the error of a datadir that can't be used now.
func unavailable(format string, args ...any) error {
	return backends.Classify(backends.ErrUnavailable, fmt.Errorf(format, args...))
}

// classes says what the contract calls an errno. Those that io/fs and errors
// know by themselves are not here: ENOENT, EEXIST, EACCES, EPERM, EOPNOTSUPP.
var classes = map[syscall.Errno]error{
	syscall.ENOSPC: backends.ErrFull,
	syscall.EFBIG:  backends.ErrFull, // as in glance_store: larger than the filesystem allows
	syscall.EDQUOT: backends.ErrQuota,
	syscall.EROFS:  backends.ErrReadOnly,

	syscall.EBUSY:   backends.ErrBusy,
	syscall.ETXTBSY: backends.ErrBusy,

	syscall.ENAMETOOLONG: backends.ErrInvalid, // eCryptfs keeps no more than 143 bytes
	syscall.EILSEQ:       backends.ErrInvalid, // ZFS and SMB may insist on UTF-8

	syscall.ENOTDIR: backends.ErrMisconfigured, // the datadir is something else

	syscall.ESTALE:       backends.ErrUnavailable,
	syscall.ENOTCONN:     backends.ErrUnavailable, // a FUSE server that has ended
	syscall.ECONNABORTED: backends.ErrUnavailable, // the same, of a call that was under way
	syscall.ECONNREFUSED: backends.ErrUnavailable,
	syscall.ECONNRESET:   backends.ErrUnavailable,
	syscall.EHOSTDOWN:    backends.ErrUnavailable,
	syscall.EHOSTUNREACH: backends.ErrUnavailable,
	syscall.ENETUNREACH:  backends.ErrUnavailable,
	syscall.ENETDOWN:     backends.ErrUnavailable,
	syscall.ESHUTDOWN:    backends.ErrUnavailable, // a filesystem that has shut down

	syscall.ETIMEDOUT: context.DeadlineExceeded, // NFS with the option softerr
}

// classify adds what the contract calls the errno in err, if there is one.
func classify(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) && classes[errno] != nil {
		return backends.Classify(classes[errno], err)
	}
	return err
}
