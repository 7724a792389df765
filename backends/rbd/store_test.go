//go:build ceph

package rbd

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ceph/go-ceph/rbd"
	"github.com/sirupsen/logrus"

	"glancefs/backends"
	"glancefs/backends/storetest"
	"glancefs/tests/ceph"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait for Ceph most of the time, and do so together.
	for name, value := range map[string]string{"test.parallel": "16", "rapid.checks": "5"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	if part := os.Getenv(childEnv); part != "" {
		beChild(part)
		return
	}
	code := m.Run()
	ceph.Stop()
	os.Exit(code)
}

// config is what a test configures a store with.
type config struct {
	options
	opening backends.Opening
}

// in makes a configuration for a pool of a cluster.
func in(c *ceph.Cluster, pool string) *config { return inConf(c.Conf(), pool) }

// inConf is in with the path of a ceph.conf.
func inConf(conf, pool string) *config {
	log := logrus.New()
	if os.Getenv("RBDLOG") == "" {
		log.SetOutput(io.Discard)
	} else {
		log.SetLevel(logrus.DebugLevel)
	}
	return &config{
		options: options{ChunkSize: 8, Pool: pool, CephConf: conf, Timeout: -1},
		opening: backends.Opening{
			Name: "ceph", Log: logrus.NewEntry(log), SyncOnClose: true,
			ConnectTimeout: 10 * time.Second, RequestTimeout: 20 * time.Second,
		},
	}
}

// start opens the store.
func (c *config) start() (*Store, error) {
	opts := c.options
	opening := c.opening
	opening.Options = &opts
	store, err := Driver().Open(context.Background(), opening)
	if err != nil {
		return nil, err
	}
	return store.(*Store), nil
}

// open opens the store until the test ends.
func (c *config) open(t testing.TB) *Store {
	t.Helper()
	store, err := c.start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

var pools atomic.Int64 // made so far

// newPool makes a pool that lasts until the test ends. Beside Cluster.Pool it
// takes no processes, of which a suite would need hundreds.
func newPool(t testing.TB, c *ceph.Cluster) string {
	t.Helper()
	pool := fmt.Sprint("suite", pools.Add(1))
	conn, err := newLink(&in(c, pool).options, in(c, pool).opening, nil).prepare()
	if err == nil {
		err = conn.Connect()
	}
	if err == nil {
		err = conn.MakePool(pool)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.DeletePool(pool); err != nil {
			t.Error(err)
		}
		conn.Shutdown()
	})
	return pool
}

// conform runs the conformance suite over stores in pools of their own.
func conform(t *testing.T, c *ceph.Cluster, change func(*config), more storetest.Config) {
	t.Helper()
	var configs sync.Map
	more.Slow = true
	more.New = func(t *testing.T) backends.Store {
		cfg := in(c, newPool(t, c))
		change(cfg)
		s := cfg.open(t)
		configs.Store(s, cfg)
		return s
	}
	more.Reopen = func(t *testing.T, s backends.Store) backends.Store {
		cfg, _ := configs.Load(s)
		other := cfg.(*config).open(t)
		configs.Store(other, cfg)
		return other
	}
	more.Leftovers = func(t *testing.T, s backends.Store) []string { return leftovers(t, s.(*Store)) }
	more.Change = rewrite
	more.DeletedUnreadable = true
	storetest.Run(t, more)
}

// leftovers lists what a pool has beside images.
func leftovers(t testing.TB, s *Store) (left []string) {
	t.Helper()
	err := s.do(context.Background(), func(c *cluster) error {
		names, err := rbd.GetImageNames(c.pool)
		for _, name := range names {
			img, err := c.openComplete(name)
			if err != nil {
				left = append(left, fmt.Sprintf("%q: %v", name, err))
				continue
			}
			if m, err := readMark(img); m != nil || err != nil {
				left = append(left, fmt.Sprintf("%q has the mark %+v (%v)", name, m, err))
			}
			img.Close()
		}
		return err
	})
	if err != nil {
		left = append(left, err.Error()) // perhaps not yet
	}
	return left
}

// rewrite replaces the bytes of an image and makes its snapshot anew, as
// another program would.
func rewrite(t *testing.T, s backends.Store, name string) {
	t.Helper()
	changeImage(t, s.(*Store), name, func(img *rbd.Image) error {
		size, err := img.GetSize()
		if err != nil {
			return err
		}
		snap := img.GetSnapshot(snapName)
		for _, step := range []func() error{
			snap.Unprotect,
			snap.Remove,
			func() error { _, err := img.WriteAt(make([]byte, size), 0); return err },
			func() error { snap, err = img.CreateSnapshot(snapName); return err },
			func() error { return snap.Protect() },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestStore(t *testing.T) {
	t.Parallel()
	conform(t, ceph.Start(t), func(*config) {}, storetest.Config{})
}

// TestStoreThin runs on small objects, with holes.
func TestStoreThin(t *testing.T) {
	t.Parallel()
	conform(t, ceph.Start(t), func(c *config) { c.Thin, c.ChunkSize = true, 1 }, storetest.Config{
		Groups: []string{"add", "read"},
	})
}

// add adds an image.
func add(t testing.TB, s *Store, name string, data []byte) backends.Image {
	t.Helper()
	img, err := tryAdd(s, name, data)
	if err != nil {
		t.Fatalf("add %s: %v", name, err)
	}
	return img
}

// tryAdd adds an image, or leaves nothing.
func tryAdd(s *Store, name string, data []byte) (backends.Image, error) {
	ctx := context.Background()
	w, err := s.Create(ctx, name)
	if err != nil {
		return backends.Image{}, err
	}
	for rest := data; err == nil && len(rest) > 0; rest = rest[min(backends.ChunkSize, len(rest)):] {
		err = w.Append(ctx, backends.Chunk{Data: rest[:min(backends.ChunkSize, len(rest))]})
	}
	var img backends.Image
	if err == nil {
		img, err = w.Commit(ctx, recordOf(data))
	}
	return img, errors.Join(err, w.Abort(ctx))
}

// recordOf makes a record for data; no test here compares its digests with
// the bytes.
func recordOf(data []byte) backends.Record {
	return backends.Record{Size: int64(len(data)), Checksum: "0123", Multihash: "4567", HashingAlgo: "sha512"}
}

// randomBytes returns bytes that are the same each time.
func randomBytes(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // never fails
	return data
}

// wantImage checks an image's bytes and that it has its record.
func wantImage(t testing.TB, s *Store, name string, data []byte) {
	t.Helper()
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatalf("open %s: %v", name, err)
	}
	defer r.Close()
	got := make([]byte, len(data)+1)
	n, err := r.ReadAt(t.Context(), got, 0)
	if err != nil || !bytes.Equal(got[:n], data) {
		t.Errorf("%s: %d bytes (%v), which are not the %d that were added", name, n, err, len(data))
	}
	if r.Image().Record == nil {
		t.Errorf("%s has no record", name)
	}
}

// wantIs fails the test unless err is target.
func wantIs(t testing.TB, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%s: %v, want %v", what, err, target)
	}
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	const patience = 2 * time.Minute
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// wantClean waits until a pool has nothing but images.
func wantClean(t testing.TB, s *Store) {
	t.Helper()
	eventually(t, "the pool to have nothing but images", func() bool { return len(leftovers(t, s)) == 0 })
}
