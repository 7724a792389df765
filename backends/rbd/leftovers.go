//go:build ceph

package rbd

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"github.com/ceph/go-ceph/rbd"
)

// lookAgain is how long after a start, that has found RBD images whose
// writers may live, it looks again. A dead writer's watch lasts 30 s.
const lookAgain = 40 * time.Second

// isOwnName tells whether an RBD image has a name that only ours have.
func isOwnName(name string) bool { return strings.HasPrefix(name, ownPrefix) }

// removeLeftovers removes what dead writers have left in the pool, until
// there is nothing that may be somebody's.
func (s *Store) removeLeftovers() {
	for {
		var alive bool
		s.again(func(c *cluster) (err error) {
			alive, err = s.sweepPool(c)
			return err
		})
		if !alive {
			return
		}
		select {
		case <-s.life.Done():
			return
		case <-time.After(lookAgain):
		}
	}
}

// sweepPool looks at each RBD image of the pool; alive tells whether one is
// marked by who may live.
func (s *Store) sweepPool(c *cluster) (alive bool, err error) {
	names, err := c.names()
	if err != nil {
		return false, err
	}
	type swept struct {
		alive bool
		err   error
	}
	var errs []error
	for one := range atOnce(s.life, names, func(name string) (one swept) {
		one.alive, one.err = c.sweep(name)
		if errors.Is(one.err, fs.ErrNotExist) {
			one.err = nil // removed meanwhile
		}
		return one
	}) {
		alive = alive || one.alive
		errs = append(errs, one.err)
	}
	return alive, errors.Join(errs...)
}

// sweep settles a marked RBD image if who marked it is gone.
func (c *cluster) sweep(name string) (alive bool, err error) {
	img, err := rbd.OpenImageReadOnly(c.pool, name, rbd.NoSnapshot)
	if err != nil {
		return false, at("open", err)
	}
	defer img.Close() // nothing was written
	m, err := readMark(img)
	if err != nil || m == nil && !isOwnName(name) {
		return false, err
	}
	watchers, err := img.ListWatchers()
	if err != nil {
		return false, at("look for watchers", err)
	}
	if m != nil && m.gone() {
		err = breakLock(img)
	} else if len(watchers) > 0 {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, c.settle(name)
}

// breakLock takes the exclusive lock from a process that is gone. Ceph then
// shuts its client out, which ends its watch too.
func breakLock(img *rbd.Image) error {
	owners, err := img.LockGetOwners()
	if err = at("look for the lock", err); errors.Is(err, fs.ErrNotExist) || isNoLock(err) {
		return nil
	} else if err != nil {
		return err
	}
	for _, owner := range owners {
		if err := at("break the lock", img.LockBreak(rbd.LockModeExclusive, owner.Owner)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// isNoLock tells that an RBD image has no exclusive lock as a feature.
func isNoLock(err error) bool { return errors.Is(err, syscall.EINVAL) }
