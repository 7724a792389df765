package storetest

import (
	"context"
	"errors"
	"time"

	"glancefs/backends"
)

var abortTests = []test{
	{name: "at any time", run: abortAnyTime},
	{name: "ends the add", run: abortEnds},
	{name: "after the commit", run: abortAfterCommit},
	{name: "during an append", run: abortDuringAppend},
	{name: "after a cancelled append", run: abortAfterCancel},
	{name: "after a cancelled commit", run: abortAfterCancelledCommit},
}

// abortAnyTime aborts adds that have come far or not at all, twice; the
// name is free each time.
func abortAnyTime(s *suite) {
	data := randomBytes(2*backends.ChunkSize+100, 1)
	for _, length := range []int{0, 1, backends.ChunkSize, len(data)} {
		w := s.create("a")
		s.append(w, data[:length])
		s.must("abort", w.Abort(s.ctx))
		s.wantAbsent("a")
		s.must("abort again", w.Abort(s.ctx))
	}
	s.add("a", data)
	s.wantImage("a", data)
}

func abortEnds(s *suite) {
	data := randomBytes(1000, 2)
	w := s.create("a")
	s.append(w, data)
	s.must("abort", w.Abort(s.ctx))
	if err := w.Append(s.ctx, backends.Chunk{Data: data}); err == nil {
		s.Error("append after abort: no error")
	}
	if _, err := w.Commit(s.ctx, recordOf(data, time.Time{})); err == nil {
		s.Error("commit after abort: no error")
	}
	s.wantAbsent("a")
}

func abortAfterCommit(s *suite) {
	data := randomBytes(1000, 3)
	w := s.create("a")
	s.append(w, data)
	s.commit(w, data)
	if err := w.Append(s.ctx, backends.Chunk{Data: data}); err == nil {
		s.Error("append after commit: no error")
	}
	if _, err := w.Commit(s.ctx, recordOf(data, time.Time{})); err == nil {
		s.Error("commit after commit: no error")
	}
	s.must("abort after commit", w.Abort(s.ctx))
	s.wantImage("a", data)
}

// abortDuringAppend aborts while another goroutine appends: its Append
// fails, and nothing is left.
func abortDuringAppend(s *suite) {
	for range s.cfg.times(10) {
		w := s.create("a")
		failed := make(chan error, 1)
		begun := make(chan struct{})
		go func() {
			chunk := backends.Chunk{Data: make([]byte, 1000)}
			err := w.Append(s.ctx, chunk)
			close(begun)
			for err == nil {
				err = w.Append(s.ctx, chunk)
			}
			failed <- err
		}()
		<-begun
		s.must("abort", w.Abort(s.ctx))
		if err := <-failed; errors.Is(err, context.DeadlineExceeded) {
			s.Fatalf("appends went on after an abort, until %v", err)
		}
		s.wantAbsent("a")
	}
}

// abortAfterCancel cancels an append; whether it was stored or not, nothing
// is left after the abort.
func abortAfterCancel(s *suite) {
	w := s.create("a")
	s.append(w, randomBytes(backends.ChunkSize, 4))
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	s.want("append with a cancelled context", w.Append(ctx, backends.Chunk{Data: make([]byte, 1000)}), context.Canceled)
	s.must("abort", w.Abort(s.ctx))
	s.wantAbsent("a")
}

func abortAfterCancelledCommit(s *suite) {
	data := randomBytes(backends.ChunkSize, 5)
	w := s.create("a")
	s.append(w, data)
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	_, err := w.Commit(ctx, recordOf(data, time.Time{}))
	s.want("commit with a cancelled context", err, context.Canceled)
	s.wantAbsent("a")
	s.must("abort", w.Abort(s.ctx))
	s.wantAbsent("a")
}
