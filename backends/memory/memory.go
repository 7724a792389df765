// Package memory is a store that keeps its images in the memory of the
// process: for tests, and to try glancefs without a disk. Its images are gone
// when the store is closed.
//
// Its URIs are memory://STORE/NAME, with the name percent-encoded.
package memory

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"glancefs/backends"
)

// options are the options of a memory store.
type options struct {
	Size int64 `option:"memory_store_size" default:"0" min:"0" help:"the most bytes that all images together may have, those under way included; 0: no limit"`
}

// Driver returns the driver.
func Driver() backends.Driver {
	return backends.Driver{
		Type:         "memory",
		Schemes:      []string{scheme},
		Capabilities: backends.ReadRandom | backends.RWAccess | backends.DriverReusable,
		Options:      func() any { return new(options) },
		Open: func(_ context.Context, in backends.Opening) (backends.Store, error) {
			return New(in.Name, in.Options.(*options).Size), nil
		},
	}
}

// Store keeps images in memory.
type Store struct {
	name  string
	limit int64 // bytes; 0: none

	mu      sync.Mutex // guards the rest
	images  map[string]*image
	used    int64  // bytes of all images, those under way included
	created uint64 // images so far; the source of incarnations
	fault   Fault
}

var (
	_ backends.Store       = (*Store)(nil)
	_ backends.Renamer     = (*Store)(nil)
	_ backends.MtimeSetter = (*Store)(nil)
	_ backends.SpaceTeller = (*Store)(nil)
)

// image is a complete image. Its data never changes.
type image struct {
	data        []byte
	mtime       time.Time
	incarnation uint64
	record      map[string]string // as backends.Record.Fields
}

// New makes an empty store. limit is the most bytes that it takes, 0 for no
// limit.
func New(name string, limit int64) *Store {
	return &Store{name: name, limit: limit, images: make(map[string]*image)}
}

// Fault stands around the calls of a store, so that tests can make them
// fail, hang or lose their reply: op is stat, list, open, read, create,
// append, commit, abort, delete, rename or mtime, and call does the work.
type Fault func(ctx context.Context, op, name string, call func() error) error

// SetFault puts f around the calls that follow; nil takes it away.
func (s *Store) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// do runs call with the store locked, inside of the fault if there is one.
func (s *Store) do(ctx context.Context, op, name string, call func() error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	locked := func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return call()
	}
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil {
		return fault(ctx, op, name, locked)
	}
	return locked()
}

// find returns a complete image. The store is locked.
func (s *Store) find(name string) (*image, error) {
	img, ok := s.images[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return img, nil
}

// tell makes what Stat tells. The store is locked.
func (img *image) tell(name string) backends.Image {
	size := int64(len(img.data))
	told := backends.Image{
		Name:        name,
		Size:        size,
		Mtime:       img.mtime,
		Allocated:   size,
		Incarnation: fmt.Sprint(img.incarnation),
	}
	told.SetRecord(func(key string) string { return img.record[key] })
	return told
}

// Close forgets all images.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.images)
	s.used = 0
	return nil
}
