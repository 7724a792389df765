//go:build ceph

package rbd

/*
#cgo LDFLAGS: -lrados
#include <rados/librados.h>

static void ignore(rados_completion_t c, void *arg) {}

// drain returns when the callbacks of requests that have completed, which
// librados calls one after another (RadosClient::finish_strand), have returned.
// It asks no server.
static int drain(rados_ioctx_t pool) {
	rados_completion_t c;
	int r = rados_aio_create_completion2(NULL, ignore, &c);
	if (r < 0)
		return r;
	r = rados_aio_watch_flush(rados_ioctx_get_cluster(pool), c);
	if (r == 0)
		rados_aio_wait_for_complete_and_cb(c);
	rados_aio_release(c);
	return r;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/ceph/go-ceph/rbd"
)

// opened is what becomes of an RBD image that was just opened, or was not.
//
// librbd 16.2.15 (ImageState::complete_action_unlock) tells who waits for the
// open of a snapshot, and then takes a lock of that image. It is in a callback
// of the request for the snapshot's object map: an image that is closed by then
// is no more, and the process ends with a std::system_error, a failed assertion,
// or a SIGSEGV. So opened returns when the callback has. Without a snapshot that
// was never seen; but whoever opens an RBD image, a test too, does it here.
func (c *cluster) opened(img *rbd.Image, err error) (*rbd.Image, error) {
	if err != nil {
		return nil, at("open", err)
	}
	if r := C.drain(C.rados_ioctx_t(c.pool.Pointer())); r < 0 {
		// Rather an image that stays open than the end of the process.
		return nil, fmt.Errorf("wait for the open to end: %w", syscall.Errno(-r))
	}
	return img, nil
}

// openedAt is opened, for an RBD image that is to be looked at as it was at a
// snapshot. It is opened without one, as an open at a snapshot that is missing
// closes what it has opened, and of a clone its parent too soon, as above. A
// clone of an image has no snapshot at first.
func (c *cluster) openedAt(snap string, img *rbd.Image, err error) (*rbd.Image, error) {
	if img, err = c.opened(img, err); err != nil {
		return nil, err
	}
	err = at("open", img.SetSnapshot(snap))
	if _, unsettled := c.opened(img, nil); unsettled != nil {
		return nil, unsettled
	}
	if err != nil {
		return nil, errors.Join(err, img.Close())
	}
	return img, nil
}

// openComplete opens a complete image. Opened so it does not watch itself, and
// is in nobody's way.
func (c *cluster) openComplete(name string) (*rbd.Image, error) { return c.openNamed(name, snapName) }

// openNamed opens the RBD image of that name, or one of its snapshots, to look
// at it.
func (c *cluster) openNamed(name, snap string) (*rbd.Image, error) {
	img, err := rbd.OpenImageReadOnly(c.pool, name, rbd.NoSnapshot)
	return c.openedAt(snap, img, err)
}

// openToChange opens the RBD image of that name if it still has that id.
func (c *cluster) openToChange(name, id string) (*rbd.Image, error) {
	img, err := c.openToWrite(name)
	if err != nil {
		return nil, err
	}
	now, err := img.GetId()
	if err = at("ask for the id", err); err == nil && now != id {
		err = fmt.Errorf("another image has taken its place: %w", fs.ErrNotExist)
	}
	if err != nil {
		return nil, errors.Join(err, img.Close())
	}
	return img, nil
}

// openToWrite opens the RBD image of that name, with a watch.
func (c *cluster) openToWrite(name string) (*rbd.Image, error) {
	return c.opened(rbd.OpenImage(c.pool, name, rbd.NoSnapshot))
}
