package tests

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRBDShared: two glancefs on one pool, as on two hosts. Each sees what the
// other adds and deletes: listings at once, single images after the second
// for which the kernel believes what it was told.
func TestRBDShared(t *testing.T) {
	t.Parallel()
	here := newRBDMount(t)
	there := mountPool(t, here.cluster, here.pool)
	data := random('s', 300_000)
	for _, pair := range [][2]*rbdMount{{here, there}, {there, here}} {
		ours, theirs := pair[0].ceph, pair[1].ceph
		wantErrno(t, stat(theirs+"/x"), unix.ENOENT)
		writeImage(t, ours+"/x", data)
		wantImage(t, theirs+"/x", data)
		wantErrno(t, open(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)(theirs+"/x"), unix.EEXIST)
		if err := os.Rename(ours+"/x", ours+"/y"); err != nil {
			t.Error(err)
		}
		wantImage(t, theirs+"/y", data)
		wantNoImage(t, theirs+"/x")
		if err := os.Remove(ours + "/y"); err != nil {
			t.Error(err)
		}
		wantNoImage(t, theirs+"/y")
	}

	// Another image by the same name has its own bytes, size and digests.
	writeImage(t, here.ceph+"/x", data)
	wantImage(t, there.ceph+"/x", data)
	if err := os.Remove(here.ceph + "/x"); err != nil {
		t.Error(err)
	}
	data = random('S', 200_000)
	writeImage(t, here.ceph+"/x", data)
	eventually(t, "the other mount has the new image", func() bool {
		got, err := os.ReadFile(there.ceph + "/x")
		return err == nil && bytes.Equal(got, data)
	})
	wantImage(t, there.ceph+"/x", data)
	there.wantPool(t, map[string]int64{"x": int64(len(data))})
}

// TestRBDRace: adds of the same names through two mounts at the same time.
// One wins each, the other fails with EEXIST, and the image is the winner's.
func TestRBDRace(t *testing.T) {
	t.Parallel()
	here := newRBDMount(t)
	there := mountPool(t, here.cluster, here.pool)
	const names = 8
	mounts := []*rbdMount{here, there}
	data := [][]byte{random('1', 300_000), random('2', 5_000_000)}
	running := make([][]*process, names)
	for name := range names {
		for i, m := range mounts {
			m.log.allow("EEXIST")
			m.source(t, "data", data[i])
			running[name] = append(running[name], m.start(t, fmt.Sprintf(`read go; cp $S/data ceph/%d`, name)))
		}
	}
	for _, pair := range running {
		for _, p := range pair {
			p.send(t, []byte("go\n"))
		}
	}
	sizes := map[string]int64{}
	for name, pair := range running {
		var winners []int
		for i, p := range pair {
			out, status := p.wait(t)
			switch {
			case status == 0:
				winners = append(winners, i)
			case status != 1 || !strings.Contains(out, "File exists"):
				t.Errorf("cp of %d: exit status %d, wrote %q", name, status, out)
			}
		}
		if len(winners) != 1 {
			t.Fatalf("%d: %d winners", name, len(winners))
		}
		sizes[fmt.Sprint(name)] = int64(len(data[winners[0]]))
		for _, m := range mounts {
			wantImage(t, fmt.Sprintf("%s/%d", m.ceph, name), data[winners[0]])
		}
	}
	here.wantPool(t, sizes)
	raceDeletes(t, mounts, names)
}

// raceDeletes deletes the same images through two mounts at the same time.
// Each is gone or, if each was in the other's way, complete.
func raceDeletes(t *testing.T, mounts []*rbdMount, names int) {
	t.Helper()
	var running []*process
	for name := range names {
		for _, m := range mounts {
			m.log.allow("EBUSY")
			running = append(running, m.start(t, fmt.Sprintf(`read go; rm ceph/%d`, name)))
		}
	}
	for _, p := range running {
		p.send(t, []byte("go\n"))
	}
	for _, p := range running {
		out, status := p.wait(t)
		if status != 0 && !strings.Contains(out, "No such file") && !strings.Contains(out, "busy") {
			t.Errorf("rm: exit status %d, wrote %q", status, out)
		}
	}
	left := mounts[0].wantSh(t, `ls ceph; rm -f ceph/*`)
	t.Logf("in each other's way at %q", left)
	mounts[0].wantPool(t, nil)
}
