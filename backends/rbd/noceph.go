//go:build !ceph

package rbd

import (
	"context"

	"glancefs/backends"
)

// LibraryVersion tells which version of Ceph's librados is linked in, such
// as 3.0.0; "" without Ceph.
func LibraryVersion() string { return "" }

// open fails: there is nothing to open a store with.
func open(context.Context, backends.Opening) (backends.Store, error) {
	return nil, backends.Misconfigured("this glancefs was built without Ceph: install librados-dev, librbd-dev and a C compiler, and build it with make build")
}
