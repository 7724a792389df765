package backends_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// faults are memory.Faults by operation.
func faults(byOp map[string]memory.Fault) memory.Fault {
	return func(ctx context.Context, op, name string, call func() error) error {
		if f := byOp[op]; f != nil {
			return f(ctx, op, name, call)
		}
		return call()
	}
}

// TestLostReply: a commit whose reply is lost is asked after.
func TestLostReply(t *testing.T) {
	lose := func(_ context.Context, _, _ string, call func() error) error {
		if err := call(); err != nil {
			return err
		}
		return backends.ErrUnknown
	}
	loseRequest := func(context.Context, string, string, func() error) error { return backends.ErrUnknown }
	loseByDeadline := func(ctx context.Context, op, name string, call func() error) error {
		err := lose(ctx, op, name, call)
		<-ctx.Done()
		return err
	}
	asked := 0
	lateStat := func(_ context.Context, _, _ string, call func() error) error {
		switch asked++; asked {
		case 1:
			return fs.ErrNotExist
		case 2:
			return backends.ErrUnavailable
		}
		return call()
	}
	for _, test := range []struct {
		name   string
		commit memory.Fault
		stat   memory.Fault
		want   error // nil: committed
		text   string
		takes  time.Duration
	}{
		{name: "it is there", commit: lose},
		{name: "it is there a little later", commit: lose, stat: lateStat, takes: 200 * time.Millisecond},
		{name: "it is there, and the reply took all the time", commit: loseByDeadline, takes: 20 * time.Second},
		{name: "it is not there", commit: loseRequest, want: backends.ErrUnknown, text: "unknown; asked again: no answer within request_timeout = 20s", takes: 20 * time.Second},
		{name: "nobody answers", commit: lose, stat: hang(), want: backends.ErrUnknown, text: "unknown; asked again: no answer within request_timeout = 20s", takes: 20 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked = 0
				store := memory.New("one", 0)
				in := instance(t, store)
				a := begin(t, in, "image")
				if err := a.Write([]byte("bytes")); err != nil {
					t.Fatal(err)
				}
				store.SetFault(faults(map[string]memory.Fault{"commit": test.commit, "stat": test.stat}))
				start := time.Now()
				img, err := a.Commit(now)
				took(t, "commit", start, test.takes)
				store.SetFault(nil)
				if test.want != nil {
					wantIs(t, err, test.want)
					wantError(t, err, "add", "image")
					if !strings.Contains(err.Error(), test.text) {
						t.Errorf("error %q, want …%s…", err, test.text)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(recordOf([]byte("bytes")), img.Record); diff != "" || img.Name != "image" {
					t.Errorf("image %+v; record (-want +got):\n%s", img, diff)
				}
				wantNames(t, store, "image")
			})
		})
	}
}

// TestLostReplyOfLoser: the image that is there is another one's.
func TestLostReplyOfLoser(t *testing.T) {
	for name, other := range map[string]string{"of another size": "other", "of the same size": "BYTES"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memory.New("one", 0)
				in := instance(t, store)
				a := begin(t, in, "image")
				if err := a.Write([]byte("bytes")); err != nil {
					t.Fatal(err)
				}
				put(t, in, "image", []byte(other))
				store.SetFault(faults(map[string]memory.Fault{
					"commit": func(context.Context, string, string, func() error) error { return backends.ErrUnknown },
				}))
				_, err := a.Commit(now)
				wantIs(t, err, backends.ErrUnknown)
				wantError(t, err, "add", "image")
				if !strings.Contains(err.Error(), "another image has taken the name") {
					t.Errorf("error %q", err)
				}
				if got := content(t, store, "image"); string(got) != other {
					t.Errorf("content %q", got)
				}
			})
		})
	}
}

// TestCommitFails: an error of the store is the error of the commit, and
// nothing is left.
func TestCommitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New("one", 1000)
		in := instance(t, store)
		a := begin(t, in, "image")
		if err := a.Write([]byte("bytes")); err != nil {
			t.Fatal(err)
		}
		broken := errors.New("broken")
		store.SetFault(faults(map[string]memory.Fault{
			"commit": func(context.Context, string, string, func() error) error { return broken },
		}))
		_, err := a.Commit(now)
		wantIs(t, err, broken)
		wantError(t, err, "add", "image")
		store.SetFault(nil)
		wantNames(t, store)
		if space, _ := store.Space(t.Context()); space.Free != 1000 {
			t.Errorf("space left: %+v", space)
		}
	})
}

// TestCommitDeadline: a commit that hangs ends with the deadline.
func TestCommitDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New("one", 0)
		in := instance(t, store, "request_timeout = 3")
		a := begin(t, in, "image")
		store.SetFault(hang("commit"))
		start := time.Now()
		_, err := a.Commit(now)
		took(t, "commit", start, 3*time.Second)
		wantIs(t, err, context.DeadlineExceeded)
		wantNames(t, store)
	})
}

// TestCommitGoesOn: a commit that has begun is not undone by the end of the
// add's context.
func TestCommitGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New("one", 0)
		in := instance(t, store)
		ctx, cancel := context.WithCancel(t.Context())
		a, err := in.Add(ctx, "image")
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Write([]byte("bytes")); err != nil {
			t.Fatal(err)
		}
		store.SetFault(faults(map[string]memory.Fault{
			"commit": func(ctx context.Context, _, _ string, call func() error) error {
				cancel()
				synctest.Wait() // whatever the end of the context sets off
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return call()
			},
		}))
		if _, err := a.Commit(now); err != nil {
			t.Fatal(err)
		}
		wantNames(t, store, "image")
	})
}

// TestAbortWhileAppendHangs: an abort ends the append at once.
func TestAbortWhileAppendHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New("one", 1000)
		in := instance(t, store)
		a := begin(t, in, "image")
		if err := a.Write([]byte("bytes")); err != nil {
			t.Fatal(err)
		}
		store.SetFault(hang("append"))
		start := time.Now()
		written := make(chan error)
		go func() { written <- a.Write([]byte("more")) }()
		synctest.Wait()
		if err := a.Abort(); err != nil {
			t.Error(err)
		}
		wantIs(t, <-written, context.Canceled)
		took(t, "the abort", start, 0)
		wantNames(t, store)
		if space, _ := store.Space(t.Context()); space.Free != 1000 {
			t.Errorf("space left: %+v", space)
		}
	})
}
