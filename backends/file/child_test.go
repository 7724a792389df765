package file

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// children are the parts that this binary plays for its own tests.
var children = map[string]func(){
	"add":  addChild,
	"fuse": fuseChild,
	"user": userChild,
}

// child is another process of a test. It talks in lines.
type child struct {
	*exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// start starts a child with the environment given, and waits until it is
// ready. It ends with the test.
func start(t *testing.T, part string, env ...string) *child {
	t.Helper()
	return startCommand(t, exec.Command(os.Args[0]), part, env...)
}

// startCommand starts this binary by the command given.
func startCommand(t *testing.T, cmd *exec.Cmd, part string, env ...string) *child {
	t.Helper()
	c := &child{Cmd: cmd}
	c.Env = append(append(os.Environ(), childEnv+"="+part), env...)
	c.Stderr = os.Stderr
	var err error
	if c.stdin, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdout = bufio.NewReader(stdout)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	c.expect(t, "ready")
	return c
}

// expect waits for a line.
func (c *child) expect(t *testing.T, line string) {
	t.Helper()
	got, err := c.stdout.ReadString('\n')
	if err != nil || strings.TrimSpace(got) != line {
		t.Fatalf("the child said %q (%v), want %q", got, err, line)
	}
}

// tell sends a line.
func (c *child) tell(t *testing.T, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(c.stdin, line); err != nil {
		t.Fatal(err)
	}
}

// kill ends the child with SIGKILL, and waits until it is gone.
func (c *child) kill() {
	_ = c.Process.Kill() // it may have ended
	_ = c.Wait()         // "signal: killed", of course
}

// signal sends a signal, and waits for the state in /proc/PID/stat that
// follows it.
func (c *child) signal(t *testing.T, s unix.Signal, state string) {
	t.Helper()
	if err := c.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the child to be in state "+state, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		return strings.ContainsAny(rest[:1], state)
	})
}

// addChild begins an add of the image "child" in the datadir GLANCEFS_DIR and
// commits it when it is told to.
func addChild() {
	s, err := in(os.Getenv("GLANCEFS_DIR")).openIn(unlimited)
	check(err)
	w, err := s.Create(unlimited, "child")
	check(err)
	data := make([]byte, backends.ChunkSize)
	check(w.Append(unlimited, backends.Chunk{Data: data}))
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		os.Exit(1) // the test has ended
	}
	_, err = w.Commit(unlimited, recordOf(data))
	check(err)
	fmt.Println("committed")
}

// check ends a child that has failed.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}
