package fsnode

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// pidAttr tells the daemon's process id. It is answered by name but not
// listed; glancefs umount waits for that process.
const pidAttr = xattrPrefix + "pid"

// attrs of the root.
func (r *rootNode) attrs() attrs {
	return attrs{
		names: []string{xattrPrefix + "stores", xattrPrefix + "default_backend", xattrPrefix + "schemes", xattrPrefix + "version"},
		read: func(_ context.Context, name string) (string, error) {
			switch strings.TrimPrefix(name, xattrPrefix) {
			case "stores":
				var names []string
				for _, in := range r.Set.Instances() {
					names = append(names, in.Name())
				}
				return strings.Join(names, ","), nil
			case "default_backend":
				if def := r.Set.Default(); def != nil {
					return def.Name(), nil
				}
			case "schemes":
				return strings.Join(r.Set.Schemes(), ","), nil
			case "version":
				return r.Version, nil
			case "pid":
				return strconv.Itoa(os.Getpid()), nil
			}
			return "", unix.ENODATA
		},
	}
}

func (r *rootNode) Getxattr(ctx context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	return r.attrs().get(ctx, r.tree, name, dest)
}

func (r *rootNode) Listxattr(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	return r.attrs().list(ctx, r.tree, dest)
}

func (r *rootNode) Setxattr(ctx context.Context, name string, value []byte, _ uint32) syscall.Errno {
	return r.attrs().set(ctx, r.tree, name, value)
}

func (r *rootNode) Removexattr(_ context.Context, name string) syscall.Errno {
	return r.attrs().remove(name)
}

// storeAttrs are the names of a store's attributes, without the prefix.
var storeAttrs = []string{
	"type", "description", "default", "reserved", "schemes", "capabilities",
	"weight", "hashing_algo", "status", "errors",
}

// attrs of a store.
func (s *storeNode) attrs() attrs {
	a := attrs{read: s.attr}
	for _, name := range storeAttrs {
		a.names = append(a.names, xattrPrefix+name)
	}
	return a
}

func (s *storeNode) attr(ctx context.Context, name string) (string, error) {
	short, ours := strings.CutPrefix(name, xattrPrefix)
	if !ours {
		return "", unix.ENODATA
	}
	switch short {
	case "type":
		return s.in.Type(), nil
	case "description":
		return s.in.Description(), nil
	case "default":
		return strconv.FormatBool(s.in == s.Set.Default()), nil
	case "reserved":
		return strconv.FormatBool(s.in.Reserved()), nil
	case "schemes":
		return strings.Join(s.in.Schemes(), ","), nil
	case "capabilities":
		return s.in.Capabilities().String(), nil
	case "weight":
		return strconv.Itoa(s.in.Weight()), nil
	case "hashing_algo":
		return s.in.HashingAlgo(), nil
	case "status":
		if err := s.in.Status(ctx); err != nil {
			return truncate(err.Error()), nil
		}
		return "ok", nil
	case "errors":
		return s.failed.String(), nil
	}
	return "", unix.ENODATA
}

func (s *storeNode) Getxattr(ctx context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	return s.attrs().get(ctx, s.tree, name, dest)
}

func (s *storeNode) Listxattr(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	return s.attrs().list(ctx, s.tree, dest)
}

// Setxattr: root or the mount's owner may change hashing_algo, for the adds
// that follow in this mount.
func (s *storeNode) Setxattr(ctx context.Context, name string, value []byte, _ uint32) syscall.Errno {
	if name != xattrPrefix+"hashing_algo" {
		return s.attrs().set(ctx, s.tree, name, value)
	}
	caller, ok := fuse.FromContext(ctx)
	if !ok || caller.Uid != 0 && caller.Uid != uint32(os.Geteuid()) {
		return unix.EPERM
	}
	if err := s.in.SetHashingAlgo(string(value)); err != nil {
		return s.tree.fail(err)
	}
	return 0
}

func (s *storeNode) Removexattr(_ context.Context, name string) syscall.Errno {
	return s.attrs().remove(name)
}
