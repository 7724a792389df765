package backends

import (
	"context"
	"errors"
	"syscall"
)

// classes says what the contract calls an errno. Those that io/fs and errors
// know by themselves are not here: ENOENT, EEXIST, EACCES, EPERM, EOPNOTSUPP.
var classes = map[syscall.Errno]error{
	syscall.ENOSPC: ErrFull,
	syscall.EFBIG:  ErrFull, // as in glance_store: larger than the filesystem allows
	syscall.EDQUOT: ErrQuota,
	syscall.EROFS:  ErrReadOnly,

	syscall.EBUSY:   ErrBusy,
	syscall.ETXTBSY: ErrBusy,

	syscall.ENAMETOOLONG: ErrInvalid, // eCryptfs keeps no more than 143 bytes
	syscall.EILSEQ:       ErrInvalid, // ZFS and SMB may insist on UTF-8

	syscall.ENOTDIR: ErrMisconfigured, // a datadir that is something else

	syscall.ESTALE:       ErrUnavailable,
	syscall.ENOTCONN:     ErrUnavailable, // a FUSE server that has ended
	syscall.ECONNABORTED: ErrUnavailable, // the same, of a call that was under way
	syscall.ECONNREFUSED: ErrUnavailable,
	syscall.ECONNRESET:   ErrUnavailable,
	syscall.EHOSTDOWN:    ErrUnavailable,
	syscall.EHOSTUNREACH: ErrUnavailable,
	syscall.ENETUNREACH:  ErrUnavailable,
	syscall.ENETDOWN:     ErrUnavailable,
	syscall.ESHUTDOWN:    ErrUnavailable, // a filesystem that has shut down; Ceph has shut us out

	syscall.ETIMEDOUT: context.DeadlineExceeded, // NFS with the option softerr; librados with its timeouts
}

// ClassifyErrno adds what the contract calls the errno in err, if there is one.
func ClassifyErrno(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) && classes[errno] != nil {
		return Classify(classes[errno], err)
	}
	return err
}
