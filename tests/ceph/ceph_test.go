package ceph

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

// TestStart: the shared cluster is one, and is the one of its conf.
func TestStart(t *testing.T) {
	c := Start(t)
	if again := Start(t); again != c {
		t.Error("Start started a second cluster")
	}
	if got := strings.TrimSpace(c.Run(t, "ceph", "fsid")); got != c.FSID() {
		t.Errorf("fsid %s, FSID %s", got, c.FSID())
	}
}

// TestPool makes an image in a pool, which is gone after the test that made
// it.
func TestPool(t *testing.T) {
	c := Start(t)
	var pool string
	t.Run("made", func(t *testing.T) {
		pool = c.Pool(t)
		if other := c.Pool(t); other == pool {
			t.Errorf("two pools %s", pool)
		}
		c.Run(t, "rbd", "create", "--size", "4M", pool+"/image")
		if got := c.Run(t, "rbd", "ls", pool); got != "image\n" {
			t.Errorf("rbd ls: %q", got)
		}
	})
	if pools := c.Run(t, "rados", "lspools"); strings.Contains(pools, pool) {
		t.Errorf("%s is still there:\n%s", pool, pools)
	}
}

// TestUser: a user may do what its capabilities say, with its key only.
func TestUser(t *testing.T) {
	c := Start(t)
	pool, other := c.Pool(t), c.Pool(t)
	id, conf := c.User(t, "mon", "profile rbd", "osd", "profile rbd pool="+pool)
	as := func(conf, pool string) error {
		_, err := c.Try(t.Context(), "rbd", "--conf", conf, "--id", id, "create", "--size", "4M", pool+"/image")
		return err
	}
	if err := as(conf, pool); err != nil {
		t.Error(err)
	}
	if err := as(conf, other); err == nil || !strings.Contains(err.Error(), "Operation not permitted") {
		t.Errorf("in another pool: %v", err)
	}
	dir := t.TempDir()
	keyring, wrong := filepath.Join(dir, "keyring"), filepath.Join(dir, "ceph.conf")
	for name, text := range map[string]string{keyring: keyringOf("client."+id, newKey()), wrong: c.clientConf(keyring)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := as(wrong, pool); err == nil || !strings.Contains(err.Error(), "couldn't connect to the cluster") {
		t.Errorf("with a wrong key: %v", err)
	}
}

// TestQuota fills a pool beyond its quota and lifts the quota.
func TestQuota(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pool := c.Pool(t)
	write := func(object string) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Try(ctx, "rados", "--pool", pool, "put", object, "ceph.go")
		return err
	}
	c.Quota(t, pool, 1)
	if c.full(t, pool) {
		t.Error("full while it is empty")
	}
	if err := write("first"); err != nil {
		t.Fatal(err)
	}
	c.WaitFull(t, pool)
	if err := write("second"); err == nil {
		t.Error("wrote to a full pool")
	}
	c.Quota(t, pool, 0)
	c.WaitNotFull(t, pool)
	c.Run(t, "rados", "--pool", pool, "put", "third", "ceph.go")
}

// hangs fails the test if a write to the cluster comes to an end.
func (c *Cluster) hangs(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := c.serves(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a write ended: %v", err)
	}
}

// TestOSD stops, continues, kills and starts the OSD, and leaves it to the
// end of a test to restore it.
func TestOSD(t *testing.T) {
	t.Parallel()
	c := New(t)
	c.StopOSD(t)
	c.hangs(t)
	c.ContinueOSD(t)
	c.KillOSD(t)
	c.hangs(t)
	c.StartOSD(t)
	for name, breaks := range map[string]func(*testing.T){
		"stopped":            func(t *testing.T) { c.StopOSD(t) },
		"killed":             func(t *testing.T) { c.KillOSD(t) },
		"stopped and killed": func(t *testing.T) { c.StopOSD(t); c.KillOSD(t) },
	} {
		t.Run(name, func(t *testing.T) {
			breaks(t)
		})
		c.wantServes(t)
	}
}

// TestMon does to the monitor what TestOSD does to the OSD.
func TestMon(t *testing.T) {
	t.Parallel()
	c := New(t)
	t.Run("killed", func(t *testing.T) {
		c.KillMon(t)
		c.hangs(t)
	})
	c.wantServes(t)
}
