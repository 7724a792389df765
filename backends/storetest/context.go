package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"glancefs/backends"
)

var contextTests = []test{
	{name: "done before the call", run: contextDone},
	{name: "stalled", run: contextStalled, needs: []need{stall}},
	{name: "lost reply of a commit", run: contextLostReply, needs: []need{loseReply}},
}

// call is a call of a store, with what it is called in messages.
type call struct {
	name string
	do   func(ctx context.Context) error
}

// calls returns the calls of a store that ask its service, on images and
// writers of their own, prepared now.
func (s *suite) calls() []call {
	data := randomBytes(backends.ChunkSize, 1)
	for _, name := range []string{"a", "deleted", "renamed", "touched"} {
		s.add(name, data)
	}
	appended, committed, aborted := s.create("appended"), s.create("committed"), s.create("aborted")
	s.append(committed, data)
	s.append(aborted, data)
	reader := s.open("a")

	calls := []call{
		{"list", func(ctx context.Context) error {
			return s.store.List(ctx, func(backends.Image) error { return nil })
		}},
		{"stat", func(ctx context.Context) error { _, err := s.store.Stat(ctx, "a"); return err }},
		{"stat of what is not there", func(ctx context.Context) error { _, err := s.store.Stat(ctx, "missing"); return err }},
		{"open", func(ctx context.Context) error {
			r, err := s.store.Open(ctx, "a")
			if err != nil {
				return err
			}
			return r.Close()
		}},
		{"read", func(ctx context.Context) error {
			_, err := reader.ReadAt(ctx, make([]byte, 100), 0)
			return err
		}},
		{"create", func(ctx context.Context) error {
			w, err := s.store.Create(ctx, "created")
			if err != nil {
				return err
			}
			return w.Abort(ctx)
		}},
		{"append", func(ctx context.Context) error { return appended.Append(ctx, backends.Chunk{Data: data}) }},
		{"commit", func(ctx context.Context) error {
			_, err := committed.Commit(ctx, recordOf(data, time.Time{}))
			return err
		}},
		{"abort", aborted.Abort},
		{"delete", func(ctx context.Context) error { return s.store.Delete(ctx, "deleted") }},
	}
	return append(calls, s.optionalCalls()...)
}

// optionalCalls returns those of calls that not every store has.
func (s *suite) optionalCalls() []call {
	var calls []call
	if r, ok := backends.As[backends.Renamer](s.store); ok {
		calls = append(calls, call{"rename", func(ctx context.Context) error { return r.Rename(ctx, "renamed", "renamed-to") }})
	}
	if m, ok := backends.As[backends.MtimeSetter](s.store); ok {
		calls = append(calls, call{"set mtime", func(ctx context.Context) error { return m.SetMtime(ctx, "touched", time.Unix(1, 0)) }})
	}
	if h, ok := backends.As[backends.HealthTeller](s.store); ok {
		calls = append(calls, call{"health", h.Health})
	}
	if l, ok := backends.As[backends.LocalSampler](s.store); ok {
		calls = append(calls, call{"samples", func(ctx context.Context) error {
			return l.Samples(ctx, func(uintptr) error { return nil })
		}})
	}
	return calls
}

// contextDone makes each call with a context that is done: it is not begun.
func contextDone(s *suite) {
	calls := s.calls()
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	for _, c := range calls {
		s.want(c.name, c.do(ctx), context.Canceled)
	}
	s.wantImage("deleted", randomBytes(backends.ChunkSize, 1))
	s.wantGone("committed")
}

// contextStalled makes each call on a service that does not answer: it
// returns at its deadline, with that error unless it had no need to ask. When
// the service is back the store works, and nothing is left.
func contextStalled(s *suite) {
	calls := s.calls()
	release := s.cfg.Stall(s.t, s.store)
	defer release()
	var group sync.WaitGroup
	for _, c := range calls {
		group.Go(func() { s.stalled(c) })
	}
	for range 100 { // more than a store has places for
		group.Go(func() { s.stalled(calls[1]) })
	}
	group.Wait()
	release()

	data := randomBytes(backends.ChunkSize, 2)
	s.add("b", data)
	s.wantImage("b", data)
	s.wantImage("a", randomBytes(backends.ChunkSize, 1))
}

// stalled makes a call that hangs, from any goroutine, with a deadline.
func (s *suite) stalled(c call) {
	ctx, cancel := context.WithTimeout(s.ctx, 50*time.Millisecond)
	defer cancel()
	returned := make(chan error, 1)
	go func() { returned <- c.do(ctx) }()
	select {
	case err := <-returned:
		unknown := c.name == "commit" && errors.Is(err, backends.ErrUnknown)
		if err != nil && !unknown && !errors.Is(err, context.DeadlineExceeded) {
			s.Errorf("%s, stalled until its deadline: %v", c.name, err)
		}
	case <-time.After(patience):
		s.Errorf("%s did not return at its deadline", c.name)
	}
}

// contextLostReply loses the reply of a commit: the outcome is unknown, and
// asking tells it. An abort does not undo it.
func contextLostReply(s *suite) {
	data := randomBytes(1000, 1)
	w := s.create("a")
	s.append(w, data)
	lost, release := s.cfg.LoseReply(s.t, s.store)
	defer release()
	ctx, cancel := context.WithCancel(s.ctx)
	go func() {
		<-lost
		cancel()
	}()
	_, err := w.Commit(ctx, recordOf(data, time.Time{}))
	s.want("commit without a reply", err, backends.ErrUnknown)
	release()
	s.must("abort", w.Abort(s.ctx))
	s.wantImage("a", data)
}
