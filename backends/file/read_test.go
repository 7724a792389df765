package file

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestTruncated truncates an image under its reader: what is missing is an
// error, not the end.
func TestTruncated(t *testing.T) {
	dir := t.TempDir()
	s := in(dir).must(t)
	add(t, s, "a", []byte("hello"))
	r, err := s.Open(unlimited, "a")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := os.Truncate(filepath.Join(dir, "a"), 2); err != nil {
		t.Fatal(err)
	}
	if n, err := r.ReadAt(unlimited, make([]byte, 5), 0); n != 2 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %d bytes, %v, want 2 and ErrUnexpectedEOF", n, err)
	}
}
