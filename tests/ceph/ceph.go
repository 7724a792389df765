// Package ceph runs a real Ceph cluster of one node for tests: a monitor, a
// manager and an OSD (BlueStore on a sparse file), on the loopback only. All
// that it starts are children that the kernel kills when the test's process
// ends in whatever way, and a cluster is a folder that is removed then.
//
// A package's tests share the cluster of Start, which TestMain ends with Stop.
// A test that breaks its cluster (StopOSD, KillMon, …) and runs beside others
// takes one of its own from New: on two idle cores it is there after 4 seconds.
package ceph

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"glancefs/tests/need"
)

// limit is how long anything here may take before it is a failure. It is far
// more than what it takes on two busy cores.
const limit = 2 * time.Minute

// Cluster is a running cluster.
type Cluster struct {
	dir           string // everything of the cluster
	fsid          string
	port          int // of the monitor
	mon, mgr, osd *daemon
	sweeper       *sweeper
}

// Conf returns the path of a ceph.conf whose keyring has client.admin.
func (c *Cluster) Conf() string { return c.in("ceph.conf") }

// FSID returns the cluster's id, a UUID.
func (c *Cluster) FSID() string { return c.fsid }

func (c *Cluster) in(name string) string { return filepath.Join(c.dir, name) }

var shared struct {
	sync.Mutex
	cluster *Cluster
	err     error
}

// Start returns the cluster that all tests of this process share; the first
// call starts it. Without Ceph's programs it skips the test, see package need.
func Start(t testing.TB) *Cluster {
	t.Helper()
	needs(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		shared.cluster, shared.err = boot()
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

// Stop ends the cluster of Start, if there is one. It is for TestMain.
func Stop() {
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		shared.cluster.stop()
		shared.cluster = nil
	}
}

// New starts a cluster that ends with the test. Without Ceph's programs it
// skips the test, see package need.
func New(t testing.TB) *Cluster {
	t.Helper()
	needs(t)
	c, err := boot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	return c
}

func needs(t testing.TB) {
	t.Helper()
	for _, name := range []string{"ceph-mon", "ceph-mgr", "ceph-osd", "ceph", "rbd", "rados", "monmaptool"} {
		need.Command(t, name, "ceph-mon ceph-mgr ceph-osd ceph-common")
	}
}

// boot starts a cluster and waits until it takes writes.
func boot() (*Cluster, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "glancefs-ceph-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir}
	if err = os.Chmod(dir, 0o755); err == nil { // other users are tested too
		c.sweeper, err = sweep(dir)
	}
	if err == nil {
		err = c.create(ctx)
	}
	if err != nil {
		err = fmt.Errorf("starting Ceph: %w\n%s", err, c.logs())
		c.stop()
		return nil, err
	}
	return c, nil
}

// stop ends the daemons, the short way as nothing of them stays, and removes
// the folder.
func (c *Cluster) stop() {
	for _, d := range []*daemon{c.osd, c.mgr, c.mon} {
		if d != nil {
			d.kill()
		}
	}
	if err := os.RemoveAll(c.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if c.sweeper != nil {
		c.sweeper.dismiss()
	}
}

// logs returns the end of the daemons' logs.
func (c *Cluster) logs() string {
	var b strings.Builder
	files, _ := filepath.Glob(c.in("*.log"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		b.WriteString(file + ":\n" + string(text[max(0, len(text)-4096):]))
		if err != nil {
			b.WriteString(err.Error())
		}
	}
	return b.String()
}

// Run runs one of Ceph's tools (ceph, rbd, rados) as client.admin, and
// returns what it printed. An error ends the test.
func (c *Cluster) Run(t testing.TB, tool string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := c.Try(ctx, tool, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Try is Run, with a context and an error; the error has what the tool wrote
// on its standard error. Arguments override the cluster's: to be another user
// pass --conf and --id.
func (c *Cluster) Try(ctx context.Context, tool string, args ...string) (string, error) {
	out, err := output(ctx, tool, slices.Concat([]string{"--conf", c.Conf()}, args)...)
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return out, err
}
