//go:build bench

package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"glancefs/tests/need"
)

// TestGrowth measures time and memory against size and number of images.
func TestGrowth(t *testing.T) {
	need.Root(t)
	g := &Growth{Machine: machine(os.TempDir()), Command: "make bench GROWTH=1", Date: time.Now().UTC().Format(time.DateOnly), Rounds: *rounds}
	if *rounds != defaultRounds {
		g.Command += fmt.Sprint(" ROUNDS=", *rounds)
	}
	for _, size := range []int64{1 << 20, 16 << 20, 256 << 20, 1 << 30, 4 << 30, 16 << 30} {
		t.Run(bytesText(size), func(t *testing.T) { g.Sizes = append(g.Sizes, growSize(t, size)) })
	}
	for _, n := range []int{100, 1000, 10_000, 100_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) { g.Numbers = append(g.Numbers, growNumber(t, n)) })
	}
	fmt.Println(g.Markdown())
	if t.Failed() {
		return // nothing of it is shown
	}
	if err := errors.Join(os.MkdirAll(*out, 0o755), Save(filepath.Join(*out, "growth.json"), g)); err != nil {
		t.Error(err)
	}
}

// grown is a mount of a store with thin provisioning on tmpfs.
func grown(t *testing.T, datadir string) *process {
	t.Helper()
	return mountGlancefs(t, "[DEFAULT]\nenabled_backends = store:file\n[glance_store]\ndefault_backend = store\n"+
		"[store]\nfilesystem_thin_provisioning = true\nfilesystem_store_datadir = "+datadir+"\n")
}

// growSize adds and reads images of one size, those over 1 GiB sparse.
func growSize(t *testing.T, size int64) SizePoint {
	t.Helper()
	base := tempDir(t, tmpfs)
	datadir := base + "/data"
	if err := os.Mkdir(datadir, 0o755); err != nil {
		t.Fatal(err)
	}
	mount := grown(t, datadir)
	dir := mount.dir + "/store"
	point := SizePoint{Bytes: size, Sparse: size > 1<<30}
	newSource := makeSource
	if point.Sparse {
		newSource = sparseSource
	}
	f, err := newSource(base+"/image", size)
	if err != nil {
		t.Fatal(err)
	}
	image := stream{f}
	add := tool{
		daemon: mount,
		before: func() error { return removeOld(dir, image) },
		run:    func(m *meter) error { return m.atOnce([][]string{{"cp", "--sparse=always", f.path, dir}}) },
		after:  func() error { return wantDigests(dir, "sha512", image) },
	}
	read := mounted{"", mount, dir}.reader([]stream{image})
	n := *rounds
	if point.Sparse {
		n = 1 // it takes minutes
	}
	point.Add, point.Read = growPoint(t, add, n), growPoint(t, read, n)
	return point
}

// removeOld removes images that an earlier round has left.
func removeOld(dir string, files stream) error {
	for _, name := range in(dir, files) {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sparseSource is a file of zeros without blocks, but for its last byte: an
// image to which nothing is written is stored after cp has ended (RELEASE).
func sparseSource(path string, size int64) (source, error) {
	s := source{path: path, size: size, sums: make(map[string]string)}
	f, err := os.Create(path)
	if err != nil {
		return s, err
	}
	_, err = f.WriteAt([]byte{1}, size-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return s, err
	}
	for _, algo := range []string{"md5", "sha512"} {
		out, err := capture(algo+"sum", path)
		if err != nil {
			return s, err
		}
		s.sums[algo], _, _ = strings.Cut(out, " ")
	}
	return s, nil
}

// growPoint is the median of n measurements.
func growPoint(t *testing.T, u tool, n int) Sample {
	t.Helper()
	var samples []Sample
	for range n {
		s, err := u.measure()
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, s)
	}
	return medians(samples)
}

// growNumber starts glancefs on a store of n images, and lists it.
func growNumber(t *testing.T, n int) NumberPoint {
	t.Helper()
	datadir := tempDir(t, tmpfs)
	for i := range n {
		if err := os.WriteFile(fmt.Sprintf("%s/%06d", datadir, i), []byte{1}, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := listing(datadir)
	if err != nil {
		t.Fatal(err)
	}
	point := NumberPoint{Images: n}
	var starts, lists []Sample
	for range *rounds {
		t.Run("mounted", func(t *testing.T) {
			begin := time.Now()
			mount := grown(t, datadir)
			starts = append(starts, Sample{Seconds: time.Since(begin).Seconds(), CPU: mount.cpu(), Memory: mount.idle})
			lists = append(lists, growPoint(t, mounted{"", mount, mount.dir + "/store"}.lister(want), 1))
		})
	}
	point.Start, point.List = medians(starts), medians(lists)
	return point
}
