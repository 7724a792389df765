//go:build bench

package bench

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
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

// removeWhenKilled removes the folders when the run is interrupted: tests do
// not clean up then. The mounts end with the process.
func removeWhenKilled() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		tempDirs.Range(func(dir, _ any) bool {
			_ = os.RemoveAll(dir.(string)) // best effort: what is in use stays
			return true
		})
		os.Exit(1)
	}()
}
