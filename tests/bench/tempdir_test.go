//go:build bench

package bench

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// tempDirs are the folders of the run: gigabytes, also of memory.
var tempDirs sync.Map

// tempDir makes a folder that is removed at the end of the test.
func tempDir(t *testing.T, parent string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "glancefs-bench-")
	if err != nil {
		t.Fatal(err)
	}
	tempDirs.Store(dir, nil)
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// mounts are the directories of the run's mounts.
var mounts sync.Map

// endWhenKilled ends an interrupted run, and leaves nothing behind: tests do
// not clean up then. The daemons end with the process.
func endWhenKilled() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		fmt.Fprintln(os.Stderr, "interrupted")
		if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil { // what fails now is no news
			_, _ = unix.Dup2(int(null.Fd()), 1), unix.Dup2(int(null.Fd()), 2)
		}
		mounts.Range(func(dir, _ any) bool {
			_ = unix.Unmount(dir.(string), unix.MNT_DETACH) // it may have ended
			return true
		})
		for range 3 { // somebody may be making files in them
			tempDirs.Range(func(dir, _ any) bool {
				_ = os.RemoveAll(dir.(string)) // best effort: what is in use stays
				return true
			})
		}
		os.Exit(1)
	}()
}
