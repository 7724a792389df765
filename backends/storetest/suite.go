package storetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"glancefs/backends"
)

// patience is after how long a call counts as hung. Nothing is measured with
// it: it only turns a hang into a failure that names the call. A machine that
// runs other suites beside has taken more than a minute for a thousand images.
const patience = 5 * time.Minute

// times is how often a test repeats something that it would n times.
func (c Config) times(n int) int {
	if c.Slow {
		return max(1, n/10)
	}
	return n
}

// tester is what testing.T and rapid.T have in common.
type tester interface {
	Helper()
	Cleanup(func())
	Logf(format string, args ...any)
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// suite is what one test works with: a store, and the store's calls with
// their errors checked.
type suite struct {
	tester
	t     *testing.T // for the hooks of Config
	cfg   Config
	store backends.Store
	ctx   context.Context // ends after patience
}

func newSuite(t *testing.T, cfg Config) *suite {
	s := &suite{tester: t, t: t, cfg: cfg}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	s.ctx = ctx
	s.use(cfg.New(t))
	return s
}

// each runs fn for 0 to n-1, on a slow store all at once.
func (s *suite) each(n int, fn func(s *suite, i int)) {
	s.Helper()
	ok := s.t.Run("each", func(t *testing.T) {
		for i := range n {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				s.cfg.parallel(t)
				one := *s
				one.t, one.tester = t, t
				fn(&one, i)
			})
		}
	})
	if !ok {
		s.Fatal("one of them failed")
	}
}

// use goes on with another store.
func (s *suite) use(store backends.Store) {
	s.store = store
	s.Logf("store: %T", store)
	if s.cfg.Leftovers != nil {
		s.Cleanup(func() { s.nothingLeft(store) })
	}
}

// nothingLeft checks that the service holds nothing beside images, soon:
// what hung when its caller went is cleared away behind the caller's back.
func (s *suite) nothingLeft(store backends.Store) {
	s.Helper()
	var left []string
	s.eventually("the service to hold nothing but images", func() bool {
		left = s.cfg.Leftovers(s.t, store)
		return len(left) == 0
	}, &left)
}

// eventually waits until ok; detail says more when it never is.
func (s *suite) eventually(what string, ok func() bool, detail any) {
	s.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("waited %v for %s: %v", patience, what, detail)
		}
	}
}

// must fails the test if err is an error.
func (s *suite) must(what string, err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

// want fails the test unless err is target.
func (s *suite) want(what string, err, target error) {
	s.Helper()
	if !errors.Is(err, target) {
		s.Fatalf("%s: got error %v, want %v", what, err, target)
	}
}

// wantGone checks that no image has the name.
func (s *suite) wantGone(name string) {
	s.Helper()
	s.wantNotFound(name)
	if _, listed := s.list()[name]; listed {
		s.Fatalf("%q is listed", name)
	}
}

// wantNotFound is wantGone without a look at the list, which takes long where
// there are many images.
func (s *suite) wantNotFound(name string) {
	s.Helper()
	_, err := s.store.Stat(s.ctx, name)
	s.want("stat", err, fs.ErrNotExist)
	r, err := s.store.Open(s.ctx, name)
	if err == nil {
		_ = r.Close() // the failure is that there is one
	}
	s.want("open", err, fs.ErrNotExist)
}

// list returns the images by name.
func (s *suite) list() map[string]backends.Image {
	s.Helper()
	images := make(map[string]backends.Image)
	err := s.store.List(s.ctx, func(img backends.Image) error {
		if _, twice := images[img.Name]; twice {
			s.Fatalf("%q is listed twice", img.Name)
		}
		images[img.Name] = img
		return nil
	})
	s.must("list", err)
	return images
}
