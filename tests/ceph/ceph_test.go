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
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	put := func(ctx context.Context) error {
		_, err := c.Try(ctx, "rados", "--pool", pool, "put", "object", file)
		return err
	}
	c.Quota(t, pool, 1<<20) // what RBD has in a new pool is less
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

// TestFailures breaks a cluster in each way; what a test does not restore its
// end does.
func TestFailures(t *testing.T) {
	t.Parallel()
	c := New(t)
	for _, test := range []struct {
		name  string
		fails func(*testing.T)
	}{
		{"OSD stopped, continued", func(t *testing.T) {
			c.StopOSD(t)
			hangs(t, c.serves)
			c.ContinueOSD(t)
		}},
		{"OSD killed, started", func(t *testing.T) {
			c.KillOSD(t)
			hangs(t, c.serves)
			c.StartOSD(t)
		}},
		{"monitor killed, started", func(t *testing.T) {
			c.KillMon(t)
			hangs(t, c.serves)
			c.StartMon(t)
		}},
		{"OSD stopped", func(t *testing.T) { c.StopOSD(t) }},
		{"OSD stopped and killed", func(t *testing.T) { c.StopOSD(t); c.KillOSD(t) }},
		{"all", func(t *testing.T) { c.KillOSD(t); c.KillMon(t) }},
	} {
		t.Run(test.name, test.fails)
		serves(t, c)
	}
}

// serves fails the test if the cluster takes no write soon: everything that
// waits for it has waited already.
func serves(t *testing.T, c *Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.serves(ctx); err != nil {
		t.Error(err)
	}
}
