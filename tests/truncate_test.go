package tests

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// step is one thing done to an image under way.
type step struct {
	call string
	do   func(f *os.File) error
	want syscall.Errno
}

func write(n int) step {
	return step{fmt.Sprintf("write %d", n), func(f *os.File) error { _, err := f.Write(random('t', n)); return err }, 0}
}

func writeAt(off int64, n int) step {
	return step{fmt.Sprintf("write %d at %d", n, off), func(f *os.File) error { _, err := f.WriteAt(random('t', n), off); return err }, 0}
}

func truncate(size int64) step {
	return step{fmt.Sprintf("truncate %d", size), func(f *os.File) error { return unix.Ftruncate(int(f.Fd()), size) }, 0}
}

func allocate(mode uint32, off, n int64) step {
	return step{fmt.Sprintf("fallocate %#x %d+%d", mode, off, n), func(f *os.File) error { return unix.Fallocate(int(f.Fd()), mode, off, n) }, 0}
}

func (s step) fails(want syscall.Errno) step {
	s.want = want
	return s
}

// gap is n zeros.
func gap(n int) []byte { return make([]byte, n) }

const (
	keepSize = unix.FALLOC_FL_KEEP_SIZE
	punch    = unix.FALLOC_FL_PUNCH_HOLE | keepSize
	zero     = unix.FALLOC_FL_ZERO_RANGE
)

// TestAnnouncedSize: truncate and fallocate announce the size of an image
// under way. What was announced after the last byte is filled with zeros;
// what was announced before, and did not come, fails the image.
func TestAnnouncedSize(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.log.allow(`"image":"x"`)
	part := func(parts ...[]byte) []byte {
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	bytes := func(n int) []byte { return random('t', n) }
	for _, test := range []struct {
		name  string
		steps []step
		want  []byte
		close syscall.Errno
	}{
		{"truncate up, nothing written", []step{truncate(100_000)}, gap(100_000), 0},
		{"fallocate, nothing written", []step{allocate(0, 0, 100_000)}, gap(100_000), 0},
		{"write, truncate up", []step{write(5000), truncate(100_000)}, part(bytes(5000), gap(95_000)), 0},
		{"write, fallocate", []step{write(5000), allocate(0, 0, 100_000)}, part(bytes(5000), gap(95_000)), 0},
		{"write, fallocate further", []step{write(5000), allocate(0, 90_000, 10_000)}, part(bytes(5000), gap(95_000)), 0},
		{"truncate, write all", []step{truncate(5000), write(5000)}, bytes(5000), 0},
		{"fallocate, write all", []step{allocate(0, 0, 5000), write(5000)}, bytes(5000), 0},
		{"truncate, write more", []step{truncate(1000), write(5000)}, bytes(5000), 0},
		{"truncate to the end", []step{write(5000), truncate(5000)}, bytes(5000), 0},
		{"truncate to nothing at the start", []step{truncate(0), write(5000)}, bytes(5000), 0},
		{"the hint is taken back", []step{allocate(0, 0, 100_000), write(500), truncate(500)}, bytes(500), 0},
		{"the last hint counts", []step{truncate(9000), truncate(7000), truncate(8000)}, gap(8000), 0},
		{"announced again after the last byte", []step{truncate(9000), write(500), truncate(9000)}, part(bytes(500), gap(8500)), 0},

		{"truncate, write less", []step{truncate(100_000), write(5000)}, nil, unix.EIO},
		{"fallocate, write less", []step{allocate(0, 0, 100_000), write(5000)}, nil, unix.EIO},
		{"write, truncate up, write less", []step{write(10), truncate(100_000), writeAt(10, 20)}, nil, unix.EIO},
		{"a block of zeros of a large image", []step{truncate(64 << 20), {"write zeros", func(f *os.File) error {
			_, err := f.Write(make([]byte, 4096))
			return err
		}, 0}}, nil, unix.EIO},

		{"KEEP_SIZE announces nothing", []step{allocate(keepSize, 0, 100_000), write(5000)}, bytes(5000), 0},
		{"KEEP_SIZE alone", []step{allocate(keepSize, 0, 100_000)}, nil, 0},
		{"a hole at the end, then data", []step{write(5000), allocate(punch, 5000, 5000), writeAt(10_000, 5000)},
			part(bytes(5000), gap(5000), bytes(5000)), 0},
		{"a hole beyond the end", []step{write(5000), allocate(punch, 50_000, 5000), writeAt(5000, 10)}, part(bytes(5000), bytes(10)), 0},
		{"zeros at the end, then data", []step{write(5000), allocate(zero|keepSize, 5000, 5000), writeAt(10_000, 5000)},
			part(bytes(5000), gap(5000), bytes(5000)), 0},
		{"ZERO_RANGE covered by data", []step{allocate(zero, 0, 5000), write(5000)}, bytes(5000), 0},

		{"a refused call changes nothing", []step{
			write(5000),
			truncate(4999).fails(unix.EINVAL),
			truncate(0).fails(unix.EINVAL),
			allocate(punch, 0, 4096).fails(unix.EOPNOTSUPP),
			allocate(punch, 4999, 10).fails(unix.EOPNOTSUPP),
			allocate(zero, 0, 4096).fails(unix.EOPNOTSUPP),
			allocate(zero|keepSize, 100, 4096).fails(unix.EOPNOTSUPP),
			allocate(unix.FALLOC_FL_COLLAPSE_RANGE, 0, 4096).fails(unix.EOPNOTSUPP),
			allocate(unix.FALLOC_FL_INSERT_RANGE, 0, 4096).fails(unix.EOPNOTSUPP),
			allocate(unix.FALLOC_FL_UNSHARE_RANGE, 0, 4096).fails(unix.EOPNOTSUPP),
			write(10),
		}, part(bytes(5000), bytes(10)), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := create(t, m.fast+"/x")
			for _, step := range test.steps {
				if err := step.do(f); step.want == 0 && err != nil || step.want != 0 && !errors.Is(err, step.want) {
					t.Errorf("%s: %v, want errno %d", step.call, err, step.want)
				}
			}
			wantErrno(t, f.Close(), test.close)
			if test.close != 0 {
				wantNoImage(t, m.fast+"/x")
				return
			}
			wantImage(t, m.fast+"/x", test.want)
			if err := os.Remove(m.fast + "/x"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTruncateByPath: truncate(2) needs no descriptor of its own.
func TestTruncateByPath(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	f := create(t, m.fast+"/x")
	if err := os.Truncate(m.fast+"/x", 1000); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wantImage(t, m.fast+"/x", gap(1000))
	wantErrno(t, os.Truncate(m.fast+"/x", 2000), unix.EACCES)
	wantErrno(t, os.Truncate(m.fast+"/x", 0), unix.EACCES)
	wantErrno(t, os.Truncate(m.fast+"/none", 0), unix.ENOENT)
	wantImage(t, m.fast+"/x", gap(1000))
}

// TestGaps: a write ahead of the end leaves zeros, one behind it fails the
// image.
func TestGaps(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.log.allow(`"image":"back`)
	block := random('t', 5000)
	for i, test := range []struct {
		gap1, gap2 int
	}{{0, 1}, {1, 0}, {4096, 4096}, {1 << 20, 3<<20 + 1}, {9 << 20, 0}} {
		path := fmt.Sprintf("%s/%d", m.fast, i)
		f := create(t, path)
		want := append(gap(test.gap1), block...)
		want = append(append(want, gap(test.gap2)...), block...)
		for _, off := range []int{test.gap1, test.gap1 + len(block) + test.gap2} {
			if _, err := f.WriteAt(block, int64(off)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		wantImage(t, path, want)
	}
	for i, off := range []int64{0, 1, 4999} {
		path := fmt.Sprintf("%s/back%d", m.fast, i)
		f := create(t, path)
		if _, err := f.Write(block); err != nil {
			t.Fatal(err)
		}
		_, err := f.WriteAt(block, off)
		wantErrno(t, err, unix.ESPIPE)
		wantErrno(t, f.Close(), unix.ESPIPE)
		wantNoImage(t, path)
	}
}

// TestHoles: zeros are holes in the datadir where the store provisions
// thinly, and only there.
func TestHoles(t *testing.T) {
	t.Parallel()
	m := newMount(t, "[fast]", "filesystem_thin_provisioning = true")
	src := m.sources(t)
	for _, script := range []string{
		`cp --sparse=always $S/sparse %s`,
		`dd if=$S/sparse of=%s bs=64K conv=sparse status=none`,
		`rsync -a --sparse $S/sparse %s`,
		`cat $S/sparse > %s`,
	} {
		m.wantSh(t, fmt.Sprintf(script, "fast/x")+" && "+fmt.Sprintf(script, "slow/x"))
		wantImage(t, m.fast+"/x", src.sparse)
		wantImage(t, m.slow+"/x", src.sparse)
		thin, thick := allocated(t, m.fastData+"/x"), allocated(t, m.slowData+"/x")
		if thin > int64(len(src.sparse))/2 || thick < int64(len(src.sparse)) {
			t.Errorf("%s: takes %d bytes thin and %d thick, of %d", script, thin, thick, len(src.sparse))
		}
		m.wantSh(t, `rm fast/x slow/x`)
	}
	m.wantSh(t, `truncate -s 100M fast/x`)
	wantSoon(t, m.fast+"/x")
	if thin := allocated(t, m.fastData+"/x"); thin > 1<<20 {
		t.Errorf("100 MiB of zeros takes %d bytes", thin)
	}
}

func allocated(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}
