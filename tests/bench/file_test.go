//go:build bench

package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fileBench is a mount of three stores: tmpfs, cold (on a disk) and many
// (10,000 images), and the other tools on the same directories.
type fileBench struct {
	*bench
	mount, rclone, rcloneDisk *process
	glance                    *glanceStore
	base                      string // of the datadirs tmpfs and many
	disk                      string // of the datadir cold
	sources                   string
}

const manyImages = 10_000

func fileWorks(t *testing.T, b *bench) []Work {
	f := newFileBench(t, b)
	one := makeStreams(t, f.sources, "one", 1, 1, b.Size)
	four := makeStreams(t, f.sources, "four", 4, 1, b.Size/4)
	small := makeStreams(t, f.sources, "small", 1, 1000, 64<<10)
	size := bytesText(b.Size)
	var works []Work
	for _, algo := range []string{"sha512", "sha256"} {
		if *quick && algo == "sha256" {
			continue
		}
		works = append(works,
			f.add(t, "add "+size+", "+algo, algo, one),
			f.add(t, "add "+size+" in 4 streams, "+algo, algo, four))
	}
	works = append(works, f.add(t, "add 1,000 × 64 KiB, sha512", "sha512", small))
	copyTo(t, f.base+"/tmpfs", flat([]stream{one[0], flat(four), small[0]}))
	copyTo(t, f.disk+"/cold", flat([]stream{one[0], small[0]}))
	return append(works,
		f.read(t, "read "+size+", warm", "tmpfs", one),
		f.read(t, "read "+size+", cold", "cold", one),
		f.read(t, "read "+size+" in 4 streams, warm", "tmpfs", four),
		f.read(t, "read 1,000 × 64 KiB, warm", "tmpfs", small),
		f.read(t, "read 1,000 × 64 KiB, cold", "cold", small),
		f.random(t, "8,192 × 4 KiB", 8192, 4<<10, one[0][0]),
		f.random(t, "256 × 1 MiB", 256, 1<<20, one[0][0]),
		f.list(t),
	)
}

func newFileBench(t *testing.T, b *bench) *fileBench {
	t.Helper()
	f := &fileBench{bench: b, base: tempDir(t, tmpfs), disk: tempDir(t, b.disk)}
	f.sources = f.base + "/sources"
	for _, dir := range []string{f.base + "/tmpfs", f.base + "/many", f.disk + "/cold"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i := range manyImages {
		if err := os.WriteFile(fmt.Sprintf("%s/many/%05d", f.base, i), make([]byte, i%1000), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	conf := fmt.Sprintf(`[DEFAULT]
enabled_backends = tmpfs:file, cold:file, many:file
[glance_store]
default_backend = tmpfs
[tmpfs]
filesystem_store_datadir = %[1]s/tmpfs
[many]
filesystem_store_datadir = %[1]s/many
[cold]
filesystem_store_datadir = %[2]s/cold
`, f.base, f.disk)
	f.mount = mountGlancefs(t, conf)
	f.glance = b.glanceStore(t, conf)
	if !*quick && b.has("rclone", "rclone") {
		f.rclone, f.rcloneDisk = mountRclone(t, f.base), mountRclone(t, f.disk)
	}
	return f
}

// mountRclone mounts a directory with rclone's defaults, but that it looks
// for new files after a second, as glancefs does.
func mountRclone(t *testing.T, dir string) *process {
	t.Helper()
	mnt := filepath.Join(t.TempDir(), "rclone")
	return startMount(t, mnt, "rclone", "mount", "--config", os.DevNull, "--dir-cache-time", "1s", dir, mnt)
}

// add measures an add in the directory tmpfs.
func (f *fileBench) add(t *testing.T, name, algo string, streams []stream) Work {
	t.Helper()
	data, all := f.base+"/tmpfs", flat(streams)
	copying := func(name string, daemon *process, dir string, check func() error) tool {
		return tool{
			name: name, daemon: daemon,
			run: func(m *meter) error { return m.atOnce(commands([]string{"cp", "-t", dir}, paths(streams))) },
			after: func() error {
				return errors.Join(check(), wantSame(data, all), removeAll(in(dir, all)))
			},
		}
	}
	unchecked := func() error { return nil }
	ours := f.mount.dir + "/tmpfs"
	glancefs := copying(Glancefs, f.mount, ours, func() error { return wantDigests(ours, algo, all) })
	glancefs.before = func() error { return unix.Setxattr(ours, "user.glance.hashing_algo", []byte(algo), 0) }
	tools := []tool{glancefs}
	if f.glance != nil {
		tools = append(tools, f.glance.adder("tmpfs", algo, streams, func() error {
			return errors.Join(wantSame(data, all), removeAll(in(data, all)))
		}))
	}
	tools = append(tools, f.copyAndSum(algo, streams), copying(Native, nil, data, unchecked))
	if f.rclone != nil {
		tools = append(tools, copying("rclone mount", f.rclone, f.rclone.dir+"/tmpfs", unchecked))
	}
	w := Work{Name: name, Bytes: sizeOf(all), Streams: len(streams), Hashes: []string{"md5", algo}}
	return f.work(t, w, tools...)
}

func sizeOf(files stream) (n int64) {
	for _, f := range files {
		n += f.size
	}
	return n
}

// copyAndSum is cp, then md5sum and sha512sum of the copy, whose output is
// compared.
func (f *fileBench) copyAndSum(algo string, streams []stream) tool {
	data, all := f.base+"/tmpfs", flat(streams)
	const script = `dir=$1 sum=$2; shift 2; cp -t "$dir" "$@"; cd "$dir"; md5sum "${@##*/}"; $sum "${@##*/}"`
	out := make([]bytes.Buffer, len(streams))
	return tool{
		name: "cp + md5sum + shasum",
		run: func(m *meter) error {
			errs := make([]error, len(streams))
			var wg sync.WaitGroup
			for i, args := range commands([]string{"bash", "-euc", script, "bash", data, algo + "sum"}, paths(streams)) {
				out[i].Reset()
				wg.Go(func() { errs[i] = m.command(&out[i], args) })
			}
			wg.Wait()
			return errors.Join(errs...)
		},
		after: func() error {
			for i, s := range streams {
				if got, want := out[i].String(), sumLines("md5", s)+sumLines(algo, s); got != want {
					return fmt.Errorf("sums %q, want %q", got, want)
				}
			}
			return errors.Join(wantSame(data, all), removeAll(in(data, all)))
		},
	}
}

// sumLines is what md5sum and the like print.
func sumLines(algo string, files stream) string {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "%s  %s\n", f.sums[algo], f.name())
	}
	return b.String()
}

// mounted is a directory of a store, as a tool shows it.
type mounted struct {
	tool   string
	daemon *process
	dir    string
}

// views are the ways to a datadir.
func (f *fileBench) views(store string) []mounted {
	base, rclone := f.base, f.rclone
	if store == "cold" {
		base, rclone = f.disk, f.rcloneDisk
	}
	views := []mounted{{Glancefs, f.mount, f.mount.dir + "/" + store}, {Native, nil, base + "/" + store}}
	if rclone != nil {
		views = append(views, mounted{"rclone mount", rclone, rclone.dir + "/" + store})
	}
	return views
}

// read measures cat of images; those of the store cold are not in memory.
func (f *fileBench) read(t *testing.T, name, store string, streams []stream) Work {
	t.Helper()
	views, all := f.views(store), flat(streams)
	data := views[1].dir
	var tools []tool
	for _, v := range views {
		tools = append(tools, v.reader(streams))
	}
	if f.glance != nil {
		tools = append(tools, f.glance.reader(store, streams, func(name string) string { return "file://" + data + "/" + name }))
	}
	for i := range tools {
		dir := data
		if i < len(views) {
			dir = views[i].dir
		}
		tools[i].before = func() error {
			if store == "cold" {
				return evict(append(in(dir, all), in(data, all)...)...)
			}
			return wantSame(dir, all) // which makes it warm
		}
	}
	if store == "cold" {
		// The first read of what was just written takes longer, natively too
		// (0.8 to 1.8 s a GiB on a virtual disk, 0.2 after it).
		if err := errors.Join(evict(in(data, all)...), wantSame(data, all)); err != nil {
			t.Fatal(err)
		}
	}
	return f.work(t, Work{Name: name, Bytes: sizeOf(all), Streams: len(streams)}, tools...)
}

// reader is cat, and afterwards a comparison with the sources.
func (v mounted) reader(streams []stream) tool {
	files := make([][]string, len(streams))
	for i, s := range streams {
		files[i] = in(v.dir, s)
	}
	return tool{
		name: v.tool, daemon: v.daemon,
		run:   func(m *meter) error { return m.atOnce(commands([]string{"cat"}, files)) },
		after: func() error { return wantSame(v.dir, flat(streams)) },
	}
}

// random measures n reads at random offsets, warm.
func (f *fileBench) random(t *testing.T, name string, n, block int64, image source) Work {
	t.Helper()
	w := Work{Name: "random reads, " + name, Bytes: n * block, Streams: 1}
	if !f.has("fio", "fio") {
		return w
	}
	var tools []tool
	for _, v := range f.views("tmpfs") {
		file := filepath.Join(v.dir, image.name())
		tools = append(tools, tool{
			name: v.tool, daemon: v.daemon,
			before: func() error { return sameFile(file, image.path) },
			run:    func(m *meter) error { return m.fio(file, n, block, image.size) },
		})
	}
	return f.work(t, w, tools...)
}

// list measures ls -l of many images, when what the kernel knew of them is
// out of date.
func (f *fileBench) list(t *testing.T) Work {
	t.Helper()
	want, err := listing(f.base + "/many")
	if err != nil {
		t.Fatal(err)
	}
	var tools []tool
	for _, v := range f.views("many") {
		tools = append(tools, v.lister(want))
	}
	return f.work(t, Work{Name: "ls -l of 10,000 images", Streams: 1}, tools...)
}

// expired is a little longer than attributes and names are kept.
const expired = 1200 * time.Millisecond

func (v mounted) lister(want string) tool {
	return tool{
		name: v.tool, daemon: v.daemon,
		before: func() error { time.Sleep(expired); return nil },
		run:    func(m *meter) error { return m.atOnce([][]string{{"ls", "-l", v.dir}}) },
		after: func() error {
			got, err := listing(v.dir)
			if err == nil && got != want {
				err = fmt.Errorf("lists something else: %d bytes, want %d", len(got), len(want))
			}
			return err
		},
	}
}

// listing is the names and sizes of the files of a directory.
func listing(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // what the stores keep for themselves
		}
		info, err := e.Info()
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&b, e.Name(), info.Size())
	}
	return b.String(), nil
}
