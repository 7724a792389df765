package memory_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"glancefs/backends"
	"glancefs/backends/memory"
	"glancefs/backends/storetest"
)

var stores atomic.Int64 // made so far: each has a name of its own

func newStore(t *testing.T, limit int64) backends.Store {
	t.Helper()
	s := memory.New(fmt.Sprintf("store-%d", stores.Add(1)), limit)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Config{
		New:    func(t *testing.T) backends.Store { return newStore(t, 0) },
		Reopen: func(_ *testing.T, s backends.Store) backends.Store { return s },
		Full:   func(t *testing.T) backends.Store { return newStore(t, 1<<20) },
		Change: func(_ *testing.T, s backends.Store, name string) {
			s.(*memory.Store).Replace(name, make([]byte, 1000), time.Unix(1, 1))
		},
		Stall:     stall,
		LoseReply: loseReply,
	})
}

// stall lets every call hang. Like a system call, it goes on when its caller
// has gone.
func stall(_ *testing.T, s backends.Store) func() {
	back := make(chan struct{})
	s.(*memory.Store).SetFault(func(ctx context.Context, op, _ string, call func() error) error {
		select {
		case <-back:
			return call()
		case <-ctx.Done():
		}
		go func() {
			<-back
			_ = call() // its caller has gone
		}()
		if op == "commit" {
			return fmt.Errorf("%w: %w", backends.ErrUnknown, context.Cause(ctx))
		}
		return context.Cause(ctx)
	})
	return sync.OnceFunc(func() { close(back) })
}

// loseReply lets a commit end as if it had not been heard of.
func loseReply(_ *testing.T, s backends.Store) (<-chan struct{}, func()) {
	store, lost := s.(*memory.Store), make(chan struct{})
	store.SetFault(func(ctx context.Context, op, _ string, call func() error) error {
		err := call()
		if op != "commit" {
			return err
		}
		close(lost)
		<-ctx.Done()
		return backends.ErrUnknown
	})
	return lost, func() { store.SetFault(nil) }
}
