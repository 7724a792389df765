package backends_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// keeper is a store that holds on to the chunks it gets, as one does that
// sends them by itself. Append then does what after says.
type keeper struct {
	backends.Store
	kept  []backends.Chunk
	after func(ctx context.Context) error
}

func (k *keeper) Create(ctx context.Context, name string) (backends.Writer, error) {
	w, err := k.Store.Create(ctx, name)
	return &keeperWriter{w, k}, err
}

type keeperWriter struct {
	backends.Writer
	*keeper
}

func (w *keeperWriter) Append(ctx context.Context, c backends.Chunk) error {
	c.Keep()
	w.kept = append(w.kept, c)
	if err := w.Writer.Append(ctx, c); err != nil {
		return err
	}
	return w.after(ctx)
}

// TestKeep: a chunk that a driver keeps does not change, also when its
// append hangs and the add has been given up, and whatever else is written
// meanwhile.
func TestKeep(t *testing.T) {
	const size = 3*backends.ChunkSize + 1000
	pattern := bytes.Repeat([]byte("kept "), size/5)
	for name, test := range map[string]struct {
		after func(ctx context.Context) error
		ends  func(t *testing.T, a *backends.Add)
	}{
		"committed": {
			func(context.Context) error { return nil },
			func(t *testing.T, a *backends.Add) {
				if _, err := a.Commit(now); err != nil {
					t.Error(err)
				}
			},
		},
		"aborted": {
			func(context.Context) error { return nil },
			func(t *testing.T, a *backends.Add) {
				if err := a.Abort(); err != nil {
					t.Error(err)
				}
			},
		},
		"hanging": {
			func(ctx context.Context) error {
				<-ctx.Done()
				return context.Cause(ctx)
			},
			func(*testing.T, *backends.Add) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &keeper{Store: memory.New("one", 0), after: test.after}
				a := begin(t, instance(t, k), "image")
				err := a.Write(slices.Clone(pattern))
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Fatal(err)
				}
				test.ends(t, a)
				synctest.Wait() // the hashes have ended

				other := instance(t, memory.New("one", 0))
				for range 3 {
					b := begin(t, other, "image")
					if err := b.Write(bytes.Repeat([]byte{'x'}, 8*backends.ChunkSize)); err != nil {
						t.Fatal(err)
					}
					if err := b.Abort(); err != nil {
						t.Fatal(err)
					}
				}
				at := 0
				for _, c := range k.kept {
					if !bytes.Equal(c.Data, pattern[at:at+len(c.Data)]) {
						t.Fatalf("the chunk at %d has changed", at)
					}
					at += len(c.Data)
					c.Done()
				}
				if at == 0 {
					t.Error("no chunk was kept")
				}
			})
		})
	}
}

func TestIsZero(t *testing.T) {
	for _, size := range []int{0, 1, 100, backends.ChunkSize - 1, backends.ChunkSize, backends.ChunkSize + 1, 2*backends.ChunkSize + 7} {
		p := make([]byte, size)
		if !backends.IsZero(p) {
			t.Errorf("%d zeros are not zero", size)
		}
		for _, at := range []int{0, size / 2, size - 1} {
			if size == 0 {
				continue
			}
			p[at] = 1
			if backends.IsZero(p) {
				t.Errorf("%d bytes, not zero at %d, are zero", size, at)
			}
			p[at] = 0
		}
	}
}
