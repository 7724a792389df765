//go:build soak

package tests

import (
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// TestSoakRBDManyImages lists 1,000 images, and prints how long that takes
// beside rbd ls -l.
func TestSoakRBDManyImages(t *testing.T) {
	shipped(t)
	m := newRBDMount(t)
	m.watchdog.Reset(time.Hour)
	const n, rounds = 1000, 5
	m.makeMany(t, n)
	m.wantSameListing(t, n)

	var ours, theirs []time.Duration
	for range rounds { // in turns
		time.Sleep(1100 * time.Millisecond) // the kernel keeps attributes for 1 s
		ours = append(ours, timed(t, exec.Command("ls", "-l", m.ceph)))
		theirs = append(theirs, timed(t, exec.Command("rbd", "--conf", m.cluster.Conf(), "ls", "-l", m.pool)))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	fmt.Printf(`
| %d images in a pool, medians of %d | |
|---|---|
| ls -l of the store | %.2f s |
| rbd ls -l | %.2f s |

`, n, rounds, ours[rounds/2].Seconds(), theirs[rounds/2].Seconds())
	m.destroy(t)
}

// timed runs a command that must succeed.
func timed(t *testing.T, cmd *exec.Cmd) time.Duration {
	t.Helper()
	begin := time.Now()
	if out, err := cmd.Output(); err != nil || len(out) == 0 {
		t.Fatalf("%v: %v", cmd, err)
	}
	return time.Since(begin)
}
