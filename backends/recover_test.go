package backends_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// TestRecovers: a store that could only be read works when the reason has
// gone, is tried once a second at most and by one caller, and is closed when
// the last image that was open in it is.
func TestRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened, closed atomic.Int32
		var healthy atomic.Bool
		old, repaired := memory.New("one", 0), memory.New("one", 0)
		add(t, old, "there", []byte("bytes"))
		set := mustOpen(t, configure(t, "", "one:memory"), driver(func(backends.Opening) (backends.Store, error) {
			opened.Add(1)
			if healthy.Load() {
				return repaired, nil
			}
			return closing{old, func() error { closed.Add(1); return nil }}, fmt.Errorf("%w: no metadata", backends.ErrMisconfigured)
		}))
		in := set.Instances()[0]
		r, err := in.Open(t.Context(), "there")
		if err != nil {
			t.Fatal(err)
		}
		_, err = in.Add(t.Context(), "new")
		wantIs(t, err, backends.ErrMisconfigured)
		if got := opened.Load(); got != 1 {
			t.Errorf("opened %d times within a second", got)
		}

		healthy.Store(true)
		time.Sleep(time.Second)
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if err := in.Status(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if got := opened.Load(); got != 2 {
			t.Errorf("opened %d times, want 2", got)
		}
		put(t, in, "new", []byte("bytes"))
		if closed.Load() != 0 {
			t.Error("the old store was closed while an image was open in it")
		}
		if n, err := r.ReadAt(t.Context(), make([]byte, 5), 0); n != 5 || err != nil {
			t.Errorf("read from the old store: %d, %v", n, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if got := closed.Load(); got != 1 {
			t.Errorf("the old store was closed %d times", got)
		}
	})
}
