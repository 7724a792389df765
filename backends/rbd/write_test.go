//go:build ceph

package rbd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ceph/go-ceph/rbd"

	"glancefs/backends"
	"glancefs/tests/ceph"
)

// TestGrown: an RBD image of 1 TiB is resized some hundred times, and never
// is much too large.
func TestGrown(t *testing.T) {
	const order = 23
	resizes := 0
	for size, need := int64(firstSize), int64(0); need <= 1<<40; need += pieceSize {
		if need <= size {
			continue
		}
		size = grown(size, need, order)
		resizes++
		if size < need || size-need > growObjects<<order {
			t.Fatalf("at %d bytes the RBD image has %d", need, size)
		}
	}
	if resizes > 150 {
		t.Errorf("an image of 1 TiB is resized %d times", resizes)
	}
}

// TestNoBuffer: an append whose buffers are all being written waits for one no
// longer than its caller does. (librados gives up sooner, mostly.)
func TestNoBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := (&Store{opts: &options{ChunkSize: 8}}).newWriter("x")
		var written [][]byte
		for range writes + 1 {
			written = append(written, <-w.free)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		chunk := backends.Chunk{Data: []byte("bytes")}
		wantIs(t, "append", w.Append(ctx, chunk), context.DeadlineExceeded)
		time.AfterFunc(time.Second, func() { w.free <- written[0] })
		if err := w.Append(t.Context(), chunk); err != nil {
			t.Error(err)
		}
	})
}

// TestLarge adds an image that is larger than the RBD image was first, of
// small objects, and reads it with one of Ceph's tools.
func TestLarge(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	cfg := in(c, newPool(t, c))
	cfg.ChunkSize = 1
	s := cfg.open(t)
	data := randomBytes(firstSize + 12345)
	add(t, s, "image", data)
	wantImage(t, s, "image", data)
	file := t.TempDir() + "/image"
	c.Run(t, "rbd", "export", "--no-progress", cfg.Pool+"/image@snap", file)
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, data) {
		t.Errorf("rbd export: %d bytes, %v", len(got), err)
	}
	wantInfo(t, c, cfg.Pool, "image", int64(len(data)), 20)
}

// wantInfo checks what rbd info tells.
func wantInfo(t testing.TB, c *ceph.Cluster, pool, name string, size int64, order int) {
	t.Helper()
	var info struct {
		Size     int64
		Order    int
		Format   int
		Features []string
	}
	if err := json.Unmarshal([]byte(c.Run(t, "rbd", "info", pool+"/"+name, "--format", "json")), &info); err != nil {
		t.Fatal(err)
	}
	if info.Size != size || info.Order != order || info.Format != 2 {
		t.Errorf("rbd info: %+v, want %d bytes of order %d in format 2", info, size, order)
	}
}

// TestThin: zeros take no space where rbd_thin_provisioning says so, and do
// otherwise.
func TestThin(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	cfg := in(c, newPool(t, c))
	cfg.ChunkSize = 1
	data := append(make([]byte, 8<<20), randomBytes(3<<20)...)
	data = append(data, make([]byte, 5<<20)...)
	for thin, want := range map[bool]int64{true: 3 << 20, false: int64(len(data))} {
		cfg.Thin = thin
		s := cfg.open(t)
		add(t, s, "image", data)
		wantImage(t, s, "image", data)
		var du struct {
			Images []struct {
				Snapshot string
				Used     int64 `json:"used_size"`
			}
		}
		out := c.Run(t, "rbd", "du", cfg.Pool+"/image", "--format", "json")
		if err := json.Unmarshal([]byte(out), &du); err != nil {
			t.Fatal(err)
		}
		for _, img := range du.Images {
			if img.Snapshot == snapName && img.Used != want {
				t.Errorf("thin %v: the image uses %d bytes, want %d", thin, img.Used, want)
			}
		}
		if len(du.Images) == 0 {
			t.Errorf("rbd du: %s", out)
		}
		if err := s.Delete(t.Context(), "image"); err != nil {
			t.Error(err)
		}
	}
}

// TestFeatures: new images have the features that Ceph's configuration says,
// and work without an exclusive lock too.
func TestFeatures(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	text, err := os.ReadFile(c.Conf())
	if err != nil {
		t.Fatal(err)
	}
	for features, want := range map[string]uint64{
		"0": rbd.FeatureLayering, "1": rbd.FeatureLayering,
		"layering,exclusive-lock": rbd.FeatureLayering | rbd.FeatureExclusiveLock,
	} {
		conf := t.TempDir() + "/ceph.conf"
		write(t, conf, string(text)+"rbd default features = "+features+"\n")
		s := inConf(conf, newPool(t, c)).open(t)
		data := randomBytes(1000)
		add(t, s, "image", data)
		wantImage(t, s, "image", data)
		lookAt(t, s, "image", snapName, func(img *rbd.Image) error {
			got, err := img.GetFeatures()
			if got != want {
				t.Errorf("rbd_default_features = %s: the image has %d, want %d", features, got, want)
			}
			return err
		})
		if err := s.Delete(t.Context(), "image"); err != nil {
			t.Errorf("rbd_default_features = %s: delete: %v", features, err)
		}
	}
}

// TestUnderWay: what is being written is marked, locked and watched.
func TestUnderWay(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, newPool(t, c)).open(t)
	w, err := s.Create(t.Context(), "image")
	if err != nil {
		t.Fatal(err)
	}
	if status := c.Run(t, "rbd", "status", s.opts.Pool+"/image"); !strings.Contains(status, "watcher=127.0.0.1") {
		t.Errorf("rbd status: %s", status)
	}
	if locks := c.Run(t, "rbd", "lock", "ls", s.opts.Pool+"/image"); !strings.Contains(locks, "exclusive lock") {
		t.Errorf("rbd lock ls: %s", locks)
	}
	var m mark
	kept := c.Run(t, "rbd", "image-meta", "get", s.opts.Pool+"/image", keyMark)
	if err := json.Unmarshal([]byte(kept), &m); err != nil || m != w.(*writer).cluster.mark() || m.gone() {
		t.Errorf("the mark is %s (%v)", kept, err)
	}
	// librbd hands a lock that was not asked for to whoever asks next.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if out, err := c.Try(ctx, "rbd", "bench", "--io-type", "write", "--io-size", "4K", "--io-total", "4K", s.opts.Pool+"/image"); err == nil {
		t.Errorf("another client has written to it: %s", out)
	}
	if err := w.Abort(t.Context()); err != nil {
		t.Error(err)
	}
	wantNames(t, s)
}

// TestForeignNames: RBD images by names that no image can have are not shown.
func TestForeignNames(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, newPool(t, c)).open(t)
	for _, name := range []string{"..", ".glancefs-x"} {
		spec := s.opts.Pool + "/" + name
		c.Run(t, "rbd", "create", "--size", "1M", spec)
		c.Run(t, "rbd", "snap", "create", spec+"@snap")
		c.Run(t, "rbd", "snap", "protect", spec+"@snap")
	}
	err := s.List(t.Context(), func(img backends.Image) error {
		t.Errorf("%q is listed", img.Name)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestReaders: readers share one open RBD image, which nobody is bothered by,
// and which is closed with the last of them.
func TestReaders(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, newPool(t, c)).open(t)
	add(t, s, "image", randomBytes(1000))
	var readers []backends.Reader
	for range 3 {
		r, err := s.Open(t.Context(), "image")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.ReadAt(t.Context(), make([]byte, 10), 0); err != nil {
			t.Error(err)
		}
		readers = append(readers, r)
	}
	if len(s.sources.all) != 1 {
		t.Errorf("%d RBD images are open for three readers of one image", len(s.sources.all))
	}
	if status := c.Run(t, "rbd", "status", s.opts.Pool+"/image"); strings.Contains(status, "watcher=") {
		t.Errorf("a reader watches: %s", status)
	}
	for _, r := range readers {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	s.link.ending.Wait()
	if len(s.sources.all) != 0 || s.link.current.users != 0 {
		t.Errorf("after the last reader %d RBD images are open, and the connection has %d users", len(s.sources.all), s.link.current.users)
	}
}

// TestHead: what is written to an RBD image after it has become an image is no
// part of that, also for who has it open while the connection is made anew.
func TestHead(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, newPool(t, c)).open(t)
	data := randomBytes(1000)
	add(t, s, "image", data)
	r, err := s.Open(t.Context(), "image")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	changeImage(t, s, "image", func(img *rbd.Image) error {
		_, err := img.WriteAt(make([]byte, len(data)), 0)
		return err
	})
	wantImage(t, s, "image", data)
	if err := s.do(t.Context(), func(c *cluster) error { c.retire(); return nil }); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(data))
	if _, err := r.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, data) {
		t.Errorf("over a new connection other bytes are read (%v)", err)
	}
}

// TestReconnects: an image that is open is read over the next connection.
func TestReconnects(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	s := in(c, newPool(t, c)).open(t)
	data := randomBytes(1000)
	add(t, s, "image", data)
	r, err := s.Open(t.Context(), "image")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	old := s.link.current
	address := c.Run(t, "rbd", "status", s.opts.Pool+"/image") // nobody watches
	if strings.Contains(address, "watcher=") {
		t.Fatal(address)
	}
	old.retire()
	for range 2 {
		got := make([]byte, len(data))
		if n, err := r.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got[:n], data) {
			t.Errorf("read over the next connection: %d bytes, %v", n, err)
		}
	}
	s.link.ending.Wait()
	if !old.ended || s.link.current == old {
		t.Error("the old connection is still there")
	}
}

// TestClosesAtOnce: images are opened and closed at once, by several, and
// clones of them, which are none, while librados is slow to return from its
// callbacks, and memory that was freed has other bytes; see opened.
func TestClosesAtOnce(t *testing.T) {
	t.Parallel()
	c := ceph.Start(t)
	slow := filepath.Join(t.TempDir(), "slow.so")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", slow, "testdata/slow.c", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pool := newPool(t, c)
	s := in(c, pool).open(t)
	add(t, s, "image", []byte("bytes"))
	clone(t, s, "image", "clone", 2)
	opener := child("opener", c, pool)
	opener.Env = append(opener.Env, "LD_PRELOAD="+slow, "MALLOC_PERTURB_=165")
	if out, err := opener.CombinedOutput(); err != nil || string(out) != "400\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// openOften looks at the image and at its clone, and says how often.
func openOften(s *Store) {
	var looks atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				err := s.do(context.Background(), func(c *cluster) error {
					img, err := c.openComplete("image")
					if err == nil {
						err = img.Close()
					}
					return err
				})
				if err != nil {
					panic(err)
				}
				if _, err := s.Stat(context.Background(), "clone"); !errors.Is(err, fs.ErrNotExist) {
					panic(err)
				}
				looks.Add(1)
			}
		})
	}
	group.Wait()
	fmt.Println(looks.Load())
}

// TestNothingStays: a store that is closed leaves no goroutine and no
// descriptor.
func TestNothingStays(t *testing.T) {
	c := ceph.Start(t)
	pool := newPool(t, c)
	use := func() {
		s, err := in(c, pool).start()
		if err != nil {
			t.Fatal(err)
		}
		add(t, s, "image", randomBytes(1000))
		wantImage(t, s, "image", randomBytes(1000))
		if w, err := s.Create(context.Background(), "aborted"); err != nil || w.Abort(context.Background()) != nil {
			t.Errorf("create and abort: %v", err)
		}
		if err := errors.Join(s.Delete(context.Background(), "image"), s.Close()); err != nil {
			t.Error(err)
		}
	}
	use() // librados keeps some for the process
	goroutines, fds := runtime.NumGoroutine(), openFiles(t)
	for range 3 {
		use()
	}
	eventually(t, "goroutines and descriptors to end", func() bool {
		return runtime.NumGoroutine() <= goroutines && openFiles(t) <= fds
	})
}

// openFiles counts this process' descriptors.
func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
