// Package rbd keeps images in a Ceph pool: what glance_store calls the rbd
// store. The image NAME is the RBD image NAME of format 2 with the protected
// snapshot "snap"; its record is kept in the image's metadata. It is the only
// package that imports Ceph's libraries, behind the build tag ceph.
//
// An RBD image without that snapshot is no image of the store: another
// program's, or one under way. It is not listed, never deleted, and its name
// can't be added.
//
// # Adding
//
// An add makes an RBD image, which is refused if there is one by that name,
// notes in its metadata who is writing it, and takes its exclusive lock. It
// grows by doubling, and is cut to its size at the end. The snapshot is made
// by another name, protected, and the record is written; then the snapshot
// gets its name, which is one atomic step on the image's header: the image is
// complete. (To give the RBD image its name would not be: of two clients who
// rename to one name at once, both succeed.)
//
// A delete goes the same way back: the image is marked, and its snapshot
// loses protection and name before it is removed, and then the rest. librbd
// begins that by moving the RBD image to the pool's trash, so one that is
// found by its name is whole, and the snapshot can be made again. That is what
// happens when a delete fails, as often as is needed.
//
// # What a crash leaves
//
// The mark of an RBD image names the host, the boot of its kernel, the process
// and its client, and for a delete the snapshot. A mount settles marked images
// when it starts: at once if host and boot are its own and the process is
// gone, after it has broken the dead client's lock (Ceph would keep that one's
// watch for 30 s); otherwise when nobody watches the image any more. A writer
// that lives always watches; a deleter too, but for a moment, so two looks are
// taken at that. What was being added is removed unless it has the snapshot.
// What was being deleted is an image again, since its delete may have been
// reported as failed. What was made and not marked yet is known by its odd
// size, and is removed if nobody watches it and it is not marked some time
// later. Who settles an RBD image has a lock on it meanwhile, as several mounts
// may start at once.
//
// # A cluster that is down
//
// A store connects when it is first used, keeps the connection, and lets
// librados find the cluster again; only after a request that took too long it
// makes another. librados ends each request after request_timeout, so no call
// hangs longer. Calls go through a gate, so that their callers can go before.
package rbd

import (
	"math/bits"
	"time"

	"glancefs/backends"
)

// Driver returns the driver.
func Driver() backends.Driver {
	return backends.Driver{
		Type:         "rbd",
		Schemes:      []string{scheme},
		Capabilities: backends.RWAccess | backends.ReadRandom,
		Options:      func() any { return new(options) },
		Open:         open,
	}
}

// options are those of glance_store's rbd driver (4.7.0), and
// rbd_trash_in_use.
type options struct {
	ChunkSize  int           `option:"rbd_store_chunk_size" default:"8" min:"1" max:"63" help:"MiB; the size of the objects of new images, rounded down to a power of two"`
	Pool       string        `option:"rbd_store_pool" default:"images" help:"the pool of the images"`
	User       string        `option:"rbd_store_user" help:"the cephx user, without client.; when not set, librados' own default, which is admin"`
	CephConf   string        `option:"rbd_store_ceph_conf" help:"the configuration file of Ceph; when not set, where librados looks for it"`
	Timeout    time.Duration `option:"rados_connect_timeout" default:"-1" min:"-1" help:"seconds for a connection and for each request to the cluster; 0 or less: connect_timeout and request_timeout"`
	Thin       bool          `option:"rbd_thin_provisioning" default:"false" help:"zeros take no space"`
	TrashInUse bool          `option:"rbd_trash_in_use" default:"false" help:"deleting an image with clones moves it to the pool's trash, as glance_store does since 4.6.0; otherwise it is in use"`
}

// order is the binary logarithm of the size of the objects of new images:
// glance_store rounds down too. librbd allows 12 to 25.
func (o *options) order() int { return bits.Len(uint(o.ChunkSize)) - 1 + 20 }
