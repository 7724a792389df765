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

// start starts a process that is killed when this one ends. It has a session of
// its own, as a service has: with autogroup, the kernel's scheduler shares the
// cores out by session, and the daemons of a benchmark had one share together.
func start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
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

// tcmalloc is what Ceph's own packages are built with. Debian's use glibc's
// malloc, which takes new memory for a message of some MiB and gives it back:
// an OSD took 1.5 CPU seconds for 1 GiB in writes of 8 MiB, or 12, as its
// threads came by their arenas. ceph-common depends on the library; where it
// does not, the loader says so in the daemon's log, and goes on.
const tcmalloc = "LD_PRELOAD=libtcmalloc.so.4"

// start starts the daemon, which need not serve yet.
func (d *daemon) start() error {
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(d.program, "--conf", d.conf, "-i", d.id, "-d") // -d: stay, and log to stderr
	cmd.Env = append(os.Environ(), tcmalloc)
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
