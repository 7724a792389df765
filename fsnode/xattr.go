package fsnode

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// attrs are the extended attributes of a node: those that are listed, and
// how each is read. An error of read that is unix.ENODATA means that the
// node does not have it now.
//
// listxattr lists exactly what getxattr answers: rsync -X fails on a listed
// name that is ENODATA.
type attrs struct {
	names []string
	read  func(ctx context.Context, name string) (string, error)
}

// xattrPrefix begins the names of our own.
const xattrPrefix = "user.glance."

// foreign answers for the namespaces that are not ours: security.* and
// system.* are EOPNOTSUPP, get and set. EPERM would fail cp -p; with ENODATA
// ls -l asks again for each image (4000 requests for 2000 images, not 2).
func foreign(name string) bool { return !strings.HasPrefix(name, "user.") }

// get answers getxattr.
func (a attrs) get(ctx context.Context, t *tree, name string, dest []byte) (uint32, syscall.Errno) {
	if foreign(name) {
		return 0, unix.EOPNOTSUPP
	}
	ctx, stop := t.request(ctx)
	defer stop()
	value, err := a.read(ctx, name)
	switch {
	case errors.Is(err, unix.ENODATA):
		return 0, unix.ENODATA
	case err != nil:
		return 0, t.fail(err)
	}
	return fit(dest, value)
}

// list answers listxattr.
func (a attrs) list(ctx context.Context, t *tree, dest []byte) (uint32, syscall.Errno) {
	ctx, stop := t.request(ctx)
	defer stop()
	var all strings.Builder
	for _, name := range a.names {
		_, err := a.read(ctx, name)
		switch {
		case errors.Is(err, unix.ENODATA):
		case err != nil:
			return 0, t.fail(err)
		default:
			all.WriteString(name + "\x00")
		}
	}
	return fit(dest, all.String())
}

// set answers setxattr where nothing can be changed: to the value it has, as
// rsync -X does after the close, it succeeds.
func (a attrs) set(ctx context.Context, t *tree, name string, value []byte) syscall.Errno {
	if !slices.Contains(a.names, name) {
		return unix.EOPNOTSUPP
	}
	ctx, stop := t.request(ctx)
	defer stop()
	have, err := a.read(ctx, name)
	switch {
	case err == nil && have == string(value):
		return 0
	case err == nil, errors.Is(err, unix.ENODATA):
		return unix.EPERM
	}
	return t.fail(err)
}

// remove answers removexattr: ours can't be removed.
func (a attrs) remove(name string) syscall.Errno {
	if slices.Contains(a.names, name) {
		return unix.EPERM
	}
	return unix.EOPNOTSUPP
}

// fit puts a value into the caller's buffer; an empty one asks for the size.
func fit(dest []byte, value string) (uint32, syscall.Errno) {
	if len(dest) > 0 && len(dest) < len(value) {
		return uint32(len(value)), unix.ERANGE
	}
	copy(dest, value)
	return uint32(len(value)), 0
}
