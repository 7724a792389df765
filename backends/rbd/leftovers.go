//go:build ceph

package rbd

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
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
	if err = backends.ClassifyErrno(at("open", err)); err != nil && !isOfStore(err) {
		return false, nil // removed meanwhile, or damaged
	} else if err != nil {
		return false, err
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
	if (m == nil || !m.gone()) && len(watchers) > 0 {
		return true, nil
	}
	return false, c.settle(name)
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
