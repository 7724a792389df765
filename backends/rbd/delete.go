//go:build ceph

package rbd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
)

// How often, and how far apart, a delete is tried of an image that another
// client has open for writing. He may be about to delete it, too; if he is
// at it, which takes him some requests, it is waited for what comes of it.
const (
	deleteTries   = 5
	deletingTries = 100
	deletePause   = 100 * time.Millisecond
)

// Delete removes an image; see backends.Store. One that has clones, or that
// somebody else has open for writing, is ErrBusy.
func (s *Store) Delete(ctx context.Context, name string) error {
	if s.readOnly {
		return backends.ErrReadOnly
	}
	for try := 1; ; try++ {
		err := s.do(ctx, func(c *cluster) error {
			id, err := s.deletable(c, name)
			if err != nil {
				return err
			}
			return s.remove(ctx, c, name, id)
		})
		if !errors.Is(err, errWatched) || try >= deletingTries || try >= deleteTries && !errors.Is(err, errDeleting) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(deletePause/2 + rand.N(deletePause)):
		}
	}
}

// deletable returns the id of a complete image that has no clones, and no
// other snapshots.
func (s *Store) deletable(c *cluster, name string) (string, error) {
	img, err := c.openComplete(name)
	if err != nil {
		return "", err
	}
	defer img.Close() // nothing was written
	if err := wantNoOtherSnaps(img); err != nil {
		return "", err
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

// wantNoOtherSnaps is ErrBusy for an image with other snapshots than its own,
// and than the one that a delete was removing when its process died: librbd
// calls that by a UUID (SnapshotRemoveRequest, trash_snap), and removes it with
// the RBD image.
func wantNoOtherSnaps(img *rbd.Image) error {
	snaps, err := img.GetSnapshotNames()
	if err != nil {
		return at("list the snapshots", err)
	}
	for _, snap := range snaps {
		if snap.Name == snapName {
			continue
		}
		space, err := img.GetSnapNamespaceType(snap.Id)
		if err != nil {
			return at("look at the snapshot "+snap.Name, err)
		}
		was := ""
		if space == rbd.SnapNamespaceTypeTrash {
			if was, err = img.GetSnapTrashNamespace(snap.Id); err != nil {
				return at("look at the snapshot "+snap.Name, err)
			}
		}
		if was != tempSnap {
			return fmt.Errorf("%w: it has other snapshots, one is %s", backends.ErrBusy, snap.Name)
		}
	}
	return nil
}

// remove removes an RBD image: the mark, the protection, the snapshot, then
// all the rest, or takes that back. From the third step on it goes on when its
// caller goes.
func (s *Store) remove(ctx context.Context, c *cluster, name, id string) error {
	img, err := c.openToChange(name, id)
	if err != nil {
		return err
	}
	m, err := c.deletionMark(img)
	if err != nil {
		return errors.Join(err, img.Close())
	}
	if err = m.set(img); err == nil {
		err = withdraw(ctx, img)
	}
	if err = errors.Join(err, at("close", img.Close())); err == nil {
		err = s.removeWithdrawn(c, name)
	}
	if err == nil {
		return nil
	}
	return s.takeBack(c, name, id, m, err)
}

// deletionMark is the mark of a delete of a complete image that nobody else
// has open.
func (c *cluster) deletionMark(img *rbd.Image) (mark, error) {
	if err := c.unwatched(img, 0); err != nil {
		if now, _ := readMark(img); now != nil && now.Snap != 0 {
			err = fmt.Errorf("%w: %w", err, errDeleting)
		}
		return mark{}, err
	}
	m := c.mark()
	var err error
	m.Snap, err = img.GetSnapID(snapName)
	return m, at("look for the snapshot", err)
}

// withdraw makes a marked image no image any more. By the name that it is
// given the snapshot is removed as a whole, or found by restore.
func withdraw(ctx context.Context, img *rbd.Image) error {
	err := unprotect(img.GetSnapshot(snapName))
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = at("rename the snapshot", img.GetSnapshot(snapName).Rename(tempSnap))
	}
	if err == nil {
		err = at("remove the snapshot", img.GetSnapshot(tempSnap).Remove())
	}
	return err
}

// removeWithdrawn removes an RBD image without the snapshot, or moves it to
// the pool's trash. Until it is in there, which librbd does first with what it
// removes (librbd/api/Image.cc), all of its bytes are.
func (s *Store) removeWithdrawn(c *cluster, name string) error {
	err := at("remove", rbd.RemoveImage(c.pool, name))
	if errors.Is(err, syscall.ENOTEMPTY) && s.opts.TrashInUse {
		// Its clones need what their snapshot was made of. It stays marked:
		// who restores it from the trash gets an image.
		return at("move to the trash", rbd.GetImage(c.pool, name).Trash(0))
	}
	return err
}

// takeBack makes an image again of one that is marked with m and could not be
// removed; err is why. If that can't be done now, it is when the cluster
// answers again, or by the next start.
func (s *Store) takeBack(c *cluster, name, id string, m mark, err error) error {
	back := c.reopen(name, id, func(img *rbd.Image) error { return restore(img, m) })
	if back != nil && !errors.Is(back, fs.ErrNotExist) {
		s.work.Go(func() { s.settle(name, id, m) })
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && errors.Is(back, fs.ErrNotExist):
		return nil // somebody was faster
	case errors.Is(err, fs.ErrNotExist): // librbd misses something else
		err = fmt.Errorf("%v, but it is there", err)
	case errors.Is(err, syscall.EBUSY):
		err = fmt.Errorf("%w: %v", errWatched, err)
	case errors.Is(err, syscall.EMLINK):
		err = fmt.Errorf("%w: it is in a group", backends.ErrBusy)
	case errors.Is(err, syscall.ENOTEMPTY): // which Go takes for fs.ErrExist
		err = fmt.Errorf("%w: it has other snapshots", backends.ErrBusy)
	}
	return errors.Join(err, back)
}

// errWatched is of an image that another client has open for writing,
// errDeleting of one that he deletes.
var (
	errWatched  = fmt.Errorf("%w", backends.ErrBusy)
	errDeleting = errors.New("it is being deleted")
)

// unwatched tells whether nobody but ourselves has an RBD image open for
// writing, as glance_store 4.1.0 has it that reads. The client gone counts as
// nobody: 30 s may pass until Ceph notices; 0 is none.
func (c *cluster) unwatched(img *rbd.Image, gone uint64) error {
	watchers, err := img.ListWatchers()
	if err != nil {
		return at("look for watchers", err)
	}
	own := c.conn.GetInstanceID()
	watchers = slices.DeleteFunc(watchers, func(w rbd.ImageWatcher) bool { return uint64(w.Id) == gone && gone != own })
	if len(watchers) <= 1 {
		return nil
	}
	who := "this glancefs"
	for _, w := range watchers {
		if uint64(w.Id) != own {
			who = w.Addr
		}
	}
	return fmt.Errorf("%w: %s has it open", errWatched, who)
}

// restore makes an image of an RBD image that is marked, and is complete but
// for its snapshot.
func restore(img *rbd.Image, m mark) error {
	if there, err := hasSnap(img, snapName); err != nil {
		return err
	} else if !there {
		if err := restoreSnap(img, m); err != nil {
			return err
		}
	}
	return complete(img)
}

// restoreSnap makes the snapshot again that a delete has renamed or removed.
func restoreSnap(img *rbd.Image, m mark) error {
	id, err := img.GetSnapID(tempSnap)
	if err = at("look for the snapshot "+tempSnap, err); errors.Is(err, fs.ErrNotExist) {
		id, err = makeSnap(img)
	}
	if err == nil && id != m.Snap {
		err = moveRecord(img, m.Snap, id)
	}
	if err != nil {
		return err
	}
	return at("name the snapshot", img.GetSnapshot(tempSnap).Rename(snapName))
}

// hasSnap tells whether an RBD image has a snapshot of that name.
func hasSnap(img *rbd.Image, name string) (bool, error) {
	_, err := img.GetSnapID(name)
	if err = at("look for the snapshot "+name, err); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// unprotect lets a snapshot be removed.
func unprotect(snap *rbd.Snapshot) error {
	err := at("unprotect the snapshot", snap.Unprotect())
	if errors.Is(err, syscall.EINVAL) { // it was not protected
		return nil
	}
	return err
}
