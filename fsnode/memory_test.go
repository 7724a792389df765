package fsnode

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
)

// TestGiveBack: what the pools keep is given back when no add was under way
// for a while.
func TestGiveBack(t *testing.T) {
	for _, busy := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			tree := newTree(Options{Log: logrus.NewEntry(logrus.New())})
			u := &upload{store: &storeNode{tree: tree}}
			var pool sync.Pool
			for range 32 { // with the race detector it loses some
				pool.Put(new(int))
			}
			u.store.drop(u)
			if busy {
				tree.mu.Lock()
				tree.underWay[u] = struct{}{}
				tree.mu.Unlock()
			}
			time.Sleep(keepMemory + 1) // of the bubble's time
			synctest.Wait()
			if kept := pool.Get() != nil; kept != busy {
				t.Errorf("an add is under way: %v; the pool has something: %v", busy, kept)
			}
		})
	}
}
