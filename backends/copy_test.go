package backends_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// oddStore opens its images as the Reader that odd makes of the right one.
type oddStore struct {
	backends.Store
	odd func(backends.Reader) backends.Reader
}

func (s oddStore) Open(ctx context.Context, name string) (backends.Reader, error) {
	r, err := s.Store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.odd(r), nil
}

// flipped reads another last byte than was written.
type flipped struct{ backends.Reader }

func (r flipped) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := r.Reader.ReadAt(ctx, p, off)
	if n > 0 && off+int64(n) == r.Image().Size {
		p[n-1] ^= 1
	}
	return n, err
}

// short has one byte less than it tells.
type short struct{ backends.Reader }

func (r short) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	return r.Reader.ReadAt(ctx, p[:min(int64(len(p)), r.Image().Size-1-off)], off)
}

// noChecksum is published with a multihash only.
type noChecksum struct{ backends.Reader }

func (r noChecksum) Image() backends.Image {
	img := r.Reader.Image()
	record := *img.Record
	record.Checksum = ""
	img.Record = &record
	return img
}

// bare carries no digests, and is flipped.
type bare struct{ flipped }

func (r bare) Image() backends.Image {
	img := r.flipped.Image()
	img.Record = nil
	return img
}

func TestCopyTo(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef!"), backends.ChunkSize/8) // 2 chunks and a piece
	size := int64(len(data))
	right := func(r backends.Reader) backends.Reader { return r }
	flip := func(r backends.Reader) backends.Reader { return flipped{r} }
	for _, test := range []struct {
		name        string
		odd         func(backends.Reader) backends.Reader
		off, length int64
		end         int64 // of what comes
		want        error
	}{
		{"whole", right, 0, -1, size, nil},
		{"whole by length", right, 0, size, size, nil},
		{"longer than it is", right, 5, size, size, nil},
		{"over the edge of a chunk", right, backends.ChunkSize - 1, 2, backends.ChunkSize + 1, nil},
		{"nothing", right, 3, 0, 3, nil},
		{"at the end", right, size, -1, size, nil},
		{"beyond the end", right, size + 1, -1, size + 1, backends.ErrInvalid},
		{"negative offset", right, -1, -1, -1, backends.ErrInvalid},
		{"negative length", right, 0, -2, 0, backends.ErrInvalid},
		{"other bytes", flip, 0, -1, -1, backends.ErrMismatch},
		{"other bytes, by length", flip, 0, size + 1, -1, backends.ErrMismatch},
		{"a part is not checked", flip, 0, size - 1, size - 1, nil},
		{"ends early", func(r backends.Reader) backends.Reader { return short{r} }, 0, -1, -1, io.ErrUnexpectedEOF},
		{"no digests", func(r backends.Reader) backends.Reader { return bare{flipped{r}} }, 0, -1, -1, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := instance(t, oddStore{memory.New("one", 0), test.odd})
			img := opened(t, in, data)
			var got bytes.Buffer
			wantIs(t, img.CopyTo(context.Background(), &got, test.off, test.length), test.want)
			if test.want == nil && test.end >= 0 && !bytes.Equal(got.Bytes(), data[test.off:test.end]) {
				t.Errorf("%d bytes came, or other ones; want those from %d to %d", got.Len(), test.off, test.end)
			}
		})
	}
}

// What the receiver of the bytes returns is no error of the store.
func TestCopyToFullDisk(t *testing.T) {
	img := opened(t, instance(t, memory.New("one", 0)), []byte("bytes"))
	full := errors.New("disk full")
	r, w := io.Pipe()
	r.CloseWithError(full)
	if err := img.CopyTo(context.Background(), w, 0, -1); err != full {
		t.Errorf("error %v, want %v", err, full)
	}
}

// opened adds an image and opens it.
func opened(t *testing.T, in *backends.Instance, data []byte) *backends.Opened {
	t.Helper()
	a := begin(t, in, "x")
	if err := a.Write(data); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Commit(now); err != nil {
		t.Fatal(err)
	}
	img, err := in.Open(context.Background(), "x")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := img.Close(); err != nil {
			t.Error(err)
		}
	})
	return img
}
