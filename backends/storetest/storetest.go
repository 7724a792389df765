// Package storetest is the conformance suite of backends.Store: what the
// contract promises, as tests that every driver runs.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Config{New: newStore, Reopen: reopen})
//	}
//
// The suite works on the Store and its Writers and plays the part of
// backends.Add: it cuts images into chunks and computes their digests. What
// a store does not have (an optional interface, a hook of Config) is not
// tested; the log says what was left out.
package storetest

import (
	"slices"
	"testing"

	"glancefs/backends"
)

// Config tells the suite how to get at the stores under test. Only New is
// needed. Whatever a hook makes is given back by the test's Cleanup.
type Config struct {
	// New opens a new, empty store, which shares nothing with the ones made
	// before.
	New func(t *testing.T) backends.Store

	// Reopen opens the images of s once more, as another host does, or this
	// one after a crash. s stays open, with the adds that it has under way.
	Reopen func(t *testing.T, s backends.Store) backends.Store

	// Full opens a new, empty store with room for some images of 100 kB,
	// but for less than 16 MiB.
	Full func(t *testing.T) backends.Store

	// Leftovers lists what the service of s holds beside complete images:
	// temporary files, uploads under way. It must be empty after each test.
	Leftovers func(t *testing.T, s backends.Store) []string

	// Change replaces the bytes of an image by as many others behind the
	// back of s, as another program would.
	Change func(t *testing.T, s backends.Store, name string)

	// Stall lets the calls to the service of s hang from now on, until
	// release is called; it may be called twice.
	Stall func(t *testing.T, s backends.Store) (release func())

	// LoseReply lets the next commit reach the service of s, but not its
	// reply: lost is closed when it is being held back, which ends with
	// release; it may be called twice.
	LoseReply func(t *testing.T, s backends.Store) (lost <-chan struct{}, release func())

	// Slow says that a call takes its time, whoever else calls: the tests
	// run side by side unless Alone says otherwise, and repeat less.
	Slow, Alone bool

	// Groups are the groups of tests to run; nil: all.
	Groups []string

	// DeletedUnreadable says that an open image can't be read any more once
	// it was deleted.
	DeletedUnreadable bool

	// LooseIncarnation says that a rename or a new mtime may change an
	// image's incarnation too.
	LooseIncarnation bool
}

// Run runs the suite.
func Run(t *testing.T, cfg Config) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"add", addTests},
		{"abort", abortTests},
		{"race", raceTests},
		{"record", recordTests},
		{"read", readTests},
		{"list", listTests},
		{"change", changeTests},
		{"name", nameTests},
		{"context", contextTests},
		{"model", modelTests},
	} {
		if cfg.Groups != nil && !slices.Contains(cfg.Groups, group.name) {
			continue
		}
		t.Run(group.name, func(t *testing.T) {
			cfg.parallel(t)
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					cfg.parallel(t)
					test.try(newSuite(t, cfg))
				})
			}
		})
	}
}

// parallel lets a test run beside others, if it may.
func (c Config) parallel(t *testing.T) {
	if c.Slow && !c.Alone {
		t.Parallel()
	}
}
