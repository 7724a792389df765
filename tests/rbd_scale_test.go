package tests

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"glancefs/tests/need"
)

// makeMany makes n images of different sizes through librbd, many at once:
// through a mount the kernel creates the files of one directory one by one.
func (m *rbdMount) makeMany(t *testing.T, n int) {
	t.Helper()
	need.PythonModule(t, "rbd", "python3-rbd")
	out, err := exec.Command(need.Python, "testdata/rbdimages.py", m.cluster.Conf(), m.pool, fmt.Sprint(n)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
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
	m.makeMany(t, n)
	m.wantSameListing(t, n)
	if out := m.wantSh(t, `ls -f ceph | grep -c '^0'; find ceph -type f -size -11c | wc -l`); out != fmt.Sprintf("%d\n10\n", n) {
		t.Errorf("wrote %q", out)
	}
}
