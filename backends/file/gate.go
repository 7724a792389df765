package file

import (
	"context"
	"fmt"
	"sync/atomic"

	"glancefs/backends"
)

// pass runs a call that moves no data in the store's gate, for at most
// filesystem_store_timeout; see backends.Pass.
func pass[T any](ctx context.Context, s *Store, fn func() (T, error), late func(T)) (T, error) {
	if s.timeout > 0 {
		slow := fmt.Errorf("the datadir did not answer within filesystem_store_timeout = %v: %w", s.timeout, context.DeadlineExceeded)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.timeout, slow)
		defer cancel()
	}
	return passData(ctx, s, fn, late)
}

// passData is pass for a call that moves data and may take longer.
func passData[T any](ctx context.Context, s *Store, fn func() (T, error), late func(T)) (T, error) {
	if ctx.Err() != nil {
		var none T
		return none, context.Cause(ctx)
	}
	s.warnCrowded()
	return backends.Pass(ctx, s.gate, fn, late)
}

// do is pass for a call without a result.
func (s *Store) do(ctx context.Context, fn func() error) error {
	_, err := pass(ctx, s, func() (struct{}, error) { return struct{}{}, fn() }, nil)
	return err
}

// progress says how far a call in the gate came before its caller returned.
type progress int

const (
	notBegun   progress = iota // and never will be
	unfinished                 // it goes on
	finished
)

// doData runs a call that moves data in the gate, and tells whether it was
// begun at all and whether the error is its own.
func (s *Store) doData(ctx context.Context, fn func() error) (progress, error) {
	var taken atomic.Bool // by fn, or by its caller that gave up first
	done, err := passData(ctx, s, func() (bool, error) {
		if taken.Swap(true) {
			return false, nil
		}
		return true, fn()
	}, nil)
	switch {
	case done:
		return finished, err
	case taken.Swap(true):
		return unfinished, err
	}
	return notBegun, err
}

// warnCrowded warns when filesystem_store_threadpool_threshold is passed, and
// again only after the gate was emptier.
func (s *Store) warnCrowded() {
	busy := s.gate.Busy()
	crowded := busy*100 > s.threads*s.warnPercent
	if was := s.crowded.Swap(crowded); crowded && !was {
		s.log.Warnf("%d of %d system calls on the store are under way (filesystem_store_threadpool_threshold = %d%%): it may hang", busy, s.threads, s.warnPercent)
	}
}
