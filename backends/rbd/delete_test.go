//go:build ceph

package rbd

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ceph/go-ceph/rbd"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"glancefs/backends"
	"glancefs/tests/ceph"
)

// wantNames checks which RBD images a pool has.
func wantNames(t testing.TB, s *Store, want ...string) {
	t.Helper()
	got := names(t, s)
	slices.Sort(got)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("RBD images in the pool (-want +got):\n%s", diff)
	}
}

// wantProtected checks that an image's snapshot is protected, and the image
// not marked.
func wantProtected(t testing.TB, s *Store, name string) {
	t.Helper()
	lookAt(t, s, name, snapName, func(img *rbd.Image) error {
		protected, err := img.GetSnapshot(snapName).IsProtected()
		if !protected {
			t.Errorf("the snapshot of %s is not protected (%v)", name, err)
		}
		m, err := readMark(img)
		if m != nil {
			t.Errorf("%s is marked", name)
		}
		return err
	})
}

// lookAt opens an RBD image, or a snapshot of it, to look at it.
func lookAt(t testing.TB, s *Store, name, snap string, look func(*rbd.Image) error) {
	t.Helper()
	err := s.do(context.Background(), func(c *cluster) error {
		img, err := c.openNamed(name, snap)
		if err != nil {
			return err
		}
		defer img.Close()
		return look(img)
	})
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// clone clones an image.
func clone(t testing.TB, s *Store, name, to string, format uint64) {
	t.Helper()
	err := s.do(t.Context(), func(c *cluster) error {
		o := rbd.NewRbdImageOptions()
		defer o.Destroy()
		if err := o.SetUint64(rbd.ImageOptionCloneFormat, format); err != nil {
			return err
		}
		return rbd.CloneImage(c.pool, name, snapName, c.pool, to, o)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// remove removes an RBD image.
func remove(t testing.TB, s *Store, name string) {
	t.Helper()
	if err := s.do(t.Context(), func(c *cluster) error { return rbd.RemoveImage(c.pool, name) }); err != nil {
		t.Fatal(err)
	}
}

// TestDeleteInUse: an image with clones, of either kind, or with a watcher is
// busy, and nothing of it has changed.
func TestDeleteInUse(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, newPool(t, c)).open(t)
	data := randomBytes(1000)
	before := add(t, s, "image", data)
	busy := func(why string) {
		t.Helper()
		err := s.Delete(t.Context(), "image")
		wantIs(t, "delete with "+why, err, backends.ErrBusy)
		wantProtected(t, s, "image")
		wantImage(t, s, "image", data)
		if now, err := s.Stat(t.Context(), "image"); err != nil || !now.SameAs(before) {
			t.Errorf("after the delete with %s: %+v (%v), want %+v", why, now, err, before)
		}
	}
	for _, format := range []uint64{1, 2} {
		clone(t, s, "image", "clone", format)
		busy("a clone")
		remove(t, s, "clone")
	}
	var watching *rbd.Image
	err := s.do(t.Context(), func(c *cluster) (err error) {
		watching, err = c.opened(rbd.OpenImage(c.pool, "image", snapName))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	busy("a watcher")
	if err := watching.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "image"); err != nil {
		t.Fatal(err)
	}
	wantNames(t, s)
}

// TestDeleteFailsLate: an image that turns out not to be removable when its
// snapshot is gone (it is in a group) is an image again.
func TestDeleteFailsLate(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, newPool(t, c)).open(t)
	data := randomBytes(1000)
	add(t, s, "image", data)
	err := s.do(t.Context(), func(c *cluster) error {
		return errors.Join(rbd.GroupCreate(c.pool, "group"), rbd.GroupImageAdd(c.pool, "group", c.pool, "image"))
	})
	if err != nil {
		t.Fatal(err)
	}
	wantIs(t, "delete of an image in a group", s.Delete(t.Context(), "image"), backends.ErrBusy)
	wantProtected(t, s, "image")
	wantImage(t, s, "image", data)
}

// withdrawn begins to delete an image, until its snapshot is removed, and runs
// then while it is open.
func withdrawn(s *Store, name string, then func(c *cluster, id string, m mark)) error {
	ctx := context.Background()
	return s.do(ctx, func(c *cluster) error {
		id, err := s.deletable(c, name)
		if err != nil {
			return err
		}
		return c.reopen(name, id, func(img *rbd.Image) error {
			m, err := c.deletionMark(img)
			if err == nil {
				err = errors.Join(m.set(img), withdraw(ctx, img))
			}
			then(c, id, m)
			return err
		})
	})
}

// TestSettle: what is settled is the RBD image with that id and mark, and not
// while somebody else has it open.
func TestSettle(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	cfg := in(c, newPool(t, c))
	s, other := cfg.open(t), cfg.open(t)
	add(t, s, "image", []byte("bytes"))
	var id string
	var m mark
	if err := withdrawn(s, "image", func(_ *cluster, i string, mk mark) { id, m = i, mk }); err != nil {
		t.Fatal(err)
	}
	settle := func(id string, m mark) error {
		return s.do(t.Context(), func(c *cluster) error { return c.settle("image", id, m) })
	}
	another := m
	another.Client++
	for what, err := range map[string]error{"with another id": settle("none", m), "with another mark": settle(id, another)} {
		if err != nil {
			t.Errorf("settle %s: %v", what, err)
		}
	}
	changeImage(t, other, "image", func(*rbd.Image) error {
		if err := settle(id, m); !errors.Is(err, backends.ErrBusy) {
			t.Errorf("settle what is open elsewhere: %v", err)
		}
		return nil
	})
	_, err := s.Stat(t.Context(), "image")
	wantIs(t, "stat", err, fs.ErrNotExist)
	if err := settle(id, m); err != nil {
		t.Error(err)
	}
	wantProtected(t, s, "image")
	wantImage(t, s, "image", []byte("bytes"))
}

// TestRacingDeletes: of two stores that delete an image at once one does, and
// for the other there is none.
func TestRacingDeletes(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	cfg := in(c, newPool(t, c))
	stores := []*Store{cfg.open(t), cfg.open(t)}
	for range 5 {
		add(t, stores[0], "image", []byte("bytes"))
		errs := make([]error, len(stores))
		var group sync.WaitGroup
		for i, s := range stores {
			group.Go(func() { errs[i] = s.Delete(t.Context(), "image") })
		}
		group.Wait()
		gone := slices.IndexFunc(errs, func(err error) bool { return errors.Is(err, fs.ErrNotExist) })
		if gone < 0 || errs[1-gone] != nil {
			t.Errorf("two deletes: %v", errs)
		}
	}
	wantNames(t, stores[0])
}

// TestDeleteGoes: a caller who goes before the image was withdrawn finds it
// as it was.
func TestDeleteGoes(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, newPool(t, c)).open(t)
	data := randomBytes(1000)
	add(t, s, "image", data)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.do(t.Context(), func(c *cluster) error {
		id, err := s.deletable(c, "image")
		if err != nil {
			return err
		}
		return s.remove(ctx, c, "image", id)
	})
	wantIs(t, "delete", err, context.Canceled)
	wantProtected(t, s, "image")
	wantImage(t, s, "image", data)
}

// TestTrash: with rbd_trash_in_use an image with clones goes to the trash,
// and the clones stay what they are.
func TestTrash(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	cfg := in(c, newPool(t, c))
	cfg.TrashInUse = true
	s := cfg.open(t)
	data := randomBytes(1000)
	add(t, s, "image", data)
	add(t, s, "other", data)
	clone(t, s, "image", "clone", 2)
	clone(t, s, "other", "old clone", 1)
	if err := s.Delete(t.Context(), "image"); err != nil {
		t.Fatal(err)
	}
	wantIs(t, "delete of an image with a clone of the old kind", s.Delete(t.Context(), "other"), backends.ErrBusy)
	wantProtected(t, s, "other")
	wantNames(t, s, "clone", "old clone", "other")
	if out := c.Run(t, "rbd", "trash", "ls", cfg.Pool); !strings.Contains(out, "image") {
		t.Errorf("the trash has %q", out)
	}
	lookAt(t, s, "clone", rbd.NoSnapshot, func(img *rbd.Image) error {
		got := make([]byte, len(data))
		_, err := img.ReadAt(got, 0)
		if !bytes.Equal(got, data) {
			t.Error("the clone has other bytes")
		}
		return err
	})
	remove(t, s, "clone")
	remove(t, s, "old clone")
}

// TestReadDeleted: an image that is deleted elsewhere while it is being read
// ends in an error, not in zeros.
func TestReadDeleted(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	cfg := in(c, newPool(t, c))
	cfg.ChunkSize = 1
	s, elsewhere := cfg.open(t), cfg.open(t)
	data := append(randomBytes(3<<20), make([]byte, 2<<20)...)
	add(t, s, "image", data)
	r, err := s.Open(t.Context(), "image")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, len(data))
	if n, err := r.ReadAt(t.Context(), got, 0); n != len(data) || err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read: %d bytes, %v", n, err)
	}
	if err := elsewhere.Delete(t.Context(), "image"); err != nil {
		t.Fatalf("delete while it is open for reading elsewhere: %v", err)
	}
	for off := int64(0); off < int64(len(data)); off += 1 << 20 {
		_, err := r.ReadAt(t.Context(), make([]byte, 4096), off)
		wantIs(t, "read of an image that was deleted", err, os.ErrNotExist)
	}
}
