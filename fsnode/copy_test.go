package fsnode

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// copyRange copies inside of the kernel or the daemon, from an offset to the
// same one, until length bytes are copied.
func copyRange(in, out int, off, length int64) error {
	to := off
	for left := int(length); left > 0; {
		n, err := unix.CopyFileRange(in, &off, out, &to, left, 0)
		if err != nil {
			return err
		}
		if n == 0 {
			return unix.EUCLEAN
		}
		left -= n
	}
	return nil
}

// TestCopyFileRange copies inside of a store and between two, and more than
// one call moves.
func TestCopyFileRange(t *testing.T) {
	m := mount(t, "")
	data := strings.Repeat("0123456789abcdef", (copyLimit+1000)/16+1)
	m.put("one", "image", data)
	in := m.open(filepath.Join(m.one, "image"), unix.O_RDONLY)
	defer m.close(in)
	for _, dir := range []string{m.one, m.two} {
		path := filepath.Join(dir, "copy")
		out := m.create(path)
		m.wantErr("copy_file_range", copyRange(in, out, 0, int64(len(data))), 0)
		m.close(out)
		if got := m.xattr(path, "user.glance.checksum"); got != md5Of(data) {
			t.Errorf("checksum %s, want %s", got, md5Of(data))
		}
	}
}

// TestCopyChecksDigests: what was copied whole must have the digests of its
// source; a part need not.
func TestCopyChecksDigests(t *testing.T) {
	m := mount(t, "")
	const size = 1000
	m.put("one", "image", strings.Repeat("g", size))
	m.corrupt("one", "image", strings.Repeat("b", size))
	in := m.open(filepath.Join(m.one, "image"), unix.O_RDONLY)
	defer m.close(in)
	copied := func(from, length int64) func(out int) error {
		return func(out int) error { return copyRange(in, out, from, length) }
	}
	for _, test := range []struct {
		name  string
		steps []func(out int) error
		want  error
	}{
		{"whole", []func(int) error{copied(0, size)}, unix.EBADMSG},
		{"whole in pieces", []func(int) error{copied(0, 300), copied(300, 300), copied(600, 400)}, unix.EBADMSG},
		{"a part", []func(int) error{copied(0, size-1)}, nil},
		{"with a gap", []func(int) error{copied(0, 300), copied(400, 600)}, nil},
		{"and more", []func(int) error{copied(0, size), func(out int) error {
			_, err := unix.Pwrite(out, []byte("x"), size)
			return err
		}}, nil},
		{"partly written by hand", []func(int) error{func(out int) error {
			_, err := unix.Pwrite(out, []byte("b"), 0)
			return err
		}, copied(1, size-1)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			sub := m.with(t)
			path := filepath.Join(m.two, "image")
			out := sub.create(path)
			for i, step := range test.steps {
				if err := step(out); err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
			}
			if err := unix.Close(out); err != test.want {
				t.Errorf("close: %v, want %v", err, test.want)
			}
			if test.want != nil {
				sub.wantGone(path)
				if failed := sub.failures("two"); !strings.Contains(failed[len(failed)-1].Reason, "the image image that was copied") {
					t.Errorf("failures: %+v", failed)
				}
				return
			}
			sub.wantErr("unlink", unix.Unlink(path), 0)
		})
	}
}

// TestCopyChecksForeignDigest: also one in an algorithm that the target's
// store does not compute.
func TestCopyChecksForeignDigest(t *testing.T) {
	m := mount(t, "")
	const half = 500
	data := strings.Repeat("g", 2*half)
	m.put("one", "image", data)
	copied := filepath.Join(m.two, "copy")
	for _, test := range []struct {
		recorded string
		want     error
	}{{data, nil}, {"other", unix.EBADMSG}} {
		m.record("one", "image", test.recorded)
		in := m.open(filepath.Join(m.one, "image"), unix.O_RDONLY)
		out := m.create(copied)
		m.wantErr("copy_file_range", copyRange(in, out, 0, half), 0)
		m.wantErr("copy_file_range", copyRange(in, out, half, half), 0)
		m.close(in)
		if err := unix.Close(out); err != test.want {
			t.Errorf("close: %v, want %v", err, test.want)
		}
		if test.want != nil {
			m.wantGone(copied)
			continue
		}
		if got := m.xattr(copied, "user.glance.hashing_algo"); got != "sha512" {
			t.Errorf("the copy has the algorithm %s", got)
		}
		m.wantErr("unlink", unix.Unlink(copied), 0)
	}
}

// TestCopyRefuses what is no copy from an image to one under way.
func TestCopyRefuses(t *testing.T) {
	m := mount(t, "")
	m.put("one", "image", "content")
	in := m.open(filepath.Join(m.one, "image"), unix.O_RDONLY)
	defer m.close(in)
	out := m.create(filepath.Join(m.two, "copy"))
	m.write(out, "some")
	off, to := int64(0), int64(2)
	_, err := unix.CopyFileRange(in, &off, out, &to, 3, 0)
	m.wantErr("copy behind the end", err, unix.ESPIPE)
	m.wantErr("close", unix.Close(out), unix.ESPIPE)

	out = m.create(filepath.Join(m.two, "copy"))
	off, to = 100, 0
	if n, err := unix.CopyFileRange(in, &off, out, &to, 3, 0); n != 0 || err != nil {
		t.Errorf("copy from beyond the end: %d, %v", n, err)
	}
	m.failRow("one", "read", "image", rowOf(unix.EHOSTDOWN))
	off = 0
	_, err = unix.CopyFileRange(in, &off, out, &to, 3, 0)
	m.wantErr("copy of what can't be read", err, unix.EHOSTDOWN)
	m.wantErr("close", unix.Close(out), unix.EHOSTDOWN)
	m.release()
	m.wantListing(m.two)
}

// TestKilledInCopy: a copy ends with its caller.
func TestKilledInCopy(t *testing.T) {
	m := mount(t, "[glancefs]\nrequest_timeout = 3600")
	m.put("one", "image", "content")
	w := newWriter(t)
	w.must("create %s", filepath.Join(m.two, "copy"))
	m.fault("one", "read", "image", hanging)
	w.tell("copy %s 10", filepath.Join(m.one, "image"))
	m.await("one", "read", "image", 1)
	w.signal(unix.SIGKILL)
	w.ended()
	m.await("two", "abort", "copy", 1)
	m.release()
	m.wantListing(m.two)
}
