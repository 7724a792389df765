package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// addMany adds n images of different sizes, 16 at a time: image 00042 has 42
// bytes.
func (m *rbdMount) addMany(t *testing.T, n int) {
	t.Helper()
	m.wantSh(t, fmt.Sprintf(`seq -f %%05g 1 %d | xargs -P 16 -I{} sh -c 'head -c $(expr {} + 0) /dev/zero > ceph/{}'`, n))
}

// wantSameListing compares ls -l of the store with rbd ls -l of the pool: the
// names and sizes of all n images.
func (m *rbdMount) wantSameListing(t *testing.T, n int) {
	t.Helper()
	var want string
	images := m.rbdList(t)
	slices.SortFunc(images, func(a, b rbdImage) int { return strings.Compare(a.Image, b.Image) })
	for _, i := range images {
		if i.Snapshot == "snap" {
			want += fmt.Sprintln(i.Image, i.Size)
		}
	}
	got := m.wantSh(t, `ls -l ceph | awk 'NR > 1 {print $9, $5; n++; sum += $5} END {print n, sum}'`)
	want += fmt.Sprintln(n, n*(n+1)/2)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names and sizes (-rbd ls -l +ls -l):\n%s", diff)
	}
}

// TestRBDManyImages lists 100 images.
func TestRBDManyImages(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	const n = 100
	m.addMany(t, n)
	m.wantSameListing(t, n)
	if out := m.wantSh(t, `ls -f ceph | grep -c '^0'; find ceph -type f -size -11c | wc -l`); out != fmt.Sprintf("%d\n10\n", n) {
		t.Errorf("wrote %q", out)
	}
}
