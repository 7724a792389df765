//go:build ceph

package rbd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ceph/go-ceph/rados"
	"github.com/ceph/go-ceph/rbd"
	"golang.org/x/sys/unix"

	"glancefs/backends"
	"glancefs/tests/ceph"
)

// childEnv names the part that this binary plays as another process of a
// test, instead of running tests.
const childEnv = "GLANCEFS_RBD_TEST_CHILD"

var children = map[string]func(*Store){"writer": writeForEver, "deleter": deleteForEver, "opener": openOften}

// beChild plays a part on the image "image" of the store that startChild names.
func beChild(part string) {
	s, err := inConf(os.Getenv(childEnv+"_CONF"), os.Getenv(childEnv+"_POOL")).start()
	if err != nil {
		panic(err)
	}
	children[part](s)
}

// waitForEver says that the part is played, and waits until it is killed.
func waitForEver() {
	fmt.Println("ready")
	select {}
}

// writeForEver begins an add.
func writeForEver(s *Store) {
	ctx := context.Background()
	w, err := s.Create(ctx, "image")
	if err != nil {
		panic(err)
	}
	chunk := backends.Chunk{Data: randomBytes(backends.ChunkSize)}
	for range 10 {
		if err := w.Append(ctx, chunk); err != nil {
			panic(err)
		}
	}
	waitForEver()
}

// deleteForEver begins to delete the image.
func deleteForEver(s *Store) {
	panic(withdrawn(s, "image", func(*cluster, string, mark) { waitForEver() }))
}

// child is a process that plays a part.
func child(part string, c *ceph.Cluster, pool string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+part, childEnv+"_CONF="+c.Conf(), childEnv+"_POOL="+pool)
	return cmd
}

// startChild starts a process that plays a part; kill kills it.
func startChild(t *testing.T, part string, c *ceph.Cluster, pool string) (kill func()) {
	t.Helper()
	cmd := child(part, c, pool)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill() // it may have been killed
		_ = cmd.Wait()         // by a signal
	}
	t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the %s says %q, %v", part, line, err)
	}
	return kill
}

// names lists the RBD images of a pool.
func names(t testing.TB, s *Store) []string {
	t.Helper()
	names, err := pass(t.Context(), s, func(c *cluster) ([]string, error) { return rbd.GetImageNames(c.pool) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestKilledWriter: what a process was writing that was killed is removed at
// the next start, well before Ceph gives up its watch; and not while it lives.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	cfg := in(c, newPool(t, c))
	kill := startChild(t, "writer", c, cfg.Pool)

	s := cfg.open(t)
	ctx := t.Context()
	if seen := sweepOnce(t, s, nil); !seen.alive || len(names(t, s)) != 1 {
		t.Errorf("a sweep while the writer lives: %+v; the pool has %q", seen, names(t, s))
	}
	_, err := s.Create(ctx, "image")
	wantIs(t, "add of what another process is adding", err, os.ErrExist)

	watcher := regexp.MustCompile(`watcher=(\S+) `).FindStringSubmatch(c.Run(t, "rbd", "status", cfg.Pool+"/image"))
	kill()
	next := cfg.open(t)
	next.RemoveLeftovers(ctx)
	// Its lock was broken, and its watch not waited for.
	if out := c.Run(t, "ceph", "osd", "blocklist", "ls"); watcher == nil || !strings.Contains(out, watcher[1]) {
		t.Errorf("the writer was %q, and these are shut out: %s", watcher, out)
	}
	if left := leftovers(t, next); left != nil {
		t.Errorf("left in the pool: %q", left)
	}
	if left := objects(t, c, cfg.Pool); strings.Contains(left, "rbd_data.") || strings.Contains(left, "rbd_header.") {
		t.Errorf("left in the pool:\n%s", left)
	}
	add(t, next, "image", randomBytes(1000))
}

// TestKilledDeleter: what a process was deleting that was killed is an image
// again at the next start; not while it lives.
func TestKilledDeleter(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	cfg := in(c, newPool(t, c))
	s := cfg.open(t)
	data := randomBytes(1000)
	before := add(t, s, "image", data)
	kill := startChild(t, "deleter", c, cfg.Pool)
	_, err := s.Stat(t.Context(), "image")
	wantIs(t, "stat of what another process is deleting", err, os.ErrNotExist)
	if seen := sweepOnce(t, s, nil); !seen.alive {
		t.Errorf("a sweep while the deleter lives: %+v", seen)
	}

	kill()
	cfg.open(t).RemoveLeftovers(t.Context())
	wantProtected(t, s, "image")
	wantImage(t, s, "image", data)
	if now, err := s.Stat(t.Context(), "image"); err != nil || !now.Mtime.Equal(before.Mtime) {
		t.Errorf("the image is %+v (%v), and was %+v", now, err, before)
	}
	if err := s.Delete(t.Context(), "image"); err != nil {
		t.Error(err)
	}
	wantNames(t, s)
}

// TestGone: a process that was killed is gone, also before its parent has
// noticed.
func TestGone(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m := ownMark()
	m.PID = cmd.Process.Pid
	if m.gone() {
		t.Error("it is gone while it lives")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, m.PID, new(unix.Siginfo), unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if !m.gone() {
		t.Error("as a zombie it is not gone")
	}
	_ = cmd.Wait() // it was killed
	if !m.gone() {
		t.Error("it is not gone")
	}
}

// TestKilledRemovingSnap: a delete whose process died while librbd was removing
// the snapshot, which has another name then, leaves an image that can be
// deleted; other snapshots in the trash can't.
func TestKilledRemovingSnap(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, newPool(t, c)).open(t)
	for _, snap := range []string{tempSnap, "another"} {
		add(t, s, "image", []byte("bytes"))
		var id string
		var snapID uint64
		changeImage(t, s, "image", func(img *rbd.Image) (err error) {
			if _, err = img.CreateSnapshot(snap); err == nil {
				id, err = img.GetId()
			}
			if err == nil {
				snapID, err = img.GetSnapID(snap)
			}
			return err
		})
		err := s.do(t.Context(), func(c *cluster) error {
			op := rados.CreateWriteOp()
			defer op.Release()
			op.Exec("rbd", "snapshot_trash_add", binary.LittleEndian.AppendUint64(nil, snapID))
			return op.Operate(c.pool, "rbd_header."+id, rados.OperationNoFlag)
		})
		if err != nil {
			t.Fatal(err)
		}
		if snap == tempSnap {
			if err := s.Delete(t.Context(), "image"); err != nil {
				t.Errorf("delete: %v", err)
			}
			wantNames(t, s)
		} else {
			wantIs(t, "delete", s.Delete(t.Context(), "image"), backends.ErrBusy)
			wantProtected(t, s, "image")
		}
	}
}

// sweepOnce sweeps a pool once.
func sweepOnce(t testing.TB, s *Store, before map[string]bool) sweep {
	t.Helper()
	seen, err := s.sweep(t.Context(), before)
	if err != nil {
		t.Errorf("sweep: %v", err)
	}
	return seen
}

// objects lists the RADOS objects of a pool.
func objects(t testing.TB, c *ceph.Cluster, pool string) string {
	t.Helper()
	return c.Run(t, "rados", "--pool", pool, "ls")
}

// halfImage makes an RBD image as a crash, or another host, leaves it.
func halfImage(t testing.TB, s *Store, name string, change func(*rbd.Image) error) {
	t.Helper()
	if err := s.do(t.Context(), func(c *cluster) error { return s.makeImage(c, name) }); err != nil {
		t.Fatal(err)
	}
	changeImage(t, s, name, change)
}

// changeImage changes an RBD image.
func changeImage(t testing.TB, s *Store, name string, change func(*rbd.Image) error) {
	t.Helper()
	err := s.do(t.Context(), func(c *cluster) error {
		img, err := c.openToWrite(name)
		if err != nil {
			return err
		}
		return errors.Join(change(img), img.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSweep sweeps a pool with all that can be in one.
func TestSweep(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, newPool(t, c)).open(t)
	elsewhere := mark{Host: "elsewhere", Boot: "another", PIDs: "pid:[1]", PID: 1}
	dead := ownMark()
	dead.PID = 1 << 22 // the kernel gives no larger pid

	add(t, s, "image", []byte("bytes"))
	halfImage(t, s, "foreign", func(img *rbd.Image) error { return img.Resize(firstSize + 1) })
	halfImage(t, s, "unmarked", func(*rbd.Image) error { return nil })
	halfImage(t, s, "unmarked, written", func(img *rbd.Image) error {
		_, err := img.WriteAt([]byte("bytes"), 0)
		return err
	})
	halfImage(t, s, "of another host", elsewhere.set)
	halfImage(t, s, "of nobody", func(img *rbd.Image) error { return img.SetMetadata(keyMark, "nonsense") })
	halfImage(t, s, "not published", func(img *rbd.Image) error {
		_, err := makeSnap(img)
		if err == nil {
			err = dead.set(img)
		}
		return err
	})
	halfImage(t, s, "published", func(img *rbd.Image) error {
		_, err := makeSnap(img)
		if err == nil {
			err = img.GetSnapshot(tempSnap).Rename(snapName)
		}
		if err == nil {
			err = dead.set(img)
		}
		return err
	})
	halfImage(t, s, "half deleted", func(img *rbd.Image) error {
		_, err := img.CreateSnapshot(snapName) // not protected any more
		return errors.Join(err, dead.set(img))
	})
	for name, by := range map[string]mark{"withdrawn": dead, "withdrawn elsewhere": elsewhere} {
		add(t, s, name, []byte("bytes"))
		err := withdrawn(s, name, func(*cluster, string, mark) {})
		if err != nil {
			t.Fatal(err)
		}
		changeImage(t, s, name, func(img *rbd.Image) error {
			m, err := readMark(img)
			by.Snap = m.Snap
			return errors.Join(err, by.set(img))
		})
	}
	var watched *rbd.Image
	halfImage(t, s, "under way elsewhere", elsewhere.set)
	err := s.do(t.Context(), func(c *cluster) (err error) {
		watched, err = c.openToWrite("under way elsewhere")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	left := []string{"foreign", "half deleted", "image", "published", "unmarked, written", "withdrawn", "withdrawn elsewhere"}
	seen := sweepOnce(t, s, nil)
	if !seen.alive || len(seen.doubtful) != 2 {
		t.Errorf("the first sweep saw %+v", seen)
	}
	wantNames(t, s, slices.Concat(left[:4], []string{"under way elsewhere", "unmarked"}, left[4:])...)
	for _, name := range []string{"half deleted", "published"} {
		wantProtected(t, s, name)
	}
	if err := watched.Close(); err != nil {
		t.Fatal(err)
	}
	if seen = sweepOnce(t, s, seen.doubtful); seen.alive || len(seen.doubtful) > 0 {
		t.Errorf("the second sweep, after the last watcher has gone, saw %+v", seen)
	}
	wantNames(t, s, left...)
	for _, name := range []string{"image", "withdrawn", "withdrawn elsewhere"} {
		wantProtected(t, s, name)
		wantImage(t, s, name, []byte("bytes"))
	}

	_, err = s.Create(t.Context(), "foreign")
	wantIs(t, "add of a foreign RBD image", err, os.ErrExist)
	wantIs(t, "delete of a foreign RBD image", s.Delete(t.Context(), "foreign"), os.ErrNotExist)
	wantNames(t, s, left...)
}

// TestSweepNew: an RBD image whose writer died before he marked it is removed,
// also when the first sweep comes before Ceph has noticed.
func TestSweepNew(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, newPool(t, c)).open(t)
	halfImage(t, s, "new", func(*rbd.Image) error { return nil })
	var seen sweep
	changeImage(t, s, "new", func(*rbd.Image) error {
		seen = sweepOnce(t, s, nil)
		return nil
	})
	if !seen.alive || len(seen.doubtful) != 0 {
		t.Errorf("while it is watched: %+v", seen)
	}
	if seen = sweepOnce(t, s, seen.doubtful); seen.alive || len(seen.doubtful) != 1 {
		t.Errorf("when the watch has ended: %+v", seen)
	}
	if seen = sweepOnce(t, s, seen.doubtful); seen.alive || len(seen.doubtful) != 0 {
		t.Errorf("some time later: %+v", seen)
	}
	wantNames(t, s)
}

// TestSweepsAtOnce: stores that sweep one pool at once, as after a power cut,
// meet at its RBD images, and all the same none is left for long.
func TestSweepsAtOnce(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	cfg := in(c, newPool(t, c))
	stores := make([]*Store, 4)
	for i := range stores {
		stores[i] = cfg.open(t)
		if err := stores[i].Health(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	dead := ownMark()
	dead.PID = 1 << 22 // the kernel gives no larger pid
	s := stores[0]
	add(t, s, "withdrawn", []byte("bytes"))
	for range 5 {
		for i := range 4 {
			halfImage(t, s, fmt.Sprint("added ", i), dead.set)
		}
		if err := withdrawn(s, "withdrawn", func(*cluster, string, mark) {}); err != nil {
			t.Fatal(err)
		}
		changeImage(t, s, "withdrawn", func(img *rbd.Image) error {
			m, err := readMark(img)
			if err != nil {
				return err
			}
			by := dead
			by.Snap = m.Snap
			return by.set(img)
		})
		var group sync.WaitGroup
		for _, s := range stores {
			group.Go(func() { s.RemoveLeftovers(t.Context()) })
		}
		group.Wait()
		wantNames(t, s, "withdrawn")
		wantImage(t, s, "withdrawn", []byte("bytes"))
		if left := c.Run(t, "rbd", "trash", "ls", "--all", cfg.Pool); left != "" {
			t.Errorf("left in the trash:\n%s", left)
		}
	}
}

// TestDamaged: an RBD image that can't be opened hides no other, and is left
// alone.
func TestDamaged(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, newPool(t, c)).open(t)
	add(t, s, "image", []byte("bytes"))
	add(t, s, "damaged", []byte("bytes"))
	err := s.do(t.Context(), func(c *cluster) error {
		img, err := c.openComplete("damaged")
		if err != nil {
			return err
		}
		defer img.Close()
		id, err := img.GetId()
		if err != nil {
			return err
		}
		return c.pool.SetOmap("rbd_header."+id, map[string][]byte{"size": {1}})
	})
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	err = s.List(t.Context(), func(img backends.Image) error {
		listed = append(listed, img.Name)
		return nil
	})
	if err != nil || len(listed) != 1 || listed[0] != "image" {
		t.Errorf("listed: %q, %v", listed, err)
	}
	if seen := sweepOnce(t, s, nil); seen.alive {
		t.Errorf("sweep: %+v", seen)
	}
	wantNames(t, s, "damaged", "image")
}

// TestRacingCreates: of stores that make an image of one name at once, one can.
func TestRacingCreates(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	cfg := in(c, newPool(t, c))
	var stores []*Store
	for range 4 {
		stores = append(stores, cfg.open(t))
		if err := stores[len(stores)-1].Health(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		name := fmt.Sprint("image ", i)
		errs := make([]error, len(stores))
		var group sync.WaitGroup
		for j, s := range stores {
			group.Go(func() { _, errs[j] = tryAdd(s, name, fmt.Append(nil, j)) })
		}
		group.Wait()
		winner := -1
		for j, err := range errs {
			switch {
			case err == nil && winner >= 0:
				t.Errorf("%s: %d and %d both won", name, winner, j)
			case err == nil:
				winner = j
			case !errors.Is(err, os.ErrExist):
				t.Errorf("%s: %v", name, err)
			}
		}
		if winner < 0 {
			t.Fatalf("%s: nobody won: %v", name, errs)
		}
		wantImage(t, stores[0], name, fmt.Append(nil, winner))
	}
	if left := leftovers(t, stores[0]); left != nil {
		t.Errorf("left in the pool: %q", left)
	}
}
