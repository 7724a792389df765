package backends

import (
	"context"
	"errors"
	"slices"
	"time"
)

// attempt is what came of opening a store.
type attempt struct {
	store  Store   // nil: can't even be read
	faults []error // what the driver said: another attempt may find it gone

	// Guarded by Instance.mu.
	users   int
	retired bool // another attempt has taken its place
}

const (
	// retryPause is the least time between two attempts to open a store: a
	// loop over its images must not become one over the service's login.
	retryPause = time.Second

	// retryWait is how long a call waits for an attempt that is under way
	// before it goes on with what there is. Opening a healthy datadir takes
	// less than a millisecond.
	retryWait = time.Second
)

// enter returns the store to be used for one call or an open image; leave
// gives it back. If the store could not be opened as configured, it is
// tried again first, as nobody tells when the reason has gone.
func (in *Instance) enter(ctx context.Context) *attempt {
	if done := in.retry(); done != nil {
		wait := time.NewTimer(retryWait)
		defer wait.Stop()
		select {
		case <-done:
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.current.users++
	return in.current
}

func (in *Instance) leave(at *attempt) {
	in.mu.Lock()
	at.users--
	unused := at.retired && at.users == 0
	in.mu.Unlock()
	if unused {
		in.closeRetired(at)
	}
}

// retry starts an attempt to open the store if one is due. It returns a
// channel that is closed at the end of the one under way, nil if there is
// none.
func (in *Instance) retry() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.current.faults) == 0 || in.closed {
		return nil
	}
	if in.retrying == nil && time.Since(in.tried) >= retryPause {
		in.retrying = make(chan struct{})
		go in.openAgain(in.retrying)
	}
	return in.retrying
}

// openAgain makes one attempt. It takes the place of the last one, unless
// that could be read and this one can't.
func (in *Instance) openAgain(done chan struct{}) {
	defer close(done)
	at := in.open(in.life)

	in.mu.Lock()
	old := in.current
	if at.store == nil && old.store != nil {
		at, old = old, at
	}
	in.current = at
	old.retired = true
	unused := old.users == 0
	in.retrying, in.tried = nil, time.Now()
	in.mu.Unlock()

	if len(at.faults) == 0 {
		in.log.Info("what was wrong with the store has gone")
	}
	if unused {
		in.closeRetired(old)
	}
}

// closeRetired closes a store that another attempt has replaced and nobody
// uses any more.
func (in *Instance) closeRetired(at *attempt) {
	if at.store == nil {
		return
	}
	if err := at.store.Close(); err != nil {
		in.log.WithError(err).Warn("close of the store as it was before it was opened again")
	}
}

// latest returns the attempt that holds now, to look at and not to use.
func (in *Instance) latest() *attempt {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.current
}

// faultsOf returns the faults of the configuration, then those of opening.
func (in *Instance) faultsOf(at *attempt) []error {
	return slices.Concat(in.faults, at.faults)
}

// close closes the store; an attempt that is under way ends first.
func (in *Instance) close() error {
	in.mu.Lock()
	in.closed = true
	retrying := in.retrying
	in.mu.Unlock()
	in.end()
	if retrying != nil {
		<-retrying
	}
	store := in.latest().store
	if store == nil {
		return nil
	}
	return in.fail("close", "", store.Close())
}

// split makes a list of an error that may be several joined ones.
func split(err error) []error {
	if err == nil {
		return nil
	}
	many, ok := err.(interface{ Unwrap() []error })
	// fmt.Errorf with two %w has the same method, but it is one fault.
	if !ok || err.Error() != errors.Join(many.Unwrap()...).Error() {
		return []error{err}
	}
	var all []error
	for _, e := range many.Unwrap() {
		all = append(all, split(e)...)
	}
	return all
}
