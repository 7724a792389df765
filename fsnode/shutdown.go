package fsnode

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// commitGrace is how long commits that have begun may take to end.
	commitGrace = 10 * time.Second
	// readerGrace is how long the readers of a busy mount may go on.
	readerGrace = 10 * time.Second
)

var (
	errShutdown        = refusal{unix.EIO, "aborted: the mount is shutting down"}
	errConnectionEnded = refusal{unix.EIO, "aborted: the connection with the kernel has ended"}
)

// Shutdown ends the mount: no new opens, the adds under way are aborted
// (commits that have begun end), unmount. A mount that is busy is detached,
// so that it can be mounted anew; its readers get some seconds more, and with
// force none, then the connection with the kernel is ended. It returns when
// everything is over, or when nothing but the end of the process can end it.
func (m *Mounted) Shutdown(force bool) {
	m.shutdown.Do(func() {
		m.tree.closing.Store(true)
		m.tree.abortAll(errShutdown)
		m.tree.awaitCommits(commitGrace)
		if !m.unmount(force) {
			return
		}
		select {
		case <-m.ended:
		case <-time.After(commitGrace):
		}
	})
}

// unmount unmounts, or detaches a busy mount; it returns false if the
// connection ends with the process, and not before.
func (m *Mounted) unmount(force bool) bool {
	select {
	case <-m.ended: // somebody else has unmounted it
		return true
	default:
	}
	if err := m.server.Unmount(); err == nil {
		return true
	}
	grace := readerGrace
	if force {
		grace = 0
	}
	m.tree.log.Warnf("%s is busy: detached; its readers get %v more", m.dir, grace)
	aborted := force && abortMount(m.dir)
	if err := detach(m.dir); err != nil {
		m.tree.log.Warnf("detach %s: %v", m.dir, err)
		grace = 0
	}
	if aborted {
		return true
	}
	select {
	case <-m.ended:
		return true
	case <-time.After(grace):
	}
	if err := m.abortConnection(); err != nil {
		m.tree.log.Warnf("%s: the connection ends with the process: %v", m.dir, err)
		return false
	}
	return true
}

// abortMount ends the connection of a mount that is in the tree still, as
// umount -f does, which is for root; fusectl need not be mounted for that.
func abortMount(dir string) bool {
	err := unix.Unmount(dir, unix.MNT_FORCE)
	return err == nil || errors.Is(err, unix.EBUSY) // it has ended, busy or not
}

// detach unmounts lazily.
func detach(dir string) error {
	if os.Geteuid() == 0 {
		return unix.Unmount(dir, unix.MNT_DETACH)
	}
	if out, err := exec.Command("fusermount3", "-u", "-z", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("fusermount3: %w: %s", err, out)
	}
	return nil
}
