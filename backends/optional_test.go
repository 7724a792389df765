package backends_test

import (
	"context"
	"testing"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// around wraps a store.
type around struct{ inner backends.Store }

func (a around) Unwrap() backends.Store { return a.inner }

// The rest of Store is never called.
type layer struct {
	backends.Store
	around
}

// spacious is a layer that tells a space of its own.
type spacious struct {
	layer
	total uint64
}

func (s spacious) Space(context.Context) (backends.Space, error) {
	return backends.Space{Total: s.total}, nil
}

func wrap(s backends.Store) layer { return layer{around: around{s}} }

// TestAs finds what only some stores can do through every layer, the
// outermost first.
func TestAs(t *testing.T) {
	store := memory.New("one", 1000)
	for name, test := range map[string]struct {
		store backends.Store
		total uint64 // 0: not found
	}{
		"nothing":            {nil, 0},
		"itself":             {store, 1000},
		"two layers":         {wrap(wrap(store)), 1000},
		"the outer":          {spacious{wrap(store), 2}, 2},
		"between":            {wrap(spacious{wrap(store), 2}), 2},
		"hidden":             {plain{store}, 0},
		"layer over nothing": {wrap(nil), 0},
	} {
		s, ok := backends.As[backends.SpaceTeller](test.store)
		if ok != (test.total > 0) {
			t.Errorf("%s: found %v", name, ok)
			continue
		}
		if !ok {
			continue
		}
		if space, err := s.Space(t.Context()); err != nil || space.Total != test.total {
			t.Errorf("%s: space %+v, %v", name, space, err)
		}
	}
	if _, ok := backends.As[backends.Metadater](wrap(store)); ok {
		t.Error("a store in memory has metadata of its own")
	}
}
