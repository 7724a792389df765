package ceph

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childVariable makes TestKilled the process that is killed.
const childVariable = "GLANCEFS_CEPH_CHILD"

// TestKilled kills a test's process: its daemons end, also one that is
// stopped, and the cluster's folder is removed.
func TestKilled(t *testing.T) {
	t.Parallel()
	if os.Getenv(childVariable) != "" {
		beKilled(t)
		return
	}
	needs(t)
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
	cmd.Env, cmd.Stderr = append(os.Environ(), childVariable+"=1"), os.Stderr
	_, err1 := cmd.StdinPipe() // open until this test ends
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	var dir string
	pids := make([]int, 3)
	_, err := fmt.Fscan(stdout, &dir, &pids[0], &pids[1], &pids[2])
	daemons := make([]int, len(pids))
	for i, pid := range pids {
		daemons[i] = pidfd(t, pid)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for i, fd := range daemons {
		wantEnded(t, pids[i], fd)
	}
	wantRemoved(t, dir)
}

// beKilled says where the cluster is and who its daemons are, and waits.
func beKilled(t *testing.T) {
	c := New(t)
	c.StopOSD(t)
	fmt.Println(c.dir, c.mon.cmd.Process.Pid, c.mgr.cmd.Process.Pid, c.osd.cmd.Process.Pid)
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the other process, if that comes first
}

// pidfd returns a descriptor of a process, which never is one of a later
// process with the same number.
func pidfd(t *testing.T, pid int) int {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Errorf("process %d: %v", pid, err)
		return -1
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func wantEnded(t *testing.T, pid, fd int) {
	t.Helper()
	ended := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} // pidfd_open(2)
	n, err := unix.Poll(ended, 30_000)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Poll(ended, 30_000)
	}
	if n != 1 {
		t.Errorf("daemon %d still runs: %v", pid, err)
	}
}

func wantRemoved(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there", dir)
		}
	}
}
