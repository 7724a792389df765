package fsnode

import (
	"os"
	"slices"
	"strconv"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func itoa(n int) string { return strconv.Itoa(n) }

// listing lists a directory.
func (m *mounted) listing(dir string) []string {
	m.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		m.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

func (m *mounted) wantListing(dir string, want ...string) {
	m.Helper()
	if diff := cmp.Diff(want, m.listing(dir), cmpopts.EquateEmpty()); diff != "" {
		m.Errorf("%s (-want +got):\n%s", dir, diff)
	}
}
