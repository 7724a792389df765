//go:build ceph

package rbd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"glancefs/backends"
	"glancefs/backends/storetest"
	"glancefs/tests/ceph"
)

// short is in with deadlines that a test can wait for, also those after which
// librados asks where an OSD is now (5 and 10 s), and its next pause between
// two attempts to find a monitor.
func short(t testing.TB, c *ceph.Cluster, pool string) *config {
	t.Helper()
	text, err := os.ReadFile(c.Conf())
	if err != nil {
		t.Fatal(err)
	}
	conf := t.TempDir() + "/ceph.conf"
	write(t, conf, string(text)+"objecter tick interval = 0.5\nobjecter timeout = 1\nmon client hunt interval = 1\n")
	cfg := inConf(conf, pool)
	cfg.opening.ConnectTimeout, cfg.opening.RequestTimeout = 2*time.Second, 2*time.Second
	return cfg
}

// deadline is the context of one call, longer than librados takes to give up.
func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// appendUntil appends until that fails, or has not failed in a thousand times.
func appendUntil(ctx context.Context, w backends.Writer) error {
	chunk := backends.Chunk{Data: randomBytes(backends.ChunkSize)}
	for range 1000 {
		if err := w.Append(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// wantTimeouts makes calls all at once, each of which ends in time.
func wantTimeouts(t *testing.T, calls map[string]func() error) {
	t.Helper()
	var group sync.WaitGroup
	for what, call := range calls {
		group.Go(func() {
			if err := call(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, want a timeout", what, err)
			}
		})
	}
	group.Wait()
}

// TestStoreStalled runs the conformance suite's tests of calls that hang on
// an OSD that is stopped.
func TestStoreStalled(t *testing.T) {
	t.Parallel()
	c := ceph.New(t)
	conform(t, c, func(cfg *config) { cfg.Timeout = 2 * time.Second }, storetest.Config{
		Groups: []string{"context"},
		Alone:  true,
		Stall: func(t *testing.T, _ backends.Store) func() {
			c.StopOSD(t)
			return sync.OnceFunc(func() { c.ContinueOSD(t) })
		},
	})
}

// TestDown takes the OSD and the monitor away, in the middle of an add and of
// a read, one after the other. Each call ends in time, nothing is left, and
// the same store works when they are back.
func TestDown(t *testing.T) {
	t.Parallel()
	c := ceph.New(t)
	s := short(t, c, newPool(t, c)).open(t)
	data := append(randomBytes(9<<20), make([]byte, 1<<20)...)
	add(t, s, "image", data)
	for _, how := range []struct {
		name       string
		down, back func(testing.TB)
	}{
		{"OSD stopped", c.StopOSD, c.ContinueOSD},
		{"OSD killed", c.KillOSD, c.StartOSD},
	} {
		t.Run(how.name, func(t *testing.T) {
			w, err := s.Create(t.Context(), "under way")
			if err != nil {
				t.Fatal(err)
			}
			defer w.Abort(deadline(t))
			r, err := s.Open(t.Context(), "image")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()

			how.down(t)
			wantTimeouts(t, map[string]func() error{
				"read":   func() error { _, err := r.ReadAt(deadline(t), make([]byte, 4096), 0); return err },
				"append": func() error { return appendUntil(deadline(t), w) },
				"stat":   func() error { _, err := s.Stat(deadline(t), "image"); return err },
				"health": func() error { return s.Health(deadline(t)) },
				"delete": func() error { return s.Delete(deadline(t), "image") },
			})
			wantIs(t, "abort", w.Abort(deadline(t)), context.DeadlineExceeded)

			how.back(t)
			eventually(t, "the store to work", func() bool { return s.Health(deadline(t)) == nil })
			wantImage(t, s, "image", data)
			wantProtected(t, s, "image")
			wantClean(t, s)
			add(t, s, "under way", data)
			if err := s.Delete(t.Context(), "under way"); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("delete", func(t *testing.T) { deleteDown(t, c, s, data) })
	t.Run("closed", func(t *testing.T) {
		cfg := short(t, c, s.opts.Pool)
		cfg.Timeout = time.Hour
		patient, err := cfg.start()
		if err != nil {
			t.Fatal(err)
		}
		w, err := patient.Create(t.Context(), "under way")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(t.Context(), backends.Chunk{Data: data}); err != nil {
			t.Fatal(err)
		}
		c.StopOSD(t)
		w.Abort(deadline(t)) // it can't
		if err := patient.Close(); err != nil {
			t.Error(err)
		}
		c.ContinueOSD(t)
		eventually(t, "the next sweep to remove it", func() bool {
			sweepOnce(t, s, nil)
			return len(leftovers(t, s)) == 0
		})
	})
	t.Run("monitor killed", func(t *testing.T) {
		w, err := s.Create(t.Context(), "under way")
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort(deadline(t))
		c.KillMon(t)
		// Bytes need no monitor; a snapshot does.
		wantImage(t, s, "image", data)
		if err := w.Append(deadline(t), backends.Chunk{Data: data}); err != nil {
			t.Errorf("append without a monitor: %v", err)
		}
		_, err = w.Commit(deadline(t), recordOf(data))
		wantIs(t, "commit", err, context.DeadlineExceeded)
		w.Abort(deadline(t)) // it may need the monitor
		_, err = s.Space(deadline(t))
		wantIs(t, "space", err, context.DeadlineExceeded)
		other := short(t, c, s.opts.Pool).open(t)
		_, err = other.Stat(deadline(t), "image")
		wantIs(t, "stat of a new store", err, context.DeadlineExceeded)

		c.StartMon(t)
		for _, s := range []*Store{s, other} {
			eventually(t, "the store to work", func() bool { return s.Health(deadline(t)) == nil })
			wantImage(t, s, "image", data)
		}
		eventually(t, "the name to be free again", func() bool {
			_, err := tryAdd(s, "under way", data)
			return err == nil
		})
		wantClean(t, s)
	})
}

// deleteDown stops the OSD in the middle of deletes of an image. They fail, and
// it is an image again soon after the OSD goes on.
func deleteDown(t *testing.T, c *ceph.Cluster, s *Store, data []byte) {
	var failed error
	for name, fail := range map[string]func() error{
		"at the snapshot's name": func() error {
			return s.do(context.Background(), func(conn *cluster) error {
				id, err := s.deletable(conn, "image")
				if err != nil {
					return err
				}
				ctx := asked{context.Background(), func() { c.StopOSD(t) }}
				return s.remove(ctx, conn, "image", id)
			})
		},
		"without the snapshot": func() error {
			err := withdrawn(s, "image", func(conn *cluster, id string, m mark) {
				c.StopOSD(t)
				failed = conn.classify(s.takeBack(conn, "image", id, m, errors.New("not removed")))
			})
			return errors.Join(err, failed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantIs(t, "delete", fail(), context.DeadlineExceeded)
			c.ContinueOSD(t)
			eventually(t, "the image to be one again", func() bool {
				_, err := s.Stat(deadline(t), "image")
				return err == nil && len(leftovers(t, s)) == 0
			})
			wantProtected(t, s, "image")
			wantImage(t, s, "image", data)
		})
	}
}

// asked is a context that runs a function when it is asked for its error.
type asked struct {
	context.Context
	run func()
}

func (a asked) Err() error {
	a.run()
	return nil
}

// TestFull: a pool that is over its quota refuses what is being written, and
// nothing is left of it; images can be read and deleted.
func TestFull(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, c.Pool(t)).open(t)
	data := randomBytes(10 << 20)
	add(t, s, "image", data)
	w, err := s.Create(t.Context(), "under way")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort(deadline(t))
	c.Quota(t, s.opts.Pool, 5<<20)
	c.WaitFull(t, s.opts.Pool)

	err = appendUntil(t.Context(), w)
	if !errors.Is(err, backends.ErrQuota) && !errors.Is(err, backends.ErrFull) {
		t.Errorf("append to a full pool: %v", err)
	}
	if err := w.Abort(t.Context()); err != nil {
		t.Errorf("abort in a full pool: %v", err)
	}
	if _, err = s.Create(t.Context(), "another"); !errors.Is(err, backends.ErrQuota) && !errors.Is(err, backends.ErrFull) {
		t.Errorf("add to a full pool: %v", err)
	}
	space, err := s.Space(t.Context())
	if err != nil || space.Free != 0 || space.Total < 5<<20 {
		t.Errorf("the space of a full pool: %+v, %v", space, err)
	}
	wantClean(t, s)
	wantImage(t, s, "image", data)
	if err := s.Delete(t.Context(), "image"); err != nil {
		t.Errorf("delete in a full pool: %v", err)
	}
	wantNames(t, s)
	c.Quota(t, s.opts.Pool, 0)
	c.WaitNotFull(t, s.opts.Pool)
	add(t, s, "image", data)
}

// TestMissingPool: a pool that is not there, or not any more, is a fault of
// the configuration, not a missing image.
func TestMissingPool(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	const pool = "comes-and-goes"
	s := in(c, pool).open(t)
	missing := func(when string) {
		t.Helper()
		list := func() error { return s.List(t.Context(), func(backends.Image) error { return nil }) }
		wantIs(t, "list "+when, list(), backends.ErrMisconfigured) // the first to notice
		for what, call := range map[string]func() error{
			"stat":   func() error { _, err := s.Stat(t.Context(), "image"); return err },
			"open":   func() error { _, err := s.Open(t.Context(), "image"); return err },
			"list":   list,
			"create": func() error { _, err := s.Create(t.Context(), "image"); return err },
			"delete": func() error { return s.Delete(t.Context(), "image") },
			"health": func() error { return s.Health(t.Context()) },
		} {
			err := call()
			if !errors.Is(err, backends.ErrMisconfigured) || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), pool) {
				t.Errorf("%s %s: %v", what, when, err)
			}
		}
	}
	missing("before there was a pool")
	for range 2 {
		c.Run(t, "ceph", "osd", "pool", "create", pool)
		eventually(t, "the pool", func() bool { return s.Health(t.Context()) == nil })
		add(t, s, "image", []byte("bytes"))
		c.Run(t, "ceph", "osd", "pool", "delete", pool, pool, "--yes-i-really-really-mean-it")
		missing("after the pool was deleted")
	}
}

// TestLogin: each way in which Ceph's configuration can be wrong has its
// error, and a store works as soon as it is right.
func TestLogin(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	pool := newPool(t, c)
	id, conf := c.User(t, "mon", "profile rbd", "osd", "profile rbd pool="+pool)
	text, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	keyring := t.TempDir() + "/keyring"
	moved := t.TempDir() + "/ceph.conf"
	write(t, moved, string(text)+"keyring = "+keyring+"\n")
	right := c.Run(t, "ceph", "auth", "get", "client."+id)

	cfg := inConf(moved, pool)
	cfg.User = id
	s := cfg.open(t)
	wantIs(t, "without a keyring", s.Health(t.Context()), backends.ErrMisconfigured)
	write(t, keyring, "[client."+id+"]\nkey = AQDtjhNoyIjeHRAAJpWZrXJRcQgVPZpiVxQxVw==\n")
	eventually(t, "the wrong key to be refused", func() bool { return errors.Is(s.Health(t.Context()), fs.ErrPermission) })
	write(t, keyring, right)
	eventually(t, "the right key to be taken", func() bool { return s.Health(t.Context()) == nil })
	add(t, s, "image", []byte("bytes"))
	if err := s.Rename(t.Context(), "image", "other"); err != nil {
		t.Errorf("rename with Glance's capabilities: %v", err)
	}
	if _, err := s.Space(t.Context()); err != nil {
		t.Errorf("space with Glance's capabilities: %v", err)
	}
	if err := s.Delete(t.Context(), "other"); err != nil {
		t.Errorf("delete with Glance's capabilities: %v", err)
	}
	cfg.Pool = newPool(t, c)
	wantIs(t, "in a pool that the user may not use", cfg.open(t).Health(t.Context()), fs.ErrPermission)

	for what, conf := range map[string]string{"missing": t.TempDir() + "/none", "nonsense": keyring + ".bad"} {
		write(t, keyring+".bad", "[global\nfsid")
		_, err := inConf(conf, pool).start()
		if !errors.Is(err, backends.ErrMisconfigured) || !strings.Contains(err.Error(), conf) {
			t.Errorf("with a ceph.conf that is %s: %v", what, err)
		}
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
