package tests

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long something may take before it counts as a hang. It is
// never a measure of speed: on an idle machine nothing here takes a tenth.
const patience = 60 * time.Second

// process is a shell script that runs beside the test.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *os.File // what it wrote, to stdout and to stderr
	ended chan struct{}
}

// start runs a bash script in the mount's root, in a session of its own. $S is
// the mount's scratch folder, $PY Debian's Python.
func (m *mount) start(t *testing.T, script string) *process {
	t.Helper()
	return startAs(t, m.attr.Credential, m.dir, script, "S="+m.scratch)
}

// sh runs a bash script as start does, without input, and returns what it
// wrote and its exit status.
func (m *mount) sh(t *testing.T, script string) (out string, status int) {
	t.Helper()
	p := m.start(t, script)
	p.stdin.Close()
	return p.wait(t)
}

// wantSh runs a script that must succeed, and returns what it wrote.
func (m *mount) wantSh(t *testing.T, script string) string {
	t.Helper()
	out, status := m.sh(t, script)
	if status != 0 {
		t.Fatalf("exit status %d of: %s\n%s", status, script, out)
	}
	return out
}

func startIn(t *testing.T, dir, script string, env ...string) *process {
	t.Helper()
	return startAs(t, nil, dir, script, env...)
}

func startAs(t *testing.T, user *syscall.Credential, dir, script string, env ...string) *process {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append(env, "PY=/usr/bin/python3")...)
	cmd.Stdout, cmd.Stderr = out, out // a file: nobody waits for its other holders
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: user}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sessions.Store(strconv.Itoa(cmd.Process.Pid), true)
	p := &process{cmd: cmd, stdin: stdin, out: out, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the status is in ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.killSession()
		out.Close()
	})
	return p
}

// wait waits for the end of the shell and returns what was written and the
// exit status as a shell counts it. A process that hangs fails the test, with
// the kernel stacks of all.
func (p *process) wait(t *testing.T) (out string, status int) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		stacks := allStacks()
		p.killSession()
		t.Fatalf("hangs: %v\n%s%s", p.cmd.Args, p.output(t), stacks)
	}
	ws := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return p.output(t), 128 + int(ws.Signal())
	}
	return p.output(t), ws.ExitStatus()
}

// output returns what was written so far.
func (p *process) output(t *testing.T) string {
	t.Helper()
	out, err := os.ReadFile(p.out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// send writes to the script's standard input.
func (p *process) send(t *testing.T, data []byte) {
	t.Helper()
	if _, err := p.stdin.Write(data); err != nil {
		t.Fatal(err)
	}
}

func (p *process) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// killSession ends whatever the script started and left.
func (p *process) killSession() {
	for _, pid := range runProcesses() {
		if session, err := unix.Getsid(pid); err == nil && session == p.cmd.Process.Pid {
			_ = unix.Kill(pid, unix.SIGKILL) // it may just have ended
		}
	}
}

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience / 2); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s\n%s", what, allStacks())
		}
	}
}

// allStacks tells where each process of the run is in the kernel.
func allStacks() string {
	var all strings.Builder
	for _, pid := range runProcesses() {
		all.WriteString(describe(pid) + "\n")
	}
	return all.String()
}

// describe says what a process is and, by thread, where it is in the kernel.
func describe(pid int) string {
	read := func(file string) string {
		return strings.TrimSpace(strings.ReplaceAll(readProc(file), "\x00", " "))
	}
	text := fmt.Sprintf("%d: %s", pid, read(fmt.Sprintf("/proc/%d/cmdline", pid)))
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, task := range tasks {
		wchan := read(task + "/wchan")
		if wchan == "futex_do_wait" || wchan == "do_epoll_wait" {
			continue // the idle threads of a Go program
		}
		text += fmt.Sprintf("\n  %s in %s\n    %s", filepath.Base(task), wchan,
			strings.ReplaceAll(read(task+"/stack"), "\n", "\n    "))
	}
	return text
}

// readProc reads a file of /proc, "" if the process has gone. What waits for
// a process in execve may wait for ever; see runProcesses.
func readProc(file string) string {
	content := make(chan string, 1)
	go func() {
		data, _ := os.ReadFile(file)
		content <- string(data)
	}()
	select {
	case c := <-content:
		return c
	case <-time.After(time.Second):
		return "(reading " + filepath.Base(file) + " hangs)"
	}
}
