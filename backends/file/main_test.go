package file

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// childEnv names the part that this binary plays as another process of a
// test, instead of running tests.
const childEnv = "GLANCEFS_FILE_TEST_CHILD"

func TestMain(m *testing.M) {
	if part := os.Getenv(childEnv); part != "" {
		children[part]()
		return
	}
	fds, goroutines := openFiles(), runtime.NumGoroutine()
	code := m.Run()
	if code == 0 {
		code = leaks(fds, goroutines)
	}
	os.Exit(code)
}

// leaks returns 1 if the tests have left a descriptor or a goroutine.
func leaks(fds map[string]string, goroutines int) int {
	var left []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		left = left[:0]
		for fd, target := range openFiles() {
			if _, before := fds[fd]; !before && !ofRuntime(target) {
				left = append(left, fd+" -> "+target)
			}
		}
		if len(left) == 0 && runtime.NumGoroutine() <= goroutines {
			return 0
		}
	}
	stacks := make([]byte, 1<<20)
	fmt.Fprintf(os.Stderr, "left over: descriptors %q, goroutines:\n%s\n", left, stacks[:runtime.Stack(stacks, true)])
	return 1
}

// ofRuntime tells the descriptors that the Go runtime opens when it first
// needs them.
func ofRuntime(target string) bool {
	return strings.HasPrefix(target, "anon_inode:") || strings.HasPrefix(target, "pidfd") || target == "/sys/fs/cgroup"
}

// openFiles returns what the process's descriptors lead to.
func openFiles() map[string]string {
	paths, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		panic(err)
	}
	open := make(map[string]string)
	for _, path := range paths {
		if target, err := os.Readlink(path); err == nil { // not the one of Glob itself
			open[filepath.Base(path)] = target
		}
	}
	return open
}
