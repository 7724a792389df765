package tests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// kill ends the daemon with SIGKILL; its dead mount stays.
func (m *mount) kill(t *testing.T) {
	t.Helper()
	if err := m.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-m.ended
}

// restart detaches the dead mount and starts the daemon anew.
func (m *mount) restart(t *testing.T) {
	t.Helper()
	m.destroy(t)
	m.serve(t)
}

// wantEnd waits until the daemon has ended, with status 0, and the mountpoint
// is free: adds 15 s for the unmount and 10 s for readers, and some for a
// busy machine.
func (m *mount) wantEnd(t *testing.T) {
	t.Helper()
	select {
	case <-m.ended:
	case <-time.After(40 * time.Second):
		t.Fatalf("the daemon has not ended\n%s", allStacks())
	}
	if status := m.cmd.ProcessState; status.ExitCode() != 0 {
		t.Errorf("the daemon ended with %v", status)
	}
}

// mountInBackground runs glancefs mount as a user does. The daemon that this
// leaves is not m's.
func (m *mount) mountInBackground(t *testing.T) {
	t.Helper()
	args := slices.DeleteFunc(slices.Clone(m.args), func(a string) bool { return a == "--foreground" })
	out, status := glancefs(t, append(args, m.dir)...)
	if status != 0 {
		t.Fatalf("mount: exit status %d\n%s%s", status, out, m.log.tail())
	}
	t.Cleanup(func() {
		if len(mountpoints(m.dir)) > 0 {
			glancefs(t, "umount", "--force", m.dir)
		}
	})
}

// umountInBackground ends what mountInBackground left.
func (m *mount) umountInBackground(t *testing.T) {
	t.Helper()
	eventually(t, "glancefs umount succeeds", func() bool {
		out, status := glancefs(t, "umount", m.dir)
		if status != 0 && !strings.Contains(out, "busy") {
			t.Fatalf("exit status %d: %s", status, out)
		}
		return status == 0
	})
}

// glancefs runs a command of the program to its end.
func glancefs(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	cmd.WaitDelay = time.Second // a daemon must not keep our pipe
	text, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%v: %v %v\n%s", cmd, err, ctx.Err(), text)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// stateOf returns the state of a process, a letter; "" if there is none.
func stateOf(pid int) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(status), "State:\t")
	return after[:1]
}

// awaitText waits until the log has a text, at whatever level.
func (l *daemonLog) awaitText(t *testing.T, text string) {
	t.Helper()
	eventually(t, "the log says "+text, func() bool {
		log, _ := os.ReadFile(l.file) // not made yet: nothing logged
		return strings.Contains(string(log), text)
	})
}
