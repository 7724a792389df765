//go:build ceph

package rbd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
)

// Delete removes an image; see backends.Store. One that has clones, or that
// somebody else has open for writing, is ErrBusy.
func (s *Store) Delete(ctx context.Context, name string) error {
	if s.readOnly {
		return backends.ErrReadOnly
	}
	return s.do(ctx, func(c *cluster) error {
		id, err := s.deletable(c, name)
		if err != nil {
			return err
		}
		return s.remove(ctx, c, name, id)
	})
}

// deletable returns the id of a complete image that has no clones, and no
// other snapshots.
func (s *Store) deletable(c *cluster, name string) (string, error) {
	img, err := c.openComplete(name)
	if err != nil {
		return "", err
	}
	defer img.Close() // nothing was written
	snaps, err := img.GetSnapshotNames()
	if err != nil {
		return "", at("list the snapshots", err)
	}
	if len(snaps) > 1 {
		return "", fmt.Errorf("%w: it has other snapshots", backends.ErrBusy)
	}
	if !s.opts.TrashInUse {
		pools, clones, err := img.ListChildren()
		if err != nil {
			return "", at("look for clones", err)
		}
		if len(clones) > 0 {
			return "", fmt.Errorf("%w: it has clones: %d, one is %s/%s", backends.ErrBusy, len(clones), pools[0], clones[0])
		}
	}
	id, err := img.GetId()
	return id, at("ask for the id", err)
}

// remove removes an RBD image: the mark, the protection and the snapshot's
// name, then the snapshot and all the rest. From the third step on it goes on
// when its caller goes.
func (s *Store) remove(ctx context.Context, c *cluster, name, id string) error {
	img, err := c.openToChange(name, id)
	if err != nil {
		return err
	}
	if err := c.withdraw(ctx, img); err != nil {
		return errors.Join(err, img.Close())
	}
	if err := at("remove the snapshot", img.GetSnapshot(tempSnap).Remove()); err != nil {
		return errors.Join(err, restore(img), img.Close())
	}
	if err := at("close", img.Close()); err != nil {
		return c.undelete(name, id, err)
	}
	err = at("remove", rbd.RemoveImage(c.pool, name))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOTEMPTY) && s.opts.TrashInUse:
		return s.trash(c, name, id)
	}
	return c.undelete(name, id, err)
}

// undelete makes an image again of one that could not be removed at last; err
// is why.
func (c *cluster) undelete(name, id string, err error) error {
	back := c.reopen(name, id, restore)
	switch {
	case errors.Is(err, fs.ErrNotExist) && errors.Is(back, fs.ErrNotExist):
		return nil // somebody was faster
	case errors.Is(err, fs.ErrNotExist): // librbd misses something else
		err = fmt.Errorf("%v, but it is there", err)
	case errors.Is(err, syscall.EMLINK):
		err = fmt.Errorf("%w: it is in a group", backends.ErrBusy)
	case errors.Is(err, syscall.ENOTEMPTY): // which Go takes for fs.ErrExist
		err = fmt.Errorf("%w: it has other snapshots", backends.ErrBusy)
	}
	return errors.Join(err, back)
}

// withdraw makes an image no image any more, or leaves it as it was.
func (c *cluster) withdraw(ctx context.Context, img *rbd.Image) error {
	if err := c.unwatched(img); err != nil {
		return err
	}
	if err := c.mark().set(img); err != nil {
		return err
	}
	snap := img.GetSnapshot(snapName)
	err := at("unprotect the snapshot", snap.Unprotect())
	if errors.Is(err, syscall.EINVAL) { // it was not protected
		err = nil
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = at("rename the snapshot", snap.Rename(tempSnap))
	}
	if err != nil {
		return errors.Join(err, complete(img))
	}
	return nil
}

// unwatched tells whether nobody but ourselves has an RBD image open for
// writing, as glance_store 4.1.0 has it that reads.
func (c *cluster) unwatched(img *rbd.Image) error {
	watchers, err := img.ListWatchers()
	if err != nil {
		return at("look for watchers", err)
	}
	if len(watchers) <= 1 {
		return nil
	}
	who := "this glancefs"
	for _, w := range watchers {
		if uint64(w.Id) != c.conn.GetInstanceID() {
			who = w.Addr
		}
	}
	return fmt.Errorf("%w: %s has it open", backends.ErrBusy, who)
}

// restore makes an image again of one that was withdrawn.
func restore(img *rbd.Image) error {
	if _, err := img.GetSnapID(tempSnap); err != nil { // it was removed already
		id, err := makeSnap(img)
		if err != nil {
			return err
		}
		if err := at("write the metadata "+keySnap, img.SetMetadata(keySnap, fmt.Sprint(id))); err != nil {
			return err
		}
	}
	if err := at("name the snapshot", img.GetSnapshot(tempSnap).Rename(snapName)); err != nil {
		return err
	}
	return complete(img)
}

// trash moves an RBD image whose snapshots have clones to the pool's trash.
func (s *Store) trash(c *cluster, name, id string) error {
	err := c.reopen(name, id, func(img *rbd.Image) error { return removeMetadata(img, keyMark) })
	if err == nil {
		err = at("move to the trash", rbd.GetImage(c.pool, name).Trash(0))
	}
	if err != nil {
		return c.undelete(name, id, err)
	}
	return nil
}
