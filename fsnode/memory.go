package fsnode

import (
	"runtime"
	"runtime/debug"
	"time"
)

// keepMemory is how long the memory of adds is kept for the next ones.
const keepMemory = time.Minute

// rest sees to it that giveBack is called some time after the last add. The
// caller holds mu.
func (t *tree) rest() {
	if t.idle == nil {
		t.idle = time.AfterFunc(keepMemory, t.giveBack)
		return
	}
	t.idle.Reset(keepMemory)
}

// giveBack gives memory that is not used back to the system, if no add is
// under way. Go itself collects every two minutes in a daemon that rests, and
// twice before a sync.Pool is empty: three minutes after 20 adds 148 MiB were
// there still.
func (t *tree) giveBack() {
	t.mu.Lock()
	busy := len(t.underWay) > 0 // the last of them will call rest again
	t.mu.Unlock()
	if !busy {
		runtime.GC()
		debug.FreeOSMemory() // collects again
	}
}
