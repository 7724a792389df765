package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestMove renames onto a name that is taken, on filesystems of all kinds:
// that does not replace what is there. The calls above look first; this is
// for who is faster.
func TestMove(t *testing.T) {
	for name, dir := range map[string]string{
		"local": t.TempDir(), "tmpfs": mountAt(t, "tmpfs", ""), "ramfs": mountAt(t, "ramfs", ""),
		"no renameat2": mountNetwork(t, "norename2").dir,
	} {
		t.Run(name, func(t *testing.T) {
			from, to, free := filepath.Join(dir, "from"), filepath.Join(dir, "to"), filepath.Join(dir, "free")
			write(t, from, "new")
			write(t, to, "old")
			f, err := os.Open(from)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := move(f, from, to); !errors.Is(err, fs.ErrExist) {
				t.Errorf("onto another: %v, want fs.ErrExist", err)
			}
			if text, err := os.ReadFile(to); err != nil || string(text) != "old" {
				t.Errorf("there is %q now (%v)", text, err)
			}
			wantThere(t, from, true)
			if err := move(f, from, free); err != nil {
				t.Error(err)
			}
			wantThere(t, from, false)
			if text, err := os.ReadFile(free); err != nil || string(text) != "new" {
				t.Errorf("moved: %q (%v)", text, err)
			}
		})
	}
}
