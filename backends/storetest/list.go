package storetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"glancefs/backends"
)

var listTests = []test{
	{name: "empty", run: (*suite).wantEmpty},
	{name: "many", run: listMany},
	{name: "stopped", run: listStopped},
	{name: "cancelled", run: listCancelled},
	{name: "calls from within", run: listNested},
	{name: "while images come and go", run: listChanging},
}

// wantEmpty checks that nothing is listed.
func (s *suite) wantEmpty() {
	s.Helper()
	if got := s.list(); len(got) != 0 {
		s.Fatalf("listed: %v", got)
	}
}

func listMany(s *suite) {
	images := 1000
	if s.cfg.Slow {
		images = 40
	}
	s.each(images, func(s *suite, i int) { s.add(fmt.Sprintf("image-%d", i), fmt.Append(nil, i)) })
	listed := s.list()
	if len(listed) != images {
		s.Fatalf("%d images are listed, want %d", len(listed), images)
	}
	for i := range images {
		name := fmt.Sprintf("image-%d", i)
		s.wantSame("list", listed[name], s.stat(name))
	}
}

func (s *suite) addSome(images int) {
	s.each(images, func(s *suite, i int) { s.add(fmt.Sprintf("image-%d", i), randomBytes(10, uint64(i))) })
}

// listStopped stops a listing: it returns that error, and not another call
// of fn comes.
func listStopped(s *suite) {
	s.addSome(5)
	stop := errors.New("enough")
	for at := 1; at <= 5; at++ {
		calls := 0
		err := s.store.List(s.ctx, func(backends.Image) error {
			if calls++; calls == at {
				return stop
			}
			return nil
		})
		if err != stop || calls != at {
			s.Fatalf("stopped at image %d: got error %v after %d", at, err, calls)
		}
	}
}

func listCancelled(s *suite) {
	s.addSome(5)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	calls := 0
	err := s.store.List(ctx, func(backends.Image) error {
		calls++
		cancel()
		return nil
	})
	s.want("list", err, context.Canceled)
	if calls != 1 {
		s.Fatalf("%d images came after the listing was cancelled", calls-1)
	}
}

// listNested uses the store from within a listing, as ls -l does.
func listNested(s *suite) {
	s.addSome(20)
	err := s.store.List(s.ctx, func(listed backends.Image) error {
		img, err := s.store.Stat(s.ctx, listed.Name)
		if err != nil {
			return err
		}
		s.wantSame("list", listed, img)
		return s.store.Delete(s.ctx, listed.Name)
	})
	s.must("list", err)
	s.wantEmpty()
}

// listChanging lists while images are added and deleted: those that are
// there all the time are listed, and each once.
func listChanging(s *suite) {
	const lasting = 20
	s.addSome(lasting)
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		var err error
		for i := 0; err == nil; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			name := fmt.Sprintf("passing-%d", i%7)
			err = addInPieces(s, name, []byte("passing"))
			if err == nil && i%2 == 0 {
				err = s.store.Delete(s.ctx, name)
			}
			if errors.Is(err, fs.ErrExist) {
				err = s.store.Delete(s.ctx, name)
			}
		}
		stopped <- err
	}()
	for range s.cfg.times(50) {
		listed := s.list()
		for i := range lasting {
			if name := fmt.Sprintf("image-%d", i); listed[name].Size != 10 {
				s.Errorf("%q is not listed, or not complete: %+v", name, listed[name])
			}
		}
	}
	close(stop)
	s.must("adding and deleting", <-stopped)
}
