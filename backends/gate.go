package backends

import "context"

// Gate runs calls that know no context (a system call on a dead NFS server,
// a librbd call) so that their callers need not wait for ever: a caller goes
// when its context is done, the call goes on in its goroutine and keeps its
// place. At most as many calls as the gate has places run at once; that
// bounds the threads which a dead store can hold.
type Gate struct {
	places chan struct{}
}

// NewGate makes a gate of n places.
func NewGate(n int) *Gate { return &Gate{places: make(chan struct{}, n)} }

// Pass runs fn in the gate. If ctx is done first, it returns ctx's error;
// when fn ends later, late is called with its result (nil: nothing needs to
// be given back).
func Pass[T any](ctx context.Context, g *Gate, fn func() (T, error), late func(T)) (T, error) {
	var none T
	if ctx.Err() != nil { // with a place free, the select below might take it
		return none, context.Cause(ctx)
	}
	select {
	case g.places <- struct{}{}:
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result)
	go func() {
		defer func() { <-g.places }()
		value, err := fn()
		select {
		case done <- result{value, err}:
		case <-ctx.Done():
			if err == nil && late != nil {
				late(value)
			}
		}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// Do is Pass for a call without a result.
func (g *Gate) Do(ctx context.Context, fn func() error) error {
	_, err := Pass(ctx, g, func() (struct{}, error) { return struct{}{}, fn() }, nil)
	return err
}

// Busy tells how many calls are under way.
func (g *Gate) Busy() int { return len(g.places) }
