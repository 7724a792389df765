//go:build ceph

package rbd

import (
	"sync"

	"github.com/ceph/go-ceph/rbd"
)

// sources holds what is open for reading.
type sources struct {
	mu  sync.Mutex // guards the rest, and what source and opened say
	all map[string]*source
}

// source is what all readers of one incarnation of an image share: one open
// RBD image, opened again when the connection was lost.
type source struct {
	key    string // the incarnation
	id     string // of the RBD image
	object int64  // bytes of a RADOS object
	header string // the RADOS object that knows the snapshots (cls_rbd.cc)
	snap   string // the snapshot's key in its omap

	readers int     // guarded by sources.mu
	open    *opened // likewise; nil: not open
}

// opened is an RBD image, open at its snapshot.
type opened struct {
	cluster *cluster // kept
	image   *rbd.Image
	reads   int // under way; guarded by sources.mu
}

func newOpened(c *cluster, img *rbd.Image) *opened {
	c.keep()
	return &opened{cluster: c, image: img}
}

// end closes an RBD image that nobody reads any more, behind the caller, who
// may be using the connection.
func (o *opened) end() {
	o.cluster.link.ending.Go(func() {
		_ = o.image.Close() // nothing was written
		o.cluster.leave()
	})
}

// add adds a reader to src, or to what the readers of its incarnation share
// already, and returns that.
func (s *sources) add(src *source) *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.all[src.key]; old != nil {
		src = old
	}
	s.all[src.key] = src
	src.readers++
	return src
}

// drop takes a reader away.
func (s *sources) drop(src *source) {
	s.mu.Lock()
	src.readers--
	var old *opened
	if src.readers == 0 {
		delete(s.all, src.key)
		old, src.open = src.open, nil
	}
	s.endUnlessRead(old)
}

// setOpen makes o the RBD image of a source, unless that has one or has lost
// its readers: then it closes o.
func (s *sources) setOpen(src *source, o *opened) {
	s.mu.Lock()
	if src.open == nil && src.readers > 0 {
		src.open, o = o, nil
	}
	s.endUnlessRead(o)
}

// enter returns a source's RBD image for one read, nil if there is none;
// leave gives it back.
func (s *sources) enter(src *source) *opened {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src.open != nil {
		src.open.reads++
	}
	return src.open
}

func (s *sources) leave(src *source, o *opened) {
	s.mu.Lock()
	o.reads--
	if src.open == o {
		o = nil
	}
	s.endUnlessRead(o)
}

// close closes what is open over a connection.
func (s *sources) close(c *cluster) {
	s.mu.Lock()
	var old []*opened
	for _, src := range s.all {
		if src.open != nil && src.open.cluster == c {
			if src.open.reads == 0 {
				old = append(old, src.open)
			}
			src.open = nil
		}
	}
	s.mu.Unlock()
	for _, o := range old {
		o.end()
	}
}

// endUnlessRead unlocks mu, and closes an RBD image that belongs to no source
// any more unless it is being read: then the last leave does.
func (s *sources) endUnlessRead(o *opened) {
	last := o != nil && o.reads == 0
	s.mu.Unlock()
	if last {
		o.end()
	}
}
