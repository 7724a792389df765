package storetest

import "glancefs/backends"

// test is one test of the suite.
type test struct {
	name  string
	run   func(s *suite)
	needs []need
}

// try runs the test if there is what it needs.
func (test test) try(s *suite) {
	for _, n := range test.needs {
		if !n.met(s) {
			s.Logf("left out: there is no %s", n.what)
			return
		}
	}
	test.run(s)
}

// need is what not every driver has, and some tests need.
type need struct {
	what string
	met  func(s *suite) bool
}

var (
	reopen    = need{"Config.Reopen", func(s *suite) bool { return s.cfg.Reopen != nil }}
	full      = need{"Config.Full", func(s *suite) bool { return s.cfg.Full != nil }}
	change    = need{"Config.Change", func(s *suite) bool { return s.cfg.Change != nil }}
	stall     = need{"Config.Stall", func(s *suite) bool { return s.cfg.Stall != nil }}
	loseReply = need{"Config.LoseReply", func(s *suite) bool { return s.cfg.LoseReply != nil }}
	readable  = need{"reading after a delete", func(s *suite) bool { return !s.cfg.DeletedUnreadable }}
	renamer   = need{"backends.Renamer", is[backends.Renamer]}
	recorder  = need{"backends.Recorder", is[backends.Recorder]}
	mtimes    = need{"backends.MtimeSetter", is[backends.MtimeSetter]}
)

func is[T any](s *suite) bool {
	_, ok := backends.As[T](s.store)
	return ok
}

// as returns the store's optional interface T, which the test needs.
func as[T any](s *suite) T {
	t, _ := backends.As[T](s.store)
	return t
}
