package backends

import "testing"

// TestBufferRefs: a buffer goes back to the pool when nobody needs it any
// more: the one who filled it, and each one who keeps a piece.
func TestBufferRefs(t *testing.T) {
	b := newBuffer()
	c := Chunk{Data: b.data[:0], buf: b}
	c.Keep()
	c.Keep()
	for _, step := range []struct {
		release func()
		left    int32
	}{
		{c.Done, 2}, {b.unref, 1}, {c.Done, 0},
	} {
		step.release()
		if got := b.refs.Load(); got != step.left {
			t.Errorf("%d references left, want %d", got, step.left)
		}
	}
	none := Chunk{Data: []byte("bytes")} // nobody's: nothing to count
	none.Keep()
	none.Done()
}
