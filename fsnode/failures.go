package fsnode

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// failures are the last adds of a store that failed, for those whose close
// could not say so (user.glance.errors).
type failures struct {
	mu   sync.Mutex // guards last
	last []failure
}

// failure is one failed add, as user.glance.errors shows it.
type failure struct {
	Name   string    `json:"name"`
	Time   time.Time `json:"time"`
	Errno  string    `json:"errno"`
	Reason string    `json:"reason"`
}

// maxFailures keeps the attribute well below the 64 KiB that an xattr may
// have.
const maxFailures = 32

// noteFailure logs a failed add and keeps it.
func (s *storeNode) noteFailure(name string, err error) {
	if e := (*backends.Error)(nil); !errors.As(err, &e) {
		err = &backends.Error{Op: "add", Store: s.in.Name(), Image: name, Err: err}
	}
	no := s.tree.fail(err)
	reason := err
	if e := (*backends.Error)(nil); errors.As(err, &e) {
		reason = e.Err
	}
	s.failed.mu.Lock()
	defer s.failed.mu.Unlock()
	s.failed.last = append(s.failed.last, failure{name, time.Now().UTC(), unix.ErrnoName(no), truncate(reason.Error())})
	if n := len(s.failed.last); n > maxFailures {
		s.failed.last = slices.Delete(s.failed.last, 0, n-maxFailures)
	}
}

// truncate bounds a reason.
func truncate(s string) string { return s[:min(len(s), 1024)] }

// String is the list as JSON, the oldest first.
func (f *failures) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.last
	if list == nil {
		list = []failure{} // [], not null
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "[]" // strings and times always encode
	}
	return string(text)
}
