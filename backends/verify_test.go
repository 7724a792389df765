package backends_test

import (
	"context"
	"io"
	"testing"
	"time"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// TestVerify compares an image with its digests, also while it changes.
func TestVerify(t *testing.T) {
	ctx := context.Background()
	data := []byte("bytes")
	right := func(r backends.Reader) backends.Reader { return r }
	none := func(*memory.Store) error { return nil }
	flip := func(r backends.Reader) backends.Reader { return flipped{r} }
	for _, test := range []struct {
		name   string
		odd    func(backends.Reader) backends.Reader
		during func(*memory.Store) error
		want   error
	}{
		{"right", right, none, nil},
		{"right, without a checksum", func(r backends.Reader) backends.Reader { return noChecksum{r} }, none, nil},
		{"other bytes, without a checksum", func(r backends.Reader) backends.Reader { return noChecksum{flipped{r}} }, none, backends.ErrMismatch},
		{"other bytes", flip, none, backends.ErrMismatch},
		{"other bytes, of an image that changed", flip,
			func(s *memory.Store) error { return s.SetMtime(ctx, "x", time.Unix(5, 0)) }, backends.ErrBusy},
		{"other bytes, of an image that was deleted", flip,
			func(s *memory.Store) error { return s.Delete(ctx, "x") }, backends.ErrBusy},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := memory.New("one", 0)
			img := opened(t, instance(t, oddStore{store, test.odd}), data)
			if err := test.during(store); err != nil {
				t.Fatal(err)
			}
			sums, err := img.Verify(ctx, io.Discard, "md5", "sha1")
			wantIs(t, err, test.want)
			if len(sums) != 3 || test.want == nil && sums["sha1"] != sha1Of(data) {
				t.Errorf("digests: %v", sums)
			}
		})
	}
	img := opened(t, instance(t, memory.New("one", 0)), data)
	_, err := img.Verify(ctx, io.Discard, "shake_128")
	wantIs(t, err, backends.ErrInvalid)
}
