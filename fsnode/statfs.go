package fsnode

import (
	"context"
	"errors"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"glancefs/backends"
)

// fillStatfs tells the space of a store, zeros where it is not known.
func (t *tree) fillStatfs(ctx context.Context, in *backends.Instance, out *fuse.StatfsOut) syscall.Errno {
	const unit = 4096
	out.Bsize, out.Frsize, out.NameLen = unit, unit, 255
	space, err := in.Space(ctx)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, backends.ErrMisconfigured) {
		return 0 // df shows the store all the same
	}
	if err != nil {
		return t.fail(err)
	}
	out.Blocks = space.Total / unit
	out.Bfree = space.Free / unit
	out.Bavail = space.Available / unit
	out.Files, out.Ffree = space.Files, space.FilesFree
	return 0
}
