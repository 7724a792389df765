//go:build ceph

package rbd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/ceph/go-ceph/rados"
	"github.com/sirupsen/logrus"

	"glancefs/backends"
)

// LibraryVersion tells which version of Ceph's librados is linked in, such
// as 3.0.0; "" without Ceph.
func LibraryVersion() string {
	major, minor, patch := rados.Version()
	return fmt.Sprintf("%d.%d.%d", major, minor, patch)
}

// Store is an rbd store.
type Store struct {
	opts     *options
	readOnly bool
	log      *logrus.Entry
	link     *link
	gate     *backends.Gate
	sources  sources

	life context.Context // of what goes on behind the calls
	end  context.CancelFunc
	work sync.WaitGroup
}

var (
	_ backends.Store        = (*Store)(nil)
	_ backends.Renamer      = (*Store)(nil)
	_ backends.MtimeSetter  = (*Store)(nil)
	_ backends.Recorder     = (*Store)(nil)
	_ backends.SpaceTeller  = (*Store)(nil)
	_ backends.HealthTeller = (*Store)(nil)

	_ backends.LeftoverRemover = (*Store)(nil)
)

// threads is how many librbd calls of a store run at once. Each is bounded
// in time; a cluster that is down holds so many threads.
const threads = 64

// open opens a store; see backends.Driver. It does not connect.
func open(_ context.Context, in backends.Opening) (backends.Store, error) {
	opts := in.Options.(*options)
	s := &Store{
		opts:     opts,
		readOnly: in.ReadOnly,
		log:      in.Log,
		gate:     backends.NewGate(threads),
		sources:  sources{all: make(map[string]*source)},
	}
	s.link = newLink(opts, in, s.sources.close)
	s.life, s.end = context.WithCancel(context.Background())
	if err := s.link.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// pass runs a call on the cluster in the store's gate; see backends.Pass.
func pass[T any](ctx context.Context, s *Store, fn func(*cluster) (T, error), late func(T)) (T, error) {
	return backends.Pass(ctx, s.gate, func() (none T, err error) {
		c, err := s.link.enter()
		if err != nil {
			return none, err
		}
		defer c.leave()
		value, err := fn(c)
		return value, c.classify(err)
	}, late)
}

// do is pass for a call without a result.
func (s *Store) do(ctx context.Context, fn func(*cluster) error) error {
	_, err := pass(ctx, s, func(c *cluster) (struct{}, error) { return struct{}{}, fn(c) }, nil)
	return err
}

// Health tells whether the pool answers; see backends.HealthTeller.
func (s *Store) Health(ctx context.Context) error {
	return s.do(ctx, func(c *cluster) error {
		_, err := c.pool.Stat("rbd_directory")
		if err = at("look at the pool", err); errors.Is(err, fs.ErrNotExist) {
			return c.wantPool() // a pool without images
		}
		return err
	})
}

// Location is the image's URI; see backends.Store.
func (s *Store) Location(ctx context.Context, name string) (string, error) {
	return pass(ctx, s, func(c *cluster) (string, error) {
		return place{c.fsid, s.opts.Pool, name, snapName}.String(), nil
	}, nil)
}

// Name is the inverse of Location; see backends.Store.
func (s *Store) Name(ctx context.Context, location string) (string, error) {
	p, err := parseLocation(location)
	if err != nil || p.fsid == "" {
		return p.image, err
	}
	if p.pool != s.opts.Pool || p.snap != snapName {
		return "", fmt.Errorf("the pool %s with the snapshot %s: %w", p.pool, p.snap, fs.ErrNotExist)
	}
	return pass(ctx, s, func(c *cluster) (string, error) {
		if p.fsid != c.fsid {
			return "", fmt.Errorf("the cluster %s: %w", p.fsid, fs.ErrNotExist)
		}
		return p.image, nil
	}, nil)
}

// closeWait is how long Close waits for what goes on behind the calls. A
// cluster that is down must not hold the end of the program.
const closeWait = 5 * time.Second

// Close releases what the store holds. Calls that hang keep the connection
// until librados ends them.
func (s *Store) Close() error {
	s.end()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.work.Wait()
		s.link.close()
	}()
	wait := time.NewTimer(closeWait)
	defer wait.Stop()
	select {
	case <-done:
	case <-wait.C:
		s.log.Warn("Ceph does not answer: what was under way is left to the next start")
	}
	return nil
}
