package backends_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// TestAddFull: the write that meets a full store gets the answer, however
// small it is, and the image leaves nothing.
func TestAddFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit, step = 100_000, 1000
		store := memory.New("one", limit)
		in := instance(t, store)
		a := begin(t, in, "image")
		for i := range limit / step {
			if err := a.Write(make([]byte, step)); err != nil {
				t.Fatalf("write %d: %v", i, err)
			}
		}
		err := a.Write([]byte{1})
		wantIs(t, err, backends.ErrFull)
		wantError(t, err, "add", "image")
		if err := a.Abort(); err != nil {
			t.Fatal(err)
		}
		if space, _ := store.Space(t.Context()); space.Free != limit {
			t.Errorf("space left: %+v", space)
		}
	})
}

// TestAddContext: an add ends with its context, not with that of a request.
func TestAddContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New("one", 1<<20)
		in := instance(t, store)
		ctx, cancel := context.WithCancel(t.Context())
		a, err := in.Add(ctx, "image")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // longer than any deadline of a request
		if err := a.Write([]byte("bytes")); err != nil {
			t.Fatal(err)
		}
		cancel()
		err = a.Write([]byte("more"))
		wantIs(t, err, context.Canceled)
		wantError(t, err, "add", "image")
		_, err = a.Commit(now)
		wantIs(t, err, context.Canceled)
		wantNames(t, store)
		if space, _ := store.Space(t.Context()); space.Free != 1<<20 {
			t.Errorf("space left: %+v", space)
		}
	})
}

// TestAddPastDeadline: a write has the deadline of a request, each one anew.
func TestAddPastDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New("one", 0)
		in := instance(t, store)
		a := begin(t, in, "image")
		slow := func(_ context.Context, op, _ string, call func() error) error {
			if op == "append" {
				time.Sleep(15 * time.Second)
			}
			return call()
		}
		store.SetFault(slow)
		for range 4 {
			if err := a.Write([]byte("bytes")); err != nil {
				t.Fatal(err)
			}
		}
		store.SetFault(hang("append"))
		start := time.Now()
		err := a.Write([]byte("bytes"))
		took(t, "write", start, 20*time.Second)
		wantIs(t, err, context.DeadlineExceeded)
		wantError(t, err, "add", "image")
		store.SetFault(hang("abort"))
		start = time.Now()
		err = a.Abort()
		took(t, "abort", start, 20*time.Second)
		wantError(t, err, "abort", "image")
		if err != nil && !strings.HasPrefix(err.Error(), "abort one/image: ") {
			t.Errorf("text %q", err)
		}
		store.SetFault(nil)
	})
}
