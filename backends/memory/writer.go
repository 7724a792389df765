package memory

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"glancefs/backends"
)

// errEnded is what a Writer says after Commit or Abort.
var errEnded = errors.New("the add has ended")

// writer is an add under way.
type writer struct {
	store *Store
	name  string

	// Guarded by store.mu.
	data  []byte
	ended bool
}

// Create begins an add; see backends.Store.
func (s *Store) Create(ctx context.Context, name string) (backends.Writer, error) {
	err := s.do(ctx, "create", name, func() error {
		if s.images[name] != nil {
			return fs.ErrExist
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &writer{store: s, name: name}, nil
}

func (w *writer) Append(ctx context.Context, c backends.Chunk) error {
	return w.store.do(ctx, "append", w.name, func() error {
		s := w.store
		size := int64(len(c.Data))
		switch {
		case w.ended:
			return errEnded
		case s.limit > 0 && s.used+size > s.limit:
			return backends.ErrFull
		}
		s.used += size
		w.data = append(w.data, c.Data...)
		return nil
	})
}

func (w *writer) Commit(ctx context.Context, r backends.Record) (backends.Image, error) {
	var out backends.Image
	err := w.store.do(ctx, "commit", w.name, func() error {
		s := w.store
		if w.ended {
			return errEnded
		}
		if s.images[w.name] != nil {
			return fs.ErrExist
		}
		if r.Mtime.IsZero() {
			r.Mtime = time.Now().Round(0) // no monotonic reading: it is shown to users
		}
		s.created++
		img := &image{data: w.data, mtime: r.Mtime, incarnation: s.created, record: r.Fields()}
		s.images[w.name] = img
		w.ended = true
		out = img.tell(w.name)
		return nil
	})
	return out, err
}

func (w *writer) Abort(ctx context.Context) error {
	return w.store.do(ctx, "abort", w.name, func() error {
		if w.ended {
			return nil
		}
		w.ended = true
		w.store.used -= int64(len(w.data))
		w.data = nil
		return nil
	})
}
