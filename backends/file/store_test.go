package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"glancefs/backends"
	"glancefs/backends/storetest"
	"glancefs/tests/need"
)

// config is what a test configures a store with: options, by default those
// of their tags, and which of them are set.
type config struct {
	options
	set     []string
	opening backends.Opening
}

// in makes a configuration with the datadirs given: one, or several with
// priorities.
func in(datadirs ...string) *config {
	log := logrus.New()
	log.SetOutput(io.Discard)
	c := &config{
		options: options{Datadir: "/var/lib/glance/images", ChunkSize: 65536, Threads: 10, ThreadsWarned: 75},
		opening: backends.Opening{Name: "fast", Log: logrus.NewEntry(log)},
	}
	if len(datadirs) == 1 {
		c.Datadir = datadirs[0]
		c.set = []string{"filesystem_store_datadir"}
	} else {
		c.Datadirs = datadirs
	}
	return c
}

// open opens the store.
func (c *config) open(t *testing.T) (*Store, error) {
	t.Helper()
	return c.openIn(t.Context())
}

// openIn opens the store within ctx.
func (c *config) openIn(ctx context.Context) (*Store, error) {
	opening := c.opening
	opts := c.options
	opening.Options = &opts
	opening.IsSet = func(o string) bool { return slices.Contains(c.set, o) }
	store, err := Driver().Open(ctx, opening)
	if store == nil {
		return nil, err
	}
	return store.(*Store), err
}

// must opens the store, which must have no faults.
func (c *config) must(t *testing.T) *Store {
	t.Helper()
	s, err := c.open(t)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// mountAt mounts a filesystem on a new directory until the test ends.
func mountAt(t *testing.T, fsType, options string) string {
	t.Helper()
	need.Root(t)
	dir := t.TempDir()
	if err := unix.Mount("none", dir, fsType, 0, options); err != nil {
		t.Fatalf("mount %s: %v", fsType, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// conform runs the conformance suite over stores that configure makes of a
// new directory each, below parent.
func conform(t *testing.T, parent string, configure func(dir string) *config, more storetest.Config) {
	t.Helper()
	configs := make(map[backends.Store]*config)
	more.New = func(t *testing.T) backends.Store {
		dir, err := os.MkdirTemp(parent, "store")
		if err != nil {
			t.Fatal(err)
		}
		c := configure(dir)
		s := c.must(t)
		configs[s] = c
		return s
	}
	more.Reopen = func(t *testing.T, s backends.Store) backends.Store { return configs[s].must(t) }
	more.Leftovers = func(t *testing.T, s backends.Store) []string { return leftovers(t, s.(*Store)) }
	more.Change = change
	storetest.Run(t, more)
}

// leftovers lists what a store has beside images.
func leftovers(t *testing.T, s *Store) []string {
	t.Helper()
	var left []string
	for _, d := range s.dirs {
		own := filesIn(t, d.own())
		delete(own, filepath.Join(d.own(), "lock"))
		for path, ino := range filesIn(t, d.path) {
			if filepath.Dir(path) == d.path {
				delete(own, d.sidecar(ino))
			}
		}
		left = slices.AppendSeq(left, maps.Keys(own))
	}
	return left
}

// filesIn returns the inodes of the files in a directory and below.
func filesIn(t *testing.T, dir string) map[string]uint64 {
	t.Helper()
	inodes := make(map[string]uint64)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil {
			info, err = entry.Info()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed while it was being walked over
		}
		if err == nil && !entry.IsDir() {
			inodes[path] = info.Sys().(*syscall.Stat_t).Ino
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return inodes
}

// change writes over an image, in place.
func change(t *testing.T, store backends.Store, name string) {
	t.Helper()
	f, err := store.(*Store).find(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other := make([]byte, f.stat.Size)
	if err := os.WriteFile(f.Name(), other, 0); err != nil {
		t.Fatal(err)
	}
}

func single(dir string) *config { return in(dir) }

func TestStore(t *testing.T) {
	t.Parallel()
	conform(t, t.TempDir(), single, storetest.Config{})
}

func TestStoreSynced(t *testing.T) {
	t.Parallel()
	conform(t, t.TempDir(), func(dir string) *config {
		c := in(dir)
		c.opening.SyncOnClose = true
		return c
	}, storetest.Config{})
}

func TestStoreThin(t *testing.T) {
	t.Parallel()
	conform(t, t.TempDir(), func(dir string) *config {
		c := in(dir)
		c.Thin = true
		return c
	}, storetest.Config{})
}

func TestStoreTmpfs(t *testing.T) {
	t.Parallel()
	conform(t, mountAt(t, "tmpfs", ""), single, storetest.Config{
		Full: func(t *testing.T) backends.Store { return in(mountAt(t, "tmpfs", "size=4m")).must(t) },
	})
}

// TestStoreSidecars runs on a filesystem without user xattrs, and without
// birth times.
func TestStoreSidecars(t *testing.T) {
	t.Parallel()
	dir := mountAt(t, "ramfs", "")
	if err := unix.Setxattr(dir, "user.test", []byte("x"), 0); err != unix.EOPNOTSUPP {
		t.Fatalf("ramfs has user xattrs (%v): this test needs a filesystem without", err)
	}
	conform(t, dir, func(dir string) *config {
		c := in(dir)
		c.opening.SyncOnClose = true
		return c
	}, storetest.Config{LooseIncarnation: true})
}

// TestStoreDatadirs keeps images in three directories: two of one priority,
// on filesystems that fill unevenly, and one below.
func TestStoreDatadirs(t *testing.T) {
	t.Parallel()
	parent, other := t.TempDir(), mountAt(t, "tmpfs", "")
	stores := 0
	conform(t, parent, func(dir string) *config {
		stores++
		return in(dir, filepath.Join(other, fmt.Sprint(stores)), filepath.Join(dir, "below")+":-1")
	}, storetest.Config{
		Full: func(t *testing.T) backends.Store {
			return in(mountAt(t, "tmpfs", "size=4m"), mountAt(t, "tmpfs", "size=3m")).must(t)
		},
	})
}

// TestStoreNetwork runs on a filesystem that can hang and lose replies, and
// that has no renameat2(2), as NFS.
func TestStoreNetwork(t *testing.T) {
	t.Parallel()
	n := mountNetwork(t, "norename2")
	conform(t, n.dir, single, storetest.Config{
		Slow:      true,
		Alone:     true,
		Stall:     func(t *testing.T, _ backends.Store) func() { return n.stall(t) },
		LoseReply: func(t *testing.T, _ backends.Store) (<-chan struct{}, func()) { return n.hold(t) },
	})
}
