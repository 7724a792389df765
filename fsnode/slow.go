package fsnode

import (
	"maps"
	"sync"
	"time"
)

// slowNames are the names for which a store has just had no answer in time.
// The kernel sends one LOOKUP of a name at a time, and the next when that has
// failed (fs/namei.c, d_alloc_parallel): of many processes that ask a store
// that hangs, each would wait for those before it.
type slowNames struct {
	mu   sync.Mutex
	last map[string]time.Time // when the answer was given up
}

// slowPause is for how long a slow name is not asked for: so long that all
// who wait have their answer, and not so long that it matters when the store
// is back.
const slowPause = 500 * time.Millisecond

// note notes a name.
func (s *slowNames) note(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = make(map[string]time.Time)
	}
	maps.DeleteFunc(s.last, func(_ string, when time.Time) bool { return time.Since(when) > slowPause })
	s.last[name] = time.Now()
}

// is tells whether a name was noted just now.
func (s *slowNames) is(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	when, ok := s.last[name]
	return ok && time.Since(when) <= slowPause
}
