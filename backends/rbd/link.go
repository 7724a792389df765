//go:build ceph

package rbd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/ceph/go-ceph/rados"

	"glancefs/backends"
)

// link makes a connection when it is needed, and anew after it was lost.
type link struct {
	opts            *options
	connect, answer time.Duration  // the deadlines of librados
	lost            func(*cluster) // told of each connection that is retired
	ending          sync.WaitGroup // connections

	mu      sync.Mutex // guards the rest, and what a cluster says
	current *cluster   // nil: not connected
	dialing chan struct{}
	err     error // of the last attempt
	failed  time.Time
	closed  bool
}

// retryPause is how long a failed connection answers for those after it: a
// loop over images must not become one over logins.
const retryPause = time.Second

func newLink(opts *options, in backends.Opening, lost func(*cluster)) *link {
	l := &link{opts: opts, connect: in.ConnectTimeout, answer: in.RequestTimeout, lost: lost}
	if opts.Timeout > 0 {
		l.connect, l.answer = opts.Timeout, opts.Timeout
	}
	return l
}

// enter returns the connection, which it makes if there is none; leave gives
// it back.
func (l *link) enter() (*cluster, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.dialing != nil { // somebody is at it
		done := l.dialing
		l.mu.Unlock()
		<-done
		l.mu.Lock()
	}
	if l.current == nil && !l.closed && time.Since(l.failed) >= retryPause {
		l.dial()
	}
	switch {
	case l.closed:
		return nil, backends.Classify(backends.ErrUnavailable, errors.New("the store is closed"))
	case l.current == nil:
		return nil, l.err
	}
	l.current.users++
	return l.current, nil
}

// dial makes the connection. mu is held, but not meanwhile.
func (l *link) dial() {
	done := make(chan struct{})
	l.dialing = done
	l.mu.Unlock()
	c, err := l.open()
	l.mu.Lock()
	l.dialing = nil
	close(done)
	l.current, l.err = c, err
	if err != nil {
		l.failed = time.Now()
	}
}

// open connects, and opens the pool.
func (l *link) open() (*cluster, error) {
	conn, err := l.prepare()
	if err != nil {
		return nil, err
	}
	c := &cluster{conn: conn, poolName: l.opts.Pool, link: l}
	if err := conn.Connect(); err != nil {
		conn.Shutdown()
		return nil, l.refused(err)
	}
	if err := c.open(); err != nil {
		conn.Shutdown()
		return nil, backends.ClassifyErrno(err)
	}
	return c, nil
}

// refused says why there is no connection.
func (l *link) refused(err error) error {
	who := l.opts.User
	if who == "" {
		who = "admin"
	}
	err = at("connect to Ceph as client."+who, err)
	switch {
	case errors.Is(err, syscall.ENOENT):
		return backends.Misconfigured("%v: librados finds no keyring with its key", err)
	case errors.Is(err, syscall.EINVAL):
		return backends.Misconfigured("%v", err)
	case errors.Is(err, syscall.EOPNOTSUPP): // no way of authentication in common
		return backends.Classify(fs.ErrPermission, fmt.Errorf("%v", err))
	}
	return backends.ClassifyErrno(err)
}

// check tells what can be known to be wrong without the cluster.
func (l *link) check() error {
	conn, err := l.prepare()
	if err == nil {
		conn.Shutdown()
	}
	return err
}

// prepare makes a connection that is configured and not yet made.
func (l *link) prepare() (*rados.Conn, error) {
	newConn := rados.NewConn
	if user := l.opts.User; user != "" {
		newConn = func() (*rados.Conn, error) { return rados.NewConnWithUser(user) }
	}
	conn, err := newConn()
	if err != nil {
		return nil, backends.Misconfigured("rbd_store_user = %s: %v", l.opts.User, err)
	}
	if err := l.configure(conn); err != nil {
		conn.Shutdown()
		return nil, err
	}
	return conn, nil
}

// configure reads Ceph's configuration, and sets what glancefs wants
// otherwise.
func (l *link) configure(conn *rados.Conn) error {
	path := l.opts.CephConf
	if path == "" {
		if err := conn.ReadDefaultConfigFile(); err != nil {
			return backends.Misconfigured("rbd_store_ceph_conf is not set, and librados finds no ceph.conf (%v)", at("read it", err))
		}
	} else {
		f, err := os.Open(path) // librados does not say which file it misses
		if err != nil {
			return backends.Misconfigured("rbd_store_ceph_conf: %v", err)
		}
		f.Close()
		if err := conn.ReadConfigFile(path); err != nil {
			return backends.Misconfigured("rbd_store_ceph_conf = %s: expected a configuration file of Ceph (%v)", path, at("read it", err))
		}
	}
	for _, o := range [][2]string{
		{"client_mount_timeout", seconds(l.connect)},
		{"rados_mon_op_timeout", seconds(l.answer)},
		{"rados_osd_op_timeout", seconds(l.answer)},
		{"rbd_cache", "false"}, // nothing is written twice, and read-ahead is ours
	} {
		if err := conn.SetConfigOption(o[0], o[1]); err != nil {
			return backends.Misconfigured("set Ceph's option %s to %s: %v", o[0], o[1], err)
		}
	}
	return nil
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// close ends the connection when nobody uses it any more, and waits for that
// if nobody does.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	c := l.current
	l.mu.Unlock()
	if c != nil {
		c.retire()
	}
	l.ending.Wait()
}
