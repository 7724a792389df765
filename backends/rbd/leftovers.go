//go:build ceph

package rbd

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
)

// lookAgain is how long after a look at the pool, that has found RBD images
// whose writers may live, there is another. A dead writer's watch lasts 30 s.
const lookAgain = 40 * time.Second

// RemoveLeftovers removes what dead writers have left in the pool; see
// backends.LeftoverRemover. It goes on until nothing there may be somebody's.
func (s *Store) RemoveLeftovers(ctx context.Context) {
	if s.readOnly {
		return
	}
	var before map[string]bool
	for {
		var seen sweep
		again(ctx, s.log, func() (err error) {
			seen, err = s.sweep(ctx, before)
			return err
		})
		if !seen.alive && len(seen.doubtful) == 0 {
			return
		}
		before = seen.doubtful
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookAgain):
		}
	}
}

// sweep is what a look at the pool has found and left.
type sweep struct {
	alive    bool            // something that is marked or new, and its writer may live
	doubtful map[string]bool // by id, what is about to be marked or removed if who does that lives
}

// sweep looks at each RBD image of the pool. before is what was doubtful at the
// look before, and is nobody's if it still is.
func (s *Store) sweep(ctx context.Context, before map[string]bool) (sweep, error) {
	seen := sweep{doubtful: make(map[string]bool)}
	names, err := pass(ctx, s, (*cluster).names, nil)
	if err != nil {
		return seen, err
	}
	type one struct {
		alive    bool
		doubtful string // id
		err      error
	}
	var errs []error
	for found := range atOnce(ctx, names, func(name string) (one one) {
		one.err = s.do(ctx, func(c *cluster) (err error) {
			one.alive, one.doubtful, err = c.sweepImage(name, before)
			return err
		})
		if errors.Is(one.err, fs.ErrNotExist) {
			one.err = nil // removed meanwhile
		}
		return one
	}) {
		seen.alive = seen.alive || found.alive
		if found.doubtful != "" {
			seen.doubtful[found.doubtful] = true
		}
		errs = append(errs, found.err)
	}
	return seen, errors.Join(errs...)
}

// sweepImage settles a marked RBD image if who marked it is gone.
func (c *cluster) sweepImage(name string, before map[string]bool) (alive bool, doubtful string, err error) {
	img, err := c.openNamed(name, rbd.NoSnapshot)
	if err = backends.ClassifyErrno(err); err != nil && !isOfStore(err) {
		return false, "", nil // removed meanwhile, or damaged
	} else if err != nil {
		return false, "", err
	}
	defer img.Close() // nothing was written
	m, err := readMark(img)
	if err != nil || m == nil && !isNew(img) {
		return false, "", err
	}
	watchers, err := img.ListWatchers()
	if err != nil {
		return false, "", at("look for watchers", err)
	}
	id, err := img.GetId()
	if err != nil {
		return false, "", at("ask for the id", err)
	}
	switch {
	case m != nil && m.gone():
		return false, "", c.settle(name, id, *m)
	case len(watchers) > 0: // also of who died a moment ago
		return true, "", nil
	case (m == nil || m.Snap != 0) && !before[id]:
		return false, id, nil // a deleter has closed it before he removes it
	case m == nil:
		return false, "", c.alone(id, func() error { return at("remove", rbd.RemoveImage(c.pool, name)) })
	}
	return false, "", c.settle(name, id, *m)
}

// isNew tells an RBD image as an add has just made it, by its size, and to
// which nothing was done.
func isNew(img *rbd.Image) bool {
	if size, err := img.GetSize(); err != nil || size != firstSize {
		return false
	}
	empty := true
	err1 := img.DiffIterate(rbd.DiffIterateConfig{
		Length: firstSize,
		Callback: func(_, _ uint64, _ int, _ any) int {
			empty = false
			return 0
		},
	})
	snaps, err2 := img.GetSnapshotNames()
	kept, err3 := img.ListMetadata()
	return errors.Join(err1, err2, err3) == nil && empty && len(snaps) == 0 && len(kept) == 0
}

// breakLock takes the exclusive lock from the client of a mark, which has no
// use for it any more. Ceph then shuts that one out, which ends its watch too.
// The lock may be another's by now, who removes the RBD image: that one keeps
// it. Who may not break locks has to wait until the watch ends by itself.
// librbd knows no locks of an RBD image that is open read-only.
func breakLock(img *rbd.Image, m mark) error {
	owners, err := img.LockGetOwners()
	if err = at("look for the lock", err); errors.Is(err, syscall.EINVAL) {
		return nil // the RBD image has none as a feature
	} else if err != nil {
		return err
	}
	watchers, err := img.ListWatchers()
	if err != nil {
		return at("look for watchers", err)
	}
	for _, w := range watchers {
		owns := func(o *rbd.LockOwner) bool { return o.Owner == w.Addr }
		if uint64(w.Id) != m.Client || !slices.ContainsFunc(owners, owns) {
			continue
		}
		err = at("break the lock", img.LockBreak(rbd.LockModeExclusive, w.Addr))
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
