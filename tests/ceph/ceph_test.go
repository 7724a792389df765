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

// TestQuota fills a pool beyond its quota, and lifts the quota.
func TestQuota(t *testing.T) {
	t.Parallel()
	c := Start(t)
	pool := c.Pool(t)
	put := func(ctx context.Context) error {
		_, err := c.Try(ctx, "rados", "--pool", pool, "put", "object", "ceph.go")
		return err
	}
	c.Quota(t, pool, 1)
	if err := put(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.WaitFull(t, pool)
	hangs(t, put) // librados waits for space, unless it is told not to
	c.Quota(t, pool, 0)
	c.WaitNotFull(t, pool)
	if err := put(t.Context()); err != nil {
		t.Error(err)
	}
}

// hangs fails the test if a call comes to an end.
func hangs(t *testing.T, call func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("does not hang: %v", err)
	}
}

// TestOSD stops, continues, kills and starts the OSD.
func TestOSD(t *testing.T) {
	t.Parallel()
	c := New(t)
	c.StopOSD(t)
	hangs(t, c.serves)
	c.ContinueOSD(t)
	c.wantServes(t)
	c.KillOSD(t)
	hangs(t, c.serves)
	c.StartOSD(t)
	c.wantServes(t)
}

// TestMon kills and starts the monitor.
func TestMon(t *testing.T) {
	t.Parallel()
	c := New(t)
	c.KillMon(t)
	hangs(t, c.serves)
	c.StartMon(t)
	c.wantServes(t)
}

// TestRestores: what a test breaks, its end restores.
func TestRestores(t *testing.T) {
	t.Parallel()
	c := New(t)
	for name, breaks := range map[string]func(*testing.T){
		"stopped":            func(t *testing.T) { c.StopOSD(t) },
		"killed":             func(t *testing.T) { c.KillOSD(t) },
		"stopped and killed": func(t *testing.T) { c.StopOSD(t); c.KillOSD(t) },
		"all":                func(t *testing.T) { c.StopOSD(t); c.KillMon(t) },
	} {
		t.Run(name, breaks)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := c.serves(ctx); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
		cancel()
	}
}
