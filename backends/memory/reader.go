package memory

import (
	"context"

	"glancefs/backends"
)

// reader reads one image.
type reader struct {
	store *Store
	image backends.Image
	data  []byte
}

// Open opens an image for reading; see backends.Store.
func (s *Store) Open(ctx context.Context, name string) (backends.Reader, error) {
	var r *reader
	err := s.do(ctx, "open", name, func() error {
		img, err := s.find(name)
		if err == nil {
			r = &reader{store: s, image: img.tell(name), data: img.data}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (r *reader) Image() backends.Image { return r.image }

func (r *reader) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	err = r.store.do(ctx, "read", r.image.Name, func() error {
		if off < int64(len(r.data)) {
			n = copy(p, r.data[off:])
		}
		return nil
	})
	return n, err
}

func (r *reader) Close() error { return nil }
