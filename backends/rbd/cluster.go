//go:build ceph

package rbd

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/ceph/go-ceph/rados"

	"glancefs/backends"
)

// cluster is a connection to a Ceph cluster, with the pool in it.
type cluster struct {
	conn     *rados.Conn
	pool     *rados.IOContext
	poolName string
	fsid     string

	link    *link
	users   int  // guarded by link.mu, as the rest is
	retired bool // another connection takes its place, or the store is closed
	ended   bool
}

// open opens the pool.
func (c *cluster) open() (err error) {
	if c.fsid, err = c.conn.GetFSID(); err != nil {
		return at("ask for the cluster's fsid", err)
	}
	if err := c.checkPool(-1); err != nil {
		return err
	}
	if c.pool, err = c.conn.OpenIOContext(c.poolName); err != nil {
		return at("open the pool "+c.poolName, err)
	}
	// Else a request to a full pool waits until there is space again
	// (Objecter::_op_submit).
	return at("open the pool "+c.poolName, c.pool.SetPoolFullTry())
}

// checkPool tells whether the pool is there, and the one with that id unless
// it is -1.
func (c *cluster) checkPool(id int64) error {
	now, err := c.conn.GetPoolByName(c.poolName)
	err = at("look for the pool", err)
	if errors.Is(err, syscall.ENOENT) || err == nil && id >= 0 && now != id {
		return backends.Misconfigured("rbd_store_pool = %s: the cluster has no such pool", c.poolName)
	}
	return err
}

// wantPool is an error if the pool has gone, and the connection with it.
func (c *cluster) wantPool() error {
	err := c.checkPool(c.pool.GetPoolID())
	if err != nil {
		c.retire()
	}
	return err
}

// keep makes the connection stay until another leave.
func (c *cluster) keep() {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.users++
}

func (c *cluster) leave() {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.users--
	c.endIfUnused()
}

// retire has the next call make another connection. This one ends with its
// last user.
func (c *cluster) retire() {
	c.link.mu.Lock()
	if c.link.current == c {
		c.link.current = nil
	}
	c.retired = true
	c.endIfUnused()
	c.link.mu.Unlock()
	c.link.lost(c)
}

// endIfUnused ends a connection that nobody uses or will use; link.mu is held.
func (c *cluster) endIfUnused() {
	if !c.retired || c.users > 0 || c.ended {
		return
	}
	c.ended = true
	c.link.ending.Go(func() {
		c.pool.Destroy()
		c.conn.Shutdown()
	})
}

// classify says what the contract calls an error of the cluster. A connection
// without its pool, or shut out, is of no more use. One with a request that
// took too long may keep a watch for ever that nobody wants: librados makes
// it anew when the OSD is back, though the RBD image was closed meanwhile.
func (c *cluster) classify(err error) error {
	switch {
	case errors.Is(err, syscall.ENOENT):
		if missing := c.wantPool(); missing != nil {
			return missing
		}
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, syscall.ESHUTDOWN):
		c.retire()
	}
	return backends.ClassifyErrno(err)
}

// at makes an errno of an error of go-ceph, which is none, and says what was
// being done.
func at(what string, err error) error {
	var coded interface{ ErrorCode() int }
	if errors.As(err, &coded) {
		err = syscall.Errno(-coded.ErrorCode())
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
