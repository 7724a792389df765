package backends

import (
	"context"
	"fmt"

	"glancefs/digest"
)

// Read hands the length bytes at off to fn, in pieces of at most ChunkSize in
// order, fewer if the image ends before. fn must not keep a piece. It ends
// with fn's error if fn returns one.
func (o *Opened) Read(ctx context.Context, off, length int64, fn func(p []byte) error) error {
	return o.pieces(ctx, off, length, func(b *buffer) error {
		defer b.unref()
		return fn(b.data)
	})
}

// Verify hands the whole image to fn as Read does, computes its md5 and the
// digests in algos, and compares size, checksum and multihash with the record,
// if there is one: ErrMismatch. The result is the digests by algorithm, also
// with ErrMismatch.
func (o *Opened) Verify(ctx context.Context, algos []string, fn func(p []byte) error) (map[string]string, error) {
	img := o.Image()
	algos = append([]string{"md5"}, algos...)
	if img.Record != nil && digest.Check(img.Record.HashingAlgo) == nil {
		algos = append(algos, img.Record.HashingAlgo)
	}
	stream, err := digest.NewStream(algos...)
	if err != nil {
		return nil, o.in.fail("verify", o.name, fmt.Errorf("%w: %w", ErrInvalid, err))
	}
	defer stream.Stop()
	var size int64
	err = o.pieces(ctx, 0, img.Size, func(b *buffer) error {
		size += int64(len(b.data))
		b.refs.Add(1)
		stream.Write(b.data, b.unref)
		defer b.unref()
		return fn(b.data)
	})
	if err != nil {
		return nil, err
	}
	sums := stream.Sums()
	return sums, o.in.fail("verify", o.name, compare(img, size, sums))
}

// pieces reads pieces in order and gives them to fn, which unrefs them. The
// buffer of a read that fails is not used again: a read that hangs may still
// write to it.
func (o *Opened) pieces(ctx context.Context, off, length int64, fn func(*buffer) error) error {
	for length > 0 {
		b := newBuffer()
		n, err := o.ReadAt(ctx, b.data[:min(length, ChunkSize)], off)
		if err != nil {
			return err
		}
		if n == 0 {
			b.unref()
			return nil
		}
		b.data = b.data[:n]
		if err := fn(b); err != nil {
			return err
		}
		off, length = off+int64(n), length-int64(n)
	}
	return nil
}

// compare compares what was read with what the image's record says.
func compare(img Image, size int64, sums map[string]string) error {
	if size != img.Size {
		return fmt.Errorf("%w: its size is %d bytes, and %d were read", ErrMismatch, img.Size, size)
	}
	r := img.Record
	if r == nil {
		return nil
	}
	for _, d := range []struct{ what, algo, want string }{
		{"checksum", "md5", r.Checksum},
		{"multihash", r.HashingAlgo, r.Multihash},
	} {
		if got, computed := sums[d.algo]; computed && got != d.want {
			return fmt.Errorf("%w: its recorded %s (%s) is %s, what was read has %s", ErrMismatch, d.what, d.algo, d.want, got)
		}
	}
	return nil
}
