package backends_test

import (
	"fmt"
	"io/fs"
	"testing"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// TestFindPassesOver: a store that can't even be read does not end a search.
// glance_store's does: BadStoreConfiguration.
func TestFindPassesOver(t *testing.T) {
	set := mustOpen(t, configure(t, "", "bad:memory", "good:memory"), driver(func(o backends.Opening) (backends.Store, error) {
		if o.Name == "bad" {
			return nil, fmt.Errorf("%w: no login", backends.ErrMisconfigured)
		}
		return memory.New(o.Name, 0), nil
	}))
	good, _ := set.Get("good")
	put(t, good, "x", nil)
	in, name, err := set.Find(t.Context(), "memory://good/x", "")
	if err != nil || in != good || name != "x" {
		t.Errorf("found %q, %v", name, err)
	}
	// It may be in the store that can't be asked.
	_, _, err = set.Find(t.Context(), "memory://good/none", "")
	wantIs(t, err, backends.ErrMisconfigured)
	_, _, err = set.Find(t.Context(), "memory://good/none", "good")
	wantIs(t, err, fs.ErrNotExist)
}
