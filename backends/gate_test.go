package backends_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"glancefs/backends"
)

// TestGateBounds: as many calls run as there are places; the others wait, and
// give up with their contexts.
func TestGateBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places, callers = 3, 10
		g := backends.NewGate(places)
		back := make(chan struct{})
		var entered, gone, done atomic.Int32
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range callers {
			go func() {
				err := g.Do(ctx, func() error {
					entered.Add(1)
					<-back
					done.Add(1)
					return nil
				})
				wantIs(t, err, context.DeadlineExceeded)
				gone.Add(1)
			}()
		}
		synctest.Wait()
		if entered.Load() != places || g.Busy() != places || gone.Load() != 0 {
			t.Errorf("%d calls run, %d are busy, %d callers have gone", entered.Load(), g.Busy(), gone.Load())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if gone.Load() != callers || g.Busy() != places {
			t.Errorf("after the deadline %d callers have gone, %d calls are busy", gone.Load(), g.Busy())
		}
		close(back)
		synctest.Wait()
		if entered.Load() != places || done.Load() != places || g.Busy() != 0 {
			t.Errorf("in the end %d calls were made, %d have ended, %d are busy", entered.Load(), done.Load(), g.Busy())
		}
		if err := g.Do(t.Context(), func() error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

// TestPassLate: what a call returns goes to its caller, or to late if that
// has gone, once.
func TestPassLate(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name  string
		fails error
		leave bool // the caller goes first
		late  int
	}{
		{"result", nil, false, 0},
		{"error", broken, false, 0},
		{"late result", nil, true, 1},
		{"late error", broken, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := backends.NewGate(1)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				back := make(chan struct{})
				late := 0
				time.AfterFunc(time.Second, func() {
					if test.leave {
						cancel()
						time.Sleep(time.Second) // of the bubble: the caller goes
					}
					close(back)
				})
				got, err := backends.Pass(ctx, g, func() (int, error) {
					<-back
					return 7, test.fails
				}, func(value int) { late += value })
				if test.leave {
					wantIs(t, err, context.Canceled)
				} else if got != 7 && test.fails == nil || !errors.Is(err, test.fails) {
					t.Errorf("got %d, %v", got, err)
				}
				<-back
				synctest.Wait()
				if late != 7*test.late {
					t.Errorf("late got %d", late)
				}
				if g.Busy() != 0 {
					t.Errorf("%d places are taken", g.Busy())
				}
			})
		})
	}
}

// TestPassRace: also when the caller goes at the very moment in which the
// call ends, exactly one of them gets the result.
func TestPassRace(t *testing.T) {
	g := backends.NewGate(4)
	var made, got atomic.Int32
	var late sync.WaitGroup
	var callers sync.WaitGroup
	for range 2000 {
		callers.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			late.Add(1)
			_, err := backends.Pass(ctx, g, func() (int, error) {
				made.Add(1)
				go cancel()
				return 1, nil
			}, func(int) {
				got.Add(1)
				late.Done()
			})
			if err == nil {
				got.Add(1)
				late.Done()
			}
		})
	}
	callers.Wait()
	late.Wait()
	if made.Load() != 2000 || got.Load() != made.Load() {
		t.Errorf("%d results made, %d got", made.Load(), got.Load())
	}
}
