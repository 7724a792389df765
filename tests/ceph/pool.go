package ceph

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var number atomic.Int64 // makes names unique in a process's clusters

// Pool makes a pool for images of RBD and returns its name. The pool is
// deleted at the end of the test.
func (c *Cluster) Pool(t testing.TB) string {
	t.Helper()
	pool := fmt.Sprintf("pool%d", number.Add(1))
	c.Run(t, "ceph", "osd", "pool", "create", pool)
	t.Cleanup(func() { c.Run(t, "ceph", "osd", "pool", "delete", pool, pool, "--yes-i-really-really-mean-it") })
	c.Run(t, "rbd", "pool", "init", pool)
	return pool
}

// User makes a user with capabilities in pairs, as of `ceph auth add`: to
// have what Ceph's manual gives Glance, "mon", "profile rbd", "osd", "profile
// rbd pool=NAME". It returns the id, which is the name without "client.", and
// the path of a ceph.conf whose keyring has this user only. The user is
// deleted at the end of the test.
func (c *Cluster) User(t testing.TB, caps ...string) (id, conf string) {
	t.Helper()
	id = fmt.Sprintf("user%d", number.Add(1))
	entity, keyring, conf := "client."+id, c.in(id+".keyring"), c.in(id+".conf")
	c.Run(t, "ceph", append([]string{"auth", "get-or-create", entity, "-o", keyring}, caps...)...)
	t.Cleanup(func() { c.Run(t, "ceph", "auth", "rm", entity) })
	if err := os.WriteFile(conf, []byte(c.clientConf(keyring)), 0o644); err != nil {
		t.Fatal(err)
	}
	return id, conf
}

// Quota limits the bytes in a pool; 0 is no limit. Ceph sees what is in a pool
// late: see WaitFull.
func (c *Cluster) Quota(t testing.TB, pool string, bytes int64) {
	t.Helper()
	c.Run(t, "ceph", "osd", "pool", "set-quota", pool, "max_bytes", strconv.FormatInt(bytes, 10))
}

// WaitFull waits until the cluster has seen that a pool is over its quota, and
// refuses writes.
func (c *Cluster) WaitFull(t testing.TB, pool string) { t.Helper(); c.waitFlag(t, pool, true) }

// WaitNotFull waits until a pool that was over its quota takes writes again.
func (c *Cluster) WaitNotFull(t testing.TB, pool string) { t.Helper(); c.waitFlag(t, pool, false) }

func (c *Cluster) waitFlag(t testing.TB, pool string, want bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); c.full(t, pool) != want; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("full_quota of %s is not %v after %v\n%s", pool, want, limit, c.Run(t, "ceph", "df"))
		}
	}
}

// full returns whether a pool has the flag full_quota.
func (c *Cluster) full(t testing.TB, pool string) bool {
	t.Helper()
	var dump struct {
		Pools []struct {
			Name  string `json:"pool_name"`
			Flags string `json:"flags_names"` // with commas between
		}
	}
	if err := json.Unmarshal([]byte(c.Run(t, "ceph", "osd", "dump", "--format", "json")), &dump); err != nil {
		t.Fatal(err)
	}
	for _, p := range dump.Pools {
		if p.Name == pool {
			return slices.Contains(strings.Split(p.Flags, ","), "full_quota")
		}
	}
	t.Fatalf("no pool %s", pool)
	return false
}
