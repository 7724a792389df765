package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestOnlyRegularFiles puts things into a datadir that are no images: they
// are not listed, not followed and not deleted, and their names are taken.
func TestOnlyRegularFiles(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	s := in(dir).must(t)
	add(t, s, "image", []byte("hello"))
	secret := filepath.Join(outside, "secret")
	write(t, secret, "secret")
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, err := range map[string]error{
		"dir":     os.Mkdir(path("dir"), 0o755),
		"symlink": os.Symlink(secret, path("symlink")),
		"dirlink": os.Symlink(outside, path("dirlink")),
		"loop":    os.Symlink("loop", path("loop")),
		"fifo":    unix.Mkfifo(path("fifo"), 0o644),
		"socket":  unix.Mknod(path("socket"), unix.S_IFSOCK|0o644, 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Stat(unlimited, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat %s: %v", name, err)
		}
		if _, err := s.Open(unlimited, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %s: %v", name, err)
		}
		if err := s.Delete(unlimited, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("delete %s: %v", name, err)
		}
		if err := s.Rename(unlimited, "image", name); !errors.Is(err, fs.ErrExist) {
			t.Errorf("rename onto %s: %v", name, err)
		}
		if _, err := s.Create(unlimited, name); !errors.Is(err, fs.ErrExist) {
			t.Errorf("create %s: %v", name, err)
		}
		wantThere(t, path(name), true)
	}
	write(t, path(".glancefs-something"), "ours")
	if diff := cmp.Diff([]string{"image"}, names(t, s)); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

// TestHardLinks looks at two names of one file: they are two images.
func TestHardLinks(t *testing.T) {
	dir := t.TempDir()
	s := in(dir).must(t)
	add(t, s, "a", []byte("hello"))
	if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	a, b := stat(t, s, "a"), stat(t, s, "b")
	if a.Incarnation == b.Incarnation {
		t.Errorf("both have the incarnation %s", a.Incarnation)
	}
	if a.Record == nil || b.Record == nil {
		t.Error("a name has no record")
	}
}

// xattrBlock is what ext4 takes for xattrs that do not fit into the inode.
const xattrBlock = 4096

// TestThin looks at what an image of zeros and data takes on disk.
func TestThin(t *testing.T) {
	const chunk, mib = 65536, 1 << 20
	for fsType, dir := range map[string]string{"ext4 or the like": t.TempDir(), "tmpfs": mountAt(t, "tmpfs", "")} {
		t.Run(fsType, func(t *testing.T) {
			data := make([]byte, 4*mib)
			copy(data[mib:], "data")           // one chunk
			copy(data[2*mib+chunk-2:], "edge") // two
			thick, thin := in(dir).must(t), in(dir)
			thin.Thin = true
			add(t, thick, "thick", data)
			img := add(t, thin.must(t), "thin", data)
			if img.Size != 4*mib || img.Allocated < 3*chunk || img.Allocated > 3*chunk+xattrBlock {
				t.Errorf("thin: %d bytes of %d are allocated, want 3 chunks, %d", img.Allocated, img.Size, 3*chunk)
			}
			if img := stat(t, thick, "thick"); img.Allocated < 4*mib {
				t.Errorf("thick: %d bytes of %d are allocated, want all", img.Allocated, img.Size)
			}
		})
	}
}

// TestThinChunk looks for holes of filesystem_store_chunk_size.
func TestThinChunk(t *testing.T) {
	c := in(t.TempDir())
	c.Thin, c.ChunkSize = true, 4096
	s := c.must(t)
	data := make([]byte, 65536)
	data[5000] = 1
	if img := add(t, s, "a", data); img.Allocated > 4096+xattrBlock {
		t.Errorf("%d bytes are allocated, want one chunk", img.Allocated)
	}
}
