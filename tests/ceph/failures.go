package ceph

import (
	"context"
	"os"
	"syscall"
	"testing"
)

// probe is the pool to which this package writes to see whether it can.
const probe = "probe"

// serves waits until the cluster takes a write: the tool waits for that. It
// asks every 0.1 s, not 5 s, whether the OSD is up.
func (c *Cluster) serves(ctx context.Context) error {
	_, err := c.Try(ctx, "rados", "--objecter-tick-interval", "0.1", "--pool", probe, "put", "probe", os.DevNull)
	return err
}

// wantServes ends the test if the cluster takes no write.
func (c *Cluster) wantServes(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := c.serves(ctx); err != nil {
		t.Fatalf("%v\n%s", err, c.logs())
	}
}

// StopOSD stops the OSD as a hanging machine would (SIGSTOP): its connections
// stay and nobody answers. The test's end continues it.
func (c *Cluster) StopOSD(t testing.TB) {
	t.Helper()
	c.signalOSD(t, syscall.SIGSTOP)
	t.Cleanup(func() { c.ContinueOSD(t) })
}

// ContinueOSD lets a stopped OSD go on, and waits until it serves. It does
// nothing to one that is not stopped.
func (c *Cluster) ContinueOSD(t testing.TB) {
	t.Helper()
	if c.osd.cmd == nil {
		return // killed meanwhile
	}
	c.signalOSD(t, syscall.SIGCONT)
	c.wantServes(t)
}

func (c *Cluster) signalOSD(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := c.osd.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// KillOSD kills the OSD. The test's end starts it again.
func (c *Cluster) KillOSD(t testing.TB) {
	t.Helper()
	c.osd.kill()
	t.Cleanup(func() { c.StartOSD(t) })
}

// StartOSD starts the OSD if it is killed, and waits until it serves.
func (c *Cluster) StartOSD(t testing.TB) {
	t.Helper()
	c.restart(t, c.osd)
}

// KillMon kills the monitor. The test's end starts it again.
func (c *Cluster) KillMon(t testing.TB) {
	t.Helper()
	c.mon.kill()
	t.Cleanup(func() { c.StartMon(t) })
}

// StartMon starts the monitor if it is killed, and waits until the cluster
// serves.
func (c *Cluster) StartMon(t testing.TB) {
	t.Helper()
	c.restart(t, c.mon)
}

func (c *Cluster) restart(t testing.TB, d *daemon) {
	t.Helper()
	if d.cmd != nil {
		return
	}
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
	c.wantServes(t)
}
