package ceph

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// parent takes calls to the thread that starts every process of this package.
// The kernel sends a death signal when the thread ends that started the child,
// not when the process does (PR_SET_PDEATHSIG(2const)): this one stays.
var parent = sync.OnceValue(func() chan<- func() {
	calls := make(chan func())
	go func() {
		runtime.LockOSThread()
		for call := range calls {
			call()
		}
	}()
	return calls
})

// start starts a process that is killed when this one ends.
func start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := make(chan error)
	parent() <- func() { err <- cmd.Start() }
	return <-err
}

// output runs a program and returns its standard output.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return stdout.String(), fmt.Errorf("%v: %w\n%s", cmd, err, &stderr)
	}
	return stdout.String(), nil
}

// daemon is one of the cluster's, in the foreground.
type daemon struct {
	program, id string
	conf, log   string
	cmd         *exec.Cmd // nil: not started, or killed
}

func (d *daemon) runs() bool { return d.cmd != nil }

// quickMalloc keeps the daemons from taking new memory for every message of
// some MiB, and giving it back: Ceph's own packages have tcmalloc, which does
// not, Debian's have glibc's malloc, which does. On a virtual machine, where
// new memory is slow, an OSD took 10 CPU seconds instead of 1.5 for 1 GiB in
// writes of 8 MiB, or not, as it came. It does not help always: an arena that is
// not the main one gives back a heap whose last message has gone, whatever the
// threshold.
const quickMalloc = "GLIBC_TUNABLES=glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=268435456"

// start starts the daemon, which need not serve yet.
func (d *daemon) start() error {
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(d.program, "--conf", d.conf, "-i", d.id, "-d") // -d: stay, and log to stderr
	cmd.Env = append(os.Environ(), quickMalloc)
	cmd.Stdout, cmd.Stderr = log, log
	if err := start(cmd); err != nil {
		return err
	}
	d.cmd = cmd
	return nil
}

// kill ends the daemon as a crash would, also one that is stopped, and waits
// until it is gone.
func (d *daemon) kill() {
	if !d.runs() {
		return
	}
	_ = d.cmd.Process.Kill() // fails if it has ended by itself
	_ = d.cmd.Wait()
	d.cmd = nil
}

// sweeper is a process that removes a folder when this process is killed.
type sweeper struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// sweep starts a sweeper. It waits for the end of its standard input, which
// the kernel closes with this process, and then a second for the daemons to
// die of their signal.
func sweep(dir string) (*sweeper, error) {
	cmd := exec.Command("sh", "-c", `read _; sleep 1; rm -rf "$1"`, "sh", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a ^C is not for it
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &sweeper{cmd, stdin}, cmd.Start()
}

// dismiss ends the sweeper: the folder is removed already.
func (s *sweeper) dismiss() {
	_ = s.cmd.Process.Kill()
	_ = s.stdin.Close()
	_ = s.cmd.Wait()
}
