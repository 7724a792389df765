package file

import (
	"context"
	"errors"

	"glancefs/backends"
)

// Create begins an add; see backends.Store.
func (s *Store) Create(ctx context.Context, name string) (backends.Writer, error) {
	w, err := pass(ctx, s, func() (*writer, error) { return s.create(name) },
		func(w *writer) { _ = w.Abort(context.Background()) }) // nobody is there to hear the error
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (s *Store) create(name string) (*writer, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	for _, d := range s.dirs {
		if err := s.ready(d); err != nil {
			return nil, err
		}
	}
	if err := s.wantFree(name); err != nil {
		return nil, err
	}
	d, err := s.pick()
	if err != nil {
		return nil, err
	}
	owner, err := d.owner()
	if err != nil {
		return nil, err
	}
	owner.Mode = s.mode
	f, err := d.createTemp()
	if err != nil {
		return nil, err
	}
	return newWriter(s, d, name, owner, f), nil
}

// pick chooses the datadir of a new image as glance_store does: of those
// with the highest priority that have space at all, the one with the most.
func (s *Store) pick() (*datadir, error) {
	if len(s.dirs) == 1 {
		return s.dirs[0], nil
	}
	var best *datadir
	var most uint64
	for _, d := range s.dirs {
		if best != nil && d.priority < best.priority {
			break
		}
		free, err := d.available()
		if err != nil {
			return nil, err
		}
		if free > most {
			best, most = d, free
		}
	}
	if best == nil {
		return nil, backends.Classify(backends.ErrFull, errors.New("no datadir has space left"))
	}
	return best, nil
}
