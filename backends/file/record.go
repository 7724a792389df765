package file

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// readRecord sets the record of an image that is an open file: from its
// xattrs, or else from the sidecar that holds it where there are none.
func (d *datadir) readRecord(img *backends.Image, f *os.File, st *unix.Statx_t) {
	img.SetRecord(func(key string) string { return getxattr(f, key) })
	if img.Record != nil {
		return
	}
	if fields := d.readSidecar(st); fields != nil {
		img.SetRecord(func(key string) string { return fields[key] })
	}
}

// getxattr returns an xattr's value, "" if there is none, or none that may
// be read, or one that is too long for a record's.
func getxattr(f *os.File, key string) string {
	buf := make([]byte, 512) // blake2b and sha512 have 128 digits
	n, err := unix.Getxattr(procPath(f), key, buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

// writeRecord keeps a record with an open file: in its xattrs, or where the
// filesystem has none, no space for them, or does not let us set them, in a
// sidecar.
func (d *datadir) writeRecord(f *os.File, st *unix.Statx_t, r backends.Record, sync bool) error {
	err := setxattrs(f, r)
	for _, instead := range []error{unix.EOPNOTSUPP, unix.ENOSPC, unix.E2BIG, unix.EACCES, unix.EPERM} {
		if errors.Is(err, instead) {
			return d.writeSidecar(st, r, sync)
		}
	}
	return backends.ClassifyErrno(err)
}

// setxattrs sets the xattrs of a record. When it fails, KeyOf is not among
// them: there is no record.
func setxattrs(f *os.File, r backends.Record) error {
	fields := r.Fields()
	for _, key := range backends.RecordKeys {
		if err := unix.Setxattr(procPath(f), key, []byte(fields[key]), 0); err != nil {
			return &os.PathError{Op: "set " + key + " of", Path: f.Name(), Err: err}
		}
	}
	return nil
}
