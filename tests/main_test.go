// Package tests runs the real glancefs under real tools. Every mount is a
// child process, so that a test never waits for itself; what a test leaves
// behind (a mount, a process, a loop device, a descriptor or a temporary file
// of the daemon) fails the run.
//
// GLANCEFS_BINARY names a binary to test instead of one that is built here,
// with the race detector and the build tags that the tests were built with.
package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"glancefs/tests/ceph"
)

var (
	binary string // the glancefs that is tested
	work   string // everything that a run makes is in here
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if work, err = os.MkdirTemp("", "glancefs-tests-"); err == nil {
		defer os.RemoveAll(work)
		err = os.Chmod(work, 0o755) // other users are tested too
	}
	if err == nil {
		err = buildBinary()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("TMPDIR", work) // t.TempDir
	os.Setenv("LC_ALL", "C")  // the tools' messages
	code := m.Run()
	ceph.Stop()
	if left := leftovers(); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "FAIL: left over at the end of the run:\n"+strings.Join(left, "\n"))
		return 1
	}
	return code
}

// buildBinary puts the binary under test into the run's folder, by which its
// processes are found.
func buildBinary() error {
	binary = filepath.Join(work, "glancefs")
	cmd := exec.Command("go", "build", "-race", "-tags", tags(), "-o", binary, "glancefs/cmd/glancefs")
	if given := os.Getenv("GLANCEFS_BINARY"); given != "" {
		cmd = exec.Command("cp", given, binary)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	return nil
}

// tags are the build tags of the tests themselves, such as ceph.
func tags() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-tags" {
				return s.Value
			}
		}
	}
	return ""
}

// leftovers lists the mounts, loop devices and processes of this run. A
// process that was just told to end gets a moment.
func leftovers() (left []string) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left = nil
		for _, m := range mountpoints(work) {
			left = append(left, "mount "+m)
		}
		backing, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
		for _, f := range backing {
			if file, err := os.ReadFile(f); err == nil && strings.HasPrefix(string(file), work) {
				left = append(left, "loop device "+f)
			}
		}
		for _, pid := range runProcesses() {
			left = append(left, "process "+describe(pid))
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

// mountpoints lists what is mounted at or below dir.
func mountpoints(dir string) (found []string) {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		panic(err) // no proc, no tests
	}
	for line := range strings.Lines(string(info)) {
		if at := strings.Fields(line)[4]; at == dir || strings.HasPrefix(at, dir+"/") {
			found = append(found, at)
		}
	}
	return found
}

// sessions holds the session of every script that the run started.
var sessions sync.Map

// runProcesses lists the processes that live of those that this run started:
// the scripts with what they started, and every glancefs.
//
// It reads nothing of /proc that waits for a process in execve, as stat and
// environ do: closing a descriptor there waits for the daemon, which may hang.
func runProcesses() (pids []int) {
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range entries {
		status, err := os.ReadFile(dir + "/status")
		if err != nil || statusField(status, "State:") == "Z" {
			continue // ended
		}
		pid, _ := strconv.Atoi(filepath.Base(dir))
		_, ours := sessions.Load(statusField(status, "NSsid:"))
		exe, _ := os.Readlink(dir + "/exe") // a kernel thread has none
		if ours || strings.HasPrefix(exe, work+"/") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// statusField returns the first word of a line of /proc/PID/status.
func statusField(status []byte, name string) string {
	for line := range strings.Lines(string(status)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			return words[1]
		}
	}
	return ""
}
