package file

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"glancefs/tests/need"
)

// TestChroot adds in a chroot whose root is no mountpoint: the mount of the
// datadir is not in /proc/self/mountinfo then.
func TestChroot(t *testing.T) {
	need.Root(t)
	root := t.TempDir()
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "program"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	// The rest of what a program needs, mounted for the child only.
	cmd := exec.Command("unshare", "--mount", "sh", "-ec", `
		for dir in usr lib lib64 proc; do
			[ -e /$dir ] || continue
			mkdir "$0/$dir"
			mount --bind /$dir "$0/$dir"
		done
		exec chroot "$0" /program`, root)
	c := startCommand(t, cmd, "add", "GLANCEFS_DIR=/images", "TMPDIR=/")
	c.tell(t, "commit")
	c.expect(t, "committed")
	if _, err := in(filepath.Join(root, "images")).must(t).Stat(unlimited, "child"); err != nil {
		t.Error(err)
	}
}
