package memory

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"glancefs/backends"
)

// List calls fn for each image; see backends.Store.
func (s *Store) List(ctx context.Context, fn func(backends.Image) error) error {
	var images []backends.Image
	err := s.do(ctx, "list", "", func() error {
		images = slices.Grow(images, len(s.images))
		for name, img := range s.images {
			images = append(images, img.tell(name))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, img := range images {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := fn(img); err != nil {
			return err
		}
	}
	return nil
}

// Stat tells of one image; see backends.Store.
func (s *Store) Stat(ctx context.Context, name string) (backends.Image, error) {
	var out backends.Image
	err := s.do(ctx, "stat", name, func() error {
		img, err := s.find(name)
		if err == nil {
			out = img.tell(name)
		}
		return err
	})
	return out, err
}

// Delete removes an image; see backends.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.do(ctx, "delete", name, func() error {
		img, err := s.find(name)
		if err != nil {
			return err
		}
		s.used -= int64(len(img.data))
		delete(s.images, name)
		return nil
	})
}

// Rename renames an image; see backends.Renamer.
func (s *Store) Rename(ctx context.Context, oldName, newName string) error {
	return s.do(ctx, "rename", oldName, func() error {
		img, err := s.find(oldName)
		if err != nil {
			return err
		}
		if s.images[newName] != nil {
			return fs.ErrExist
		}
		s.images[newName] = img
		delete(s.images, oldName)
		return nil
	})
}

// SetMtime changes an image's modification time; see backends.MtimeSetter.
func (s *Store) SetMtime(ctx context.Context, name string, mtime time.Time) error {
	return s.do(ctx, "mtime", name, func() error {
		img, err := s.find(name)
		if err != nil {
			return err
		}
		record := img.tell(name).Record
		img.mtime = mtime
		if record != nil { // a stale one stays stale
			record.Mtime = mtime
			img.record = record.Fields()
		}
		return nil
	})
}

// KeepRecord keeps a record with an image; see backends.Recorder.
func (s *Store) KeepRecord(ctx context.Context, of backends.Image, r backends.Record) error {
	return s.do(ctx, "record", of.Name, func() error {
		img, err := s.find(of.Name)
		if err != nil {
			return err
		}
		if !of.SameAs(img.tell(of.Name)) {
			return backends.ErrBusy
		}
		img.record = r.Fields()
		return nil
	})
}

// Space tells the store's space: that of memory_store_size; without it,
// nothing is known.
func (s *Store) Space(context.Context) (backends.Space, error) {
	if s.limit == 0 {
		return backends.Space{}, errors.ErrUnsupported
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	free := uint64(s.limit - s.used)
	return backends.Space{Total: uint64(s.limit), Free: free, Available: free}, nil
}

// Replace puts other bytes in the place of an image's behind the back of its
// record, as another program would. For tests.
func (s *Store) Replace(name string, data []byte, mtime time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	img := s.images[name]
	s.used += int64(len(data)) - int64(len(img.data))
	s.images[name] = &image{data: data, mtime: mtime, incarnation: img.incarnation, record: img.record}
}
