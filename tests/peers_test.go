package tests

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newPeers mounts two glancefs, two processes, on the same datadirs, as two
// hosts have them.
func newPeers(t *testing.T) (here, there *mount) {
	t.Helper()
	here = newMount(t)
	return here, setup{fastData: here.fastData, slowData: here.slowData}.mount(t)
}

// TestPeersRace: of two processes that add one name, one wins, and the other
// is told EEXIST by close at the latest; the image is all the winner's.
func TestPeersRace(t *testing.T) {
	t.Parallel()
	here, there := newPeers(t)
	one, two := random(1, 300_000), random(2, 200_000)
	add := func(path string, data []byte) error {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return errors.Join(err, f.Close())
	}
	for i := range 50 {
		name := fmt.Sprintf("/%d", i)
		var first, second error
		var both sync.WaitGroup
		both.Go(func() { first = add(here.fast+name, one) })
		both.Go(func() { second = add(there.fast+name, two) })
		both.Wait()
		winner, loser := one, second
		if first != nil {
			winner, loser = two, first
		}
		if (first == nil) == (second == nil) {
			t.Errorf("%s: the results are %v and %v, want one success", name, first, second)
			continue
		}
		if !errors.Is(loser, unix.EEXIST) {
			t.Errorf("%s: the loser is told %v, want EEXIST", name, loser)
		}
		for _, m := range []*mount{here, there} {
			wantImage(t, m.fast+name, winner)
		}
	}
	if n := len(temporaries(t, here.fastData)); n > 0 {
		t.Errorf("%d temporary files are left", n)
	}
}

// TestPeersSee: what one process adds the other sees at once; what it deletes,
// replaces or renames, when the second is over for which the kernel may keep
// what it knows.
func TestPeersSee(t *testing.T) {
	t.Parallel()
	here, there := newPeers(t)
	one, two := random(1, 300_000), random(2, 200_000)
	path, seen := here.fast+"/x", there.fast+"/x"
	wantNoImage(t, seen) // which the kernel must not keep
	writeImage(t, path, one)
	wantImage(t, seen, one)

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if listed(t, seen) {
		t.Error("an image that was deleted is listed")
	}
	withinValidity(t, "the image is gone", func() bool {
		_, err := os.Stat(seen)
		return errors.Is(err, unix.ENOENT)
	})

	writeImage(t, path, one)
	wantImage(t, seen, one)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	writeImage(t, path, two)
	withinValidity(t, "the other image is there", func() bool {
		sum, err := xattr(seen, "user.glance.checksum")
		return err == nil && sum == md5Hex(two)
	})
	wantImage(t, seen, two)

	if err := os.Rename(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	wantImage(t, seen+"2", two)
	withinValidity(t, "the old name is gone", func() bool {
		_, err := os.Stat(seen)
		return errors.Is(err, unix.ENOENT)
	})
}

// withinValidity waits until cond holds. Of something that has happened
// already, a call that begins more than the second later for which the kernel
// keeps entries and attributes must know.
func withinValidity(t *testing.T, what string, cond func() bool) {
	t.Helper()
	const validity = time.Second + 100*time.Millisecond // the kernel counts in ticks
	for since := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		late := time.Since(since) > validity
		if cond() {
			return
		}
		if late {
			t.Errorf("not after %v: %s", validity, what)
			return
		}
	}
}
