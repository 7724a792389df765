//go:build ceph

package rbd

import (
	"encoding/json"
	"syscall"
	"testing"
	"time"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/tests/ceph"
)

// TestAlone: of two clients, or two calls of one, one has an RBD image alone;
// and not for longer than a minute if it dies then.
func TestAlone(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	cfg := in(c, newPool(t, c))
	s := cfg.open(t)
	var id string
	halfImage(t, s, "image", func(img *rbd.Image) (err error) {
		id, err = img.GetId()
		return err
	})
	alone := func(s *Store, id string, fn func() error) error {
		return s.do(t.Context(), func(c *cluster) error { return c.alone(id, fn) })
	}
	ran := 0
	run := func() error { ran++; return nil }
	err := alone(s, id, func() error {
		wantIs(t, "the same client", alone(s, id, run), syscall.EEXIST)
		wantIs(t, "another client", alone(cfg.open(t), id, run), syscall.EBUSY)
		if ran > 0 {
			t.Error("it ran twice at once")
		}
		var info struct{ Lockers []struct{ Expiration string } }
		out := c.Run(t, "rados", "--pool", cfg.Pool, "lock", "info", "rbd_header."+id, settleLock, "--format", "json")
		if err := json.Unmarshal([]byte(out), &info); err != nil || len(info.Lockers) != 1 {
			t.Errorf("the lock is %s (%v)", out, err)
		} else if ends, err := time.Parse("2006-01-02T15:04:05.999999-0700", info.Lockers[0].Expiration); err != nil {
			t.Error(err)
		} else if left := time.Until(ends); left <= 0 || left > settleTime {
			t.Errorf("the lock ends in %v", left)
		}
		return syscall.EXDEV
	})
	wantIs(t, "what fails alone", err, syscall.EXDEV)
	if err := alone(s, id, run); err != nil || ran != 1 {
		t.Errorf("after the first: %v", err)
	}

	remove(t, s, "image")
	before := objects(t, c, cfg.Pool)
	if err := alone(s, id, run); err != nil || ran != 1 {
		t.Errorf("without an RBD image: %v", err)
	}
	if now := objects(t, c, cfg.Pool); now != before {
		t.Errorf("the lock has made an object: the pool had\n%s, and has\n%s", before, now)
	}
}
