package readahead_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"glancefs/backends/readahead"
)

// step is one read of the model test, and what comes before it.
type step struct {
	off, length int64
	pause       time.Duration
	parallel    bool          // the next one does not wait for it
	deadline    time.Duration // the caller's; 0: none
}

// drawSteps makes reads of which many follow each other.
func drawSteps(t *rapid.T, size int64) []step {
	var at int64
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		s := step{
			length:   rapid.SampledFrom([]int64{1, 4096, 100_000, 128 * kib, mib}).Draw(t, "length"),
			parallel: rapid.Bool().Draw(t, "parallel"),
			pause:    rapid.SampledFrom([]time.Duration{0, 0, 0, time.Millisecond, 6 * time.Second}).Draw(t, "pause"),
			deadline: rapid.SampledFrom([]time.Duration{0, 0, 0, time.Millisecond, time.Second}).Draw(t, "deadline"),
		}
		switch rapid.IntRange(0, 9).Draw(t, "jump") {
		case 0:
			at = rapid.Int64Range(0, size+10).Draw(t, "off")
		case 1:
			at = max(at-rapid.Int64Range(0, 2*mib).Draw(t, "back"), 0)
		}
		s.off = at
		at += s.length
		return s
	}), 1, 100).Draw(t, "steps")
}

// TestModel: any reads, with any faults of the store, give the bytes of the
// image or that fault.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newServer(rapid.Int64Range(0, 16*mib).Draw(rt, "size"))
		every := rapid.IntRange(1, 10).Draw(rt, "faults")
		s.fault = func(ctx context.Context, q request) (int, error, bool) {
			switch n := (q.off + q.end) / 4096; {
			case n%int64(every) > 0 || every == 1:
				return 0, nil, false
			case n%3 == 0:
				return int(q.size() / 2), nil, true
			case n%3 == 1:
				<-ctx.Done()
				return 0, ctx.Err(), true
			}
			return 0, errBroken, true
		}
		steps := drawSteps(rt, s.size)
		var errs []error
		synctest.Test(t, func(t *testing.T) { errs = s.run(t, steps, every > 1) })
		for _, err := range errs {
			rt.Error(err)
		}
	})
}

// run makes the reads and returns what was wrong.
func (s *server) run(t *testing.T, steps []step, mayFail bool) (errs []error) {
	var mu sync.Mutex
	wrong := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, fmt.Errorf(format, args...))
	}
	share := readahead.NewBudget(6*mib, mib).Share()
	r := s.open(t, share)
	var wg sync.WaitGroup
	for _, st := range steps {
		time.Sleep(st.pause)
		read := func() {
			limit := st.deadline
			if limit == 0 {
				limit = 2 * timeout
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			p, done, err := get(ctx, r, st.length, st.off)
			if err == nil {
				defer done()
				time.Sleep(st.pause) // while it is held
			}
			want := random()[min(st.off, s.size):min(st.off+st.length, s.size)]
			switch {
			case err == nil && !bytes.Equal(p, want):
				wrong("%+v: %d bytes that are not the image's", st, len(p))
			case err != nil && !mayFail && !errors.Is(err, context.DeadlineExceeded):
				wrong("%+v: %v", st, err)
			case err != nil && !mayFail && st.deadline == 0:
				wrong("%+v: %v without a deadline", st, err)
			}
		}
		if st.parallel {
			wg.Go(read)
		} else {
			read()
		}
	}
	wg.Wait()
	r.Close()
	if used := share.Used(); used != 0 {
		wrong("%d bytes are in use in the end", used)
	}
	return errs
}
