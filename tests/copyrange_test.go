package tests

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCopyFileRange: a copy between images streams inside the daemon, in
// pieces that can be killed.
func TestCopyFileRange(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data := random('c', 40<<20+77)
	writeImage(t, m.fast+"/src", data)
	src, err := os.Open(m.fast + "/src")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	from := func(dst *os.File, off int64, n int) (int, error) {
		return unix.CopyFileRange(int(src.Fd()), &off, int(dst.Fd()), nil, n, 0)
	}

	t.Run("whole", func(t *testing.T) {
		for _, store := range []string{m.fast, m.slow} {
			dst := create(t, store+"/whole")
			for off := 0; ; {
				n, err := from(dst, int64(off), 1<<30)
				if err != nil {
					t.Fatal(err)
				}
				if n > 16<<20 {
					t.Errorf("%d bytes in one call", n)
				}
				if off += n; n == 0 {
					break
				}
			}
			if err := dst.Close(); err != nil {
				t.Error(err)
			}
			wantImage(t, store+"/whole", data)
		}
	})
	t.Run("cp", func(t *testing.T) {
		m.wantSh(t, `cp fast/src slow/cp && cp slow/cp fast/cp && cp --reflink=auto fast/src fast/reflink`)
		for _, path := range []string{m.slow + "/cp", m.fast + "/cp", m.fast + "/reflink"} {
			wantImage(t, path, data)
		}
	})
	t.Run("pieces, with writes between", func(t *testing.T) {
		dst := create(t, m.slow+"/pieces")
		var want []byte
		for _, r := range [][2]int{{0, 1000}, {5_000_001, 3_000_000}, {0, 10}, {len(data) - 5, 100}} {
			n, err := from(dst, int64(r[0]), r[1])
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, data[r[0]:r[0]+n]...)
			if _, err := dst.Write([]byte("between")); err != nil {
				t.Fatal(err)
			}
			want = append(want, "between"...)
		}
		if err := dst.Close(); err != nil {
			t.Error(err)
		}
		wantImage(t, m.slow+"/pieces", want)
	})
	t.Run("ahead and behind", func(t *testing.T) {
		dst := create(t, m.slow+"/ahead")
		in, out := int64(0), int64(1000)
		if _, err := unix.CopyFileRange(int(src.Fd()), &in, int(dst.Fd()), &out, 500, 0); err != nil {
			t.Fatal(err)
		}
		if err := dst.Close(); err != nil {
			t.Error(err)
		}
		wantImage(t, m.slow+"/ahead", append(gap(1000), data[:500]...))

		dst = create(t, m.slow+"/behind")
		if _, err := dst.Write(data[:1000]); err != nil {
			t.Fatal(err)
		}
		in, out = 0, 10
		_, err := unix.CopyFileRange(int(src.Fd()), &in, int(dst.Fd()), &out, 500, 0)
		wantErrno(t, err, unix.ESPIPE)
		wantErrno(t, dst.Close(), unix.ESPIPE)
		wantNoImage(t, m.slow+"/behind")
		m.log.allow(`"image":"behind"`)
	})
	t.Run("of a corrupted image", func(t *testing.T) {
		m.wantSh(t, `head -c 3000000 fast/src > fast/rotten`)
		corrupt(t, m.fastData+"/rotten", 1_000_000)
		if out, status := m.sh(t, `cp fast/rotten slow/rotten`); status != 1 || out == "" {
			t.Errorf("exit status %d, wrote %q", status, out)
		}
		wantNoImage(t, m.slow+"/rotten")
		m.log.want(t, `"image":"rotten"`)
	})
	t.Run("from an image under way", func(t *testing.T) {
		way, err := os.OpenFile(m.fast+"/way", os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer way.Close()
		if _, err := way.Write(data[:1000]); err != nil {
			t.Fatal(err)
		}
		dst := create(t, m.slow+"/way")
		in := int64(0)
		_, err = unix.CopyFileRange(int(way.Fd()), &in, int(dst.Fd()), nil, 500, 0)
		wantErrno(t, err, unix.EBUSY)
	})
}
