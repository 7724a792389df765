package readahead

import "context"

// View returns the n bytes at off, or up to the end of the image, without a
// copy: they stay as they are until done is called, which must be. It is nil
// if they are not all in one piece; ReadAt puts them together then.
func (r *Reader) View(ctx context.Context, n, off int64) (p []byte, done func(), err error) {
	end := min(off+n, r.cfg.Size)
	held := r.beginWhole(off, end)
	if held == nil {
		return nil, nil, nil
	}
	whole := held[0]
	done = func() { r.done(held) }
	if err = whole.wait(ctx); err == nil && whole.err == nil {
		r.took(whole, end-off)
		return (*whole.buf)[off-whole.off : end-whole.off], done, nil
	}
	if err == nil {
		p = make([]byte, end-off)
		_, err = r.fetch(ctx, p, off)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return p, done, nil
}

// beginWhole is begin for a read of which one piece has everything; nil if
// none has.
func (r *Reader) beginWhole(off, end int64) []*piece {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, there := r.find(off)
	if !there || off >= end || r.pieces[i].end < end {
		return nil
	}
	held := r.hold(off, end)
	if len(held) == 0 { // that was of a run which the reader has left by this read
		r.reading--
		return nil
	}
	return held
}
