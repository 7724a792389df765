package fsnode

import (
	"os"
	"strings"
	"testing"

	"glancefs/tests/need"
)

// TestReadAheadWindow: the kernel has taken the read-ahead of the mount.
func TestReadAheadWindow(t *testing.T) {
	need.Root(t)
	m := mount(t, "")
	text, err := os.ReadFile("/sys/class/bdi/0:" + connectionOf(m.dir) + "/read_ahead_kb")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(text)); got != "1024" {
		t.Errorf("it reads %s KiB ahead", got)
	}
}
