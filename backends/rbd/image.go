//go:build ceph

package rbd

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
)

// keySnap is kept with a record: the id of the snapshot that it is for. A
// snapshot that somebody made anew has other bytes.
const keySnap = "user.glance.snap"

// Stat tells of one complete image; see backends.Store.
func (s *Store) Stat(ctx context.Context, name string) (backends.Image, error) {
	return pass(ctx, s, func(c *cluster) (backends.Image, error) { return c.stat(name) }, nil)
}

func (c *cluster) stat(name string) (backends.Image, error) {
	img, err := c.openComplete(name)
	if err != nil {
		return backends.Image{}, err
	}
	defer img.Close() // nothing was written
	v, err := look(img, name)
	return v.Image, err
}

// view is what a look at an open RBD image tells.
type view struct {
	backends.Image
	id   string // of the RBD image
	snap uint64 // id of the snapshot
}

// look looks at a complete image that is open.
func look(img *rbd.Image, name string) (view, error) {
	size, err := img.GetSize()
	if err != nil {
		return view{}, at("ask for the size", err)
	}
	v := view{Image: backends.Image{Name: name, Size: int64(size), Allocated: -1}}
	if v.id, err = img.GetId(); err != nil {
		return view{}, at("ask for the id", err)
	}
	if v.snap, err = img.GetSnapID(snapName); err != nil {
		return view{}, at("look for the snapshot", err)
	}
	v.Incarnation = incarnation(v.id, v.snap)
	kept, err := img.ListMetadata()
	if err != nil {
		return view{}, at("list the metadata", err)
	}
	if v.Mtime, err = mtime(img, v.snap, kept); err != nil {
		return view{}, err
	}
	v.SetRecord(func(key string) string {
		if kept[backends.KeyChecksum] == "" {
			return "" // KeyOf alone keeps an mtime
		}
		return kept[key]
	})
	return v, nil
}

func incarnation(id string, snap uint64) string { return fmt.Sprintf("%s/%d", id, snap) }

// mtime returns the modification time that is kept for the snapshot, else
// the time when that was made.
func mtime(img *rbd.Image, snap uint64, kept map[string]string) (time.Time, error) {
	if _, mtime, ok := backends.ParseOf(kept[backends.KeyOf]); ok && kept[keySnap] == fmt.Sprint(snap) {
		return mtime, nil
	}
	made, err := img.GetSnapTimestamp(snap)
	if err != nil {
		return time.Time{}, at("ask for the snapshot's time", err)
	}
	return time.Unix(made.Sec, made.Nsec), nil
}

// writeRecord keeps a record with an RBD image, for one of its snapshots.
// KeyOf comes last, so that one cut short by a crash is none.
func writeRecord(img *rbd.Image, r backends.Record, snap uint64) error {
	fields := r.Fields()
	fields[keySnap] = fmt.Sprint(snap)
	for _, key := range append([]string{keySnap}, backends.RecordKeys...) {
		if err := img.SetMetadata(key, fields[key]); err != nil {
			return at("write the metadata "+key, err)
		}
	}
	return nil
}

// moveRecord makes the record that is for one snapshot, if there is one, for
// another of the same bytes.
func moveRecord(img *rbd.Image, from, to uint64) error {
	kept, err := img.ListMetadata()
	if err != nil {
		return at("list the metadata", err)
	}
	if kept[keySnap] != fmt.Sprint(from) {
		return nil
	}
	return at("write the metadata "+keySnap, img.SetMetadata(keySnap, fmt.Sprint(to)))
}

// removeMetadata removes what may not be there.
func removeMetadata(img *rbd.Image, key string) error {
	err := at("remove the metadata "+key, img.RemoveMetadata(key))
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}
