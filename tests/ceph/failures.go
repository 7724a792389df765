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
// asks for a new map every 0.1 s, not 5 s, while no OSD is up, and after 0.5 s,
// not 10 s, when the one it knows does not answer.
func (c *Cluster) serves(ctx context.Context) error {
	_, err := c.Try(ctx, "rados", "--objecter-tick-interval", "0.1", "--objecter-timeout", "0.5",
		"--pool", probe, "put", "probe", os.DevNull)
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

// StopOSD stops the OSD as a machine that hangs (SIGSTOP): its connections
// stay, and nobody answers. The end of the test restores the cluster.
func (c *Cluster) StopOSD(t testing.TB) {
	t.Helper()
	t.Cleanup(func() { c.restore(t) })
	c.signalOSD(t, syscall.SIGSTOP)
}

// ContinueOSD lets a stopped OSD go on, and waits until it serves.
func (c *Cluster) ContinueOSD(t testing.TB) {
	t.Helper()
	c.signalOSD(t, syscall.SIGCONT)
	c.wantServes(t)
}

func (c *Cluster) signalOSD(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := c.osd.cmd.Process.Signal(signal); err != nil {
		t.Fatalf("%v\n%s", err, c.logs())
	}
}

// KillOSD kills the OSD. The end of the test restores the cluster.
func (c *Cluster) KillOSD(t testing.TB) {
	t.Helper()
	t.Cleanup(func() { c.restore(t) })
	c.osd.kill()
}

// StartOSD starts a killed OSD, and waits until it serves.
func (c *Cluster) StartOSD(t testing.TB) {
	t.Helper()
	c.startDaemon(t, c.osd)
	c.wantServes(t)
}

// KillMon kills the monitor. The end of the test restores the cluster.
func (c *Cluster) KillMon(t testing.TB) {
	t.Helper()
	t.Cleanup(func() { c.restore(t) })
	c.mon.kill()
}

// StartMon starts a killed monitor, and waits until it serves.
func (c *Cluster) StartMon(t testing.TB) {
	t.Helper()
	c.startDaemon(t, c.mon)
	c.Run(t, "ceph", "mon", "stat")
}

func (c *Cluster) startDaemon(t testing.TB, d *daemon) {
	t.Helper()
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
}

// restore undoes all of the above, whatever of it was done, and waits until
// the cluster serves.
func (c *Cluster) restore(t testing.TB) {
	t.Helper()
	for _, d := range []*daemon{c.mon, c.osd} {
		if !d.runs() {
			c.startDaemon(t, d)
		}
	}
	c.signalOSD(t, syscall.SIGCONT)
	c.wantServes(t)
}
