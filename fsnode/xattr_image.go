package fsnode

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// imageAttrs are the listed attributes of a complete image.
var imageAttrs = []string{
	backends.KeyChecksum, backends.KeyMultihash, backends.KeyHashingAlgo,
	xattrPrefix + "location", xattrPrefix + "store", xattrPrefix + "metadata",
}

// attrs of a complete image, for one request: the store is asked for the
// image once.
func (n *imageNode) attrs() attrs {
	var img *backends.Image
	return attrs{names: imageAttrs, read: func(ctx context.Context, name string) (string, error) {
		if img == nil {
			now, err := n.stat(ctx)
			if err != nil {
				return "", err
			}
			img = &now
		}
		return n.attr(ctx, name, img.Record)
	}}
}

// attr reads one attribute. Without a record (Glance wrote the image, or it
// has changed since) there are no digests.
func (n *imageNode) attr(ctx context.Context, name string, r *backends.Record) (string, error) {
	in := n.store.in
	switch name {
	case xattrPrefix + "store":
		return in.Name(), nil
	case xattrPrefix + "location":
		return in.Location(ctx, n.name())
	case xattrPrefix + "metadata":
		meta, err := in.Metadata(ctx, n.name())
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(meta)
		return string(text), err
	}
	algo, isAlgo := strings.CutPrefix(name, backends.KeyAlgoPrefix)
	switch {
	case r == nil:
	case (name == backends.KeyChecksum || isAlgo && algo == "md5") && r.Checksum != "":
		return r.Checksum, nil
	case name == backends.KeyMultihash, isAlgo && algo == r.HashingAlgo:
		return r.Multihash, nil
	case name == backends.KeyHashingAlgo:
		return r.HashingAlgo, nil
	}
	return "", unix.ENODATA
}

func (n *imageNode) Getxattr(ctx context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	return n.attrs().get(ctx, n.store.tree, name, dest)
}

func (n *imageNode) Listxattr(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	return n.attrs().list(ctx, n.store.tree, dest)
}

func (n *imageNode) Setxattr(ctx context.Context, name string, value []byte, _ uint32) syscall.Errno {
	return n.attrs().set(ctx, n.store.tree, name, value)
}

func (n *imageNode) Removexattr(_ context.Context, name string) syscall.Errno {
	return n.attrs().remove(name)
}

// attrs of an image under way: what was declared.
func (u *upload) attrs() attrs {
	u.mu.Lock()
	defer u.mu.Unlock()
	declared := maps.Clone(u.declared)
	return attrs{
		names: slices.Sorted(maps.Keys(declared)),
		read: func(_ context.Context, name string) (string, error) {
			if value, ok := declared[name]; ok {
				return value, nil
			}
			return "", unix.ENODATA
		},
	}
}

func (u *upload) Getxattr(ctx context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	return u.attrs().get(ctx, u.store.tree, name, dest)
}

func (u *upload) Listxattr(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	return u.attrs().list(ctx, u.store.tree, dest)
}

// Setxattr declares what the image must be, to be checked by the commit.
// cp --preserve=xattr and mv copy every name there is, after the last byte
// and in any order: names that declare nothing are accepted and not kept. Of
// our own names only those that a complete image has are: a misspelt one
// would leave unchecked what its user believes to be checked.
func (u *upload) Setxattr(_ context.Context, name string, value []byte, _ uint32) syscall.Errno {
	if foreign(name) {
		return unix.EOPNOTSUPP
	}
	u.mu.Lock()
	add := u.add
	u.mu.Unlock()
	if errno, over := u.over(unix.EPERM); over {
		return errno
	}
	known, err := add.Declare(name, string(value))
	if err != nil {
		return u.store.tree.fail(err)
	}
	if !known {
		if strings.HasPrefix(name, xattrPrefix) && name != backends.KeyOf && !slices.Contains(imageAttrs, name) {
			return u.store.tree.fail(u.reason(unix.EINVAL, "%s declares nothing", name))
		}
		return 0
	}
	u.mu.Lock()
	u.declared[name] = string(value)
	u.mu.Unlock()
	return 0
}

func (u *upload) Removexattr(_ context.Context, name string) syscall.Errno {
	return u.attrs().remove(name)
}
