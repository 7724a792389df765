package fsnode

import (
	"testing"

	"glancefs/backends"
)

// TestLetGo: an upload that has ended lets go of its add, when nobody uses it
// any more.
func TestLetGo(t *testing.T) {
	for _, end := range []phase{committed, failed} {
		u := &upload{turn: make(chan struct{}, 1), add: new(backends.Add)}
		if err := u.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		u.give()
		if u.add == nil {
			t.Error("the add is gone while it is under way")
		}
		if err := u.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		u.phase = end
		u.letGo()
		if u.add == nil {
			t.Errorf("phase %d: the add is gone while somebody has the turn", end)
		}
		u.give()
		if u.add != nil {
			t.Errorf("phase %d: the add is kept", end)
		}
		u.add = new(backends.Add)
		if u.letGo(); u.add != nil || len(u.turn) != 0 {
			t.Errorf("phase %d, nobody has the turn: the add is %p, turns taken: %d", end, u.add, len(u.turn))
		}
	}
}
