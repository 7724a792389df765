package backends

import (
	"context"
	"fmt"
	"io"

	"glancefs/digest"
)

// CopyTo writes length bytes of the image from off on to w; length -1 means
// all to the end, and where the image ends sooner, it is what there is. A
// whole image that carries digests is hashed on the way and compared with
// its multihash: ErrMismatch, after the last byte was written. What w
// returns is returned as it is.
func (o *Opened) CopyTo(ctx context.Context, w io.Writer, off, length int64) error {
	img := o.Image()
	switch {
	case off < 0 || length < -1:
		return o.in.fail("get", o.name, fmt.Errorf("%w: a negative range", ErrInvalid))
	case off > img.Size:
		return o.in.fail("get", o.name, fmt.Errorf("%w: offset %d is beyond the end (%d bytes)", ErrInvalid, off, img.Size))
	}
	end := img.Size
	if length >= 0 && length < end-off {
		end = off + length
	}
	if off > 0 || end < img.Size || img.Record == nil {
		return o.copyRange(ctx, w, nil, off, end)
	}
	_, err := o.verify(ctx, "get", w)
	return err
}

// Verify writes the whole image to w, computes its digests in algos, and
// compares its multihash, and where md5 is one of algos its checksum, with
// the record, if there is one: ErrMismatch, or ErrBusy if the image was
// changed meanwhile. The result is the digests by algorithm, also then.
func (o *Opened) Verify(ctx context.Context, w io.Writer, algos ...string) (map[string]string, error) {
	return o.verify(ctx, "verify", w, algos...)
}

// verify is Verify for the operation op, as errors name it.
func (o *Opened) verify(ctx context.Context, op string, w io.Writer, algos ...string) (map[string]string, error) {
	img := o.Image()
	r := img.Record
	if r != nil && digest.Check(r.HashingAlgo) == nil { // unknown here: nothing to compare with
		algos = append([]string{r.HashingAlgo}, algos...)
	}
	stream, err := digest.NewStream(algos...)
	if err != nil {
		return nil, o.in.fail(op, o.name, fmt.Errorf("%w: %w", ErrInvalid, err))
	}
	defer stream.Stop()
	if err := o.copyRange(ctx, w, stream, 0, img.Size); err != nil {
		return nil, err
	}
	sums := stream.Sums()
	err = r.compare(sums)
	if err != nil && o.changed(ctx) {
		err = fmt.Errorf("%w: it was changed or deleted while it was read", ErrBusy)
	}
	return sums, o.in.fail(op, o.name, err)
}

// changed tells whether the image is no longer what was opened.
func (o *Opened) changed(ctx context.Context) bool {
	now, err := o.in.Stat(ctx, o.name)
	return err != nil || !now.SameAs(o.Image())
}

// compare compares digests that were computed with those of a record.
func (r *Record) compare(sums map[string]string) error {
	if r == nil {
		return nil
	}
	for _, kept := range []struct{ algo, sum string }{{r.HashingAlgo, r.Multihash}, {"md5", r.Checksum}} {
		if got, computed := sums[kept.algo]; computed && kept.sum != "" && got != kept.sum {
			return fmt.Errorf("%w: its recorded %s is %s, what was read has %s", ErrMismatch, kept.algo, kept.sum, got)
		}
	}
	return nil
}

// copyRange copies the bytes from off to end, to the hashes too if there are
// any.
func (o *Opened) copyRange(ctx context.Context, w io.Writer, sums *digest.Stream, off, end int64) error {
	for off < end {
		b := newBuffer()
		want := min(end-off, ChunkSize)
		n, err := o.ReadAt(ctx, b.data[:want], off)
		if err == nil && int64(n) < want {
			err = o.in.fail("read", o.name, fmt.Errorf("at %d: %w", off+int64(n), io.ErrUnexpectedEOF))
		}
		if err != nil {
			return err // the buffer may be the store's for ever: see Reader
		}
		b.data = b.data[:n]
		if _, err := w.Write(b.data); err != nil {
			b.unref()
			return err
		}
		off += int64(n)
		if sums != nil {
			sums.Write(b.data, b.unref)
		} else {
			b.unref()
		}
	}
	return nil
}
