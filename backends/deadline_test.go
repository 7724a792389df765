package backends_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// hang lets the calls of some operations hang until their context ends; no
// operation means all.
func hang(ops ...string) memory.Fault {
	return func(ctx context.Context, op, _ string, call func() error) error {
		for _, o := range ops {
			if o == op {
				<-ctx.Done()
				return context.Cause(ctx)
			}
		}
		if len(ops) > 0 {
			return call()
		}
		<-ctx.Done()
		return context.Cause(ctx)
	}
}

// took checks how long something took, in the time of the bubble.
func took(t *testing.T, what string, since time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(since); got != want {
		t.Errorf("%s took %v, want %v", what, got, want)
	}
}

// TestDeadline: every call on a store that hangs ends with request_timeout.
func TestDeadline(t *testing.T) {
	for _, c := range calls {
		switch c.op {
		case "space", "location", "metadata":
			continue // the store in memory answers these by itself
		}
		t.Run(c.op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memory.New("one", 0)
				add(t, store, "there", nil)
				store.SetFault(hang())
				in := instance(t, store, "request_timeout = 3")
				image := ""
				if c.image {
					image = "there"
				}
				start := time.Now()
				err := c.do(t.Context(), in, image)
				took(t, c.op, start, 3*time.Second)
				wantIs(t, err, context.DeadlineExceeded)
				wantError(t, err, c.op, image)
			})
		})
	}
}

// TestDeadlineOfOpen: so do the reads of an image that is open.
func TestDeadlineOfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New("one", 0)
		add(t, store, "there", []byte("bytes"))
		in := instance(t, store) // 20 s, the default
		r, err := in.Open(t.Context(), "there")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		store.SetFault(hang("read"))
		start := time.Now()
		_, err = r.ReadAt(t.Context(), make([]byte, 5), 0)
		took(t, "read", start, 20*time.Second)
		wantIs(t, err, context.DeadlineExceeded)
		wantError(t, err, "read", "there")

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start = time.Now()
		_, err = r.ReadAt(ctx, make([]byte, 5), 0)
		took(t, "read of a caller who goes", start, time.Second)
		wantIs(t, err, context.Canceled)
	})
}

// TestDeadlineKeepsDefault: a request_timeout that is nonsense is a fault,
// and reads still have the default's time.
func TestDeadlineKeepsDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New("one", 0)
		store.SetFault(hang())
		in := instance(t, store, "request_timeout = soon")
		if len(in.Faults()) != 1 {
			t.Errorf("faults: %v", in.Faults())
		}
		start := time.Now()
		_, err := in.Stat(t.Context(), "there")
		took(t, "stat", start, 20*time.Second)
		wantIs(t, err, context.DeadlineExceeded)
	})
}

// TestDeadStoreAlone: a store that hangs does not delay another one.
func TestDeadStoreAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead, good := memory.New("dead", 0), memory.New("good", 0)
		set := mustOpen(t, configure(t, "", "dead:memory", "good:memory"), driver(func(in backends.Opening) (backends.Store, error) {
			if in.Name == "dead" {
				return dead, nil
			}
			return good, nil
		}))
		dead.SetFault(hang())
		for range 100 {
			go func() { _, _ = set.Instances()[0].Stat(t.Context(), "image") }()
		}
		synctest.Wait()
		start := time.Now()
		put(t, set.Instances()[1], "image", []byte("bytes"))
		if _, err := set.Instances()[1].Stat(t.Context(), "image"); err != nil {
			t.Error(err)
		}
		took(t, "an add and a stat", start, 0)
		time.Sleep(time.Minute) // of the bubble: the hundred end
	})
}

// sick is a store that says how it is.
type sick struct {
	backends.Store
	health func(context.Context) error
}

func (s sick) Health(ctx context.Context) error { return s.health(ctx) }

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		health := func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		in := instance(t, sick{memory.New("one", 0), health}, "request_timeout = 3")
		start := time.Now()
		wantIs(t, in.Status(t.Context()), context.DeadlineExceeded)
		took(t, "status", start, 3*time.Second)

		in = instance(t, sick{memory.New("one", 0), func(context.Context) error { return backends.ErrUnavailable }})
		wantIs(t, in.Status(t.Context()), backends.ErrUnavailable)

		in = instance(t, sick{memory.New("one", 0), health}, "weight = heavy")
		if err := in.Status(t.Context()); err == nil || err.Error() != in.Faults()[0].Error() {
			t.Errorf("status of a misconfigured store: %v", err)
		}
	})
}
