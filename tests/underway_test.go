package tests

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUnderWay: an image under way can be looked at, by its writer and by
// others, but not read; and nothing of that waits for its end.
func TestUnderWay(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	src := m.sources(t)
	t.Run("by its writer", func(t *testing.T) {
		out := m.wantSh(t, `exec 5> fast/x; cat $S/b >&5
			stat -c %s fast/x; ls fast; ls fast/x; getfattr fast/x > /dev/null; cat fast/x; mv fast/x fast/y
			cat $S/b >&5; stat -c %s fast/x; exec 5>&-; stat -c %s fast/x`)
		want := "77777\nfast/x\ncat: fast/x: Device or resource busy\n" +
			"mv: cannot move 'fast/x' to 'fast/y': Device or resource busy\n155554\n155554\n"
		if out != want {
			t.Errorf("wrote %q, want %q", out, want)
		}
		wantImage(t, m.fast+"/x", slices.Concat(src.b, src.b))
	})
	t.Run("between two children", func(t *testing.T) {
		p := m.start(t, `{ cat $S/b; read go; cat $S/b; } > fast/between`)
		wantUnderWay(t, m.fast+"/between", len(src.b))
		if out := m.wantSh(t, `stat -c %s fast/between; ls -l fast/between | wc -l; find fast -name between`); out != "77777\n1\n" {
			t.Errorf("wrote %q", out)
		}
		p.send(t, []byte("go\n"))
		if out, status := p.wait(t); status != 0 {
			t.Errorf("exit status %d\n%s", status, out)
		}
		wantImage(t, m.fast+"/between", slices.Concat(src.b, src.b))
	})
	t.Run("attributes", func(t *testing.T) {
		f, err := os.OpenFile(m.fast+"/mode", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		st, err := os.Stat(m.fast + "/mode")
		if err != nil || st.Mode() != 0o640 {
			t.Errorf("mode under way is %v (%v), want the one it was created with", st.Mode(), err)
		}
		if _, err := f.Write(src.b); err != nil {
			t.Error(err)
		}
		if st, err = f.Stat(); err != nil || st.Size() != int64(len(src.b)) {
			t.Errorf("fstat: size %d (%v)", st.Size(), err)
		}
		if err := errors.Join(f.Sync(), f.Chmod(0o600), f.Close()); err != nil {
			t.Error(err)
		}
		wantImage(t, m.fast+"/mode", src.b)
	})
}

// TestReadWrite: an image may be created for reading and writing, but reading
// and writing maps don't work before it is complete.
func TestReadWrite(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	f, err := os.OpenFile(m.fast+"/x", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data := random('x', 10_000)
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	_, err = f.ReadAt(make([]byte, 10), 0)
	wantErrno(t, err, unix.EBUSY)
	_, err = unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	wantErrno(t, err, unix.ENODEV)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wantImage(t, m.fast+"/x", data)

	// flock(1) and others create what they only want to read.
	f, err = os.OpenFile(m.fast+"/empty", os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = f.Read(make([]byte, 10))
	if !errors.Is(err, io.EOF) {
		wantErrno(t, err, unix.EBUSY)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wantImage(t, m.fast+"/empty", nil)
}

// TestFailureIsSticky: after an image has failed, everybody who writes or
// closes it is told so.
func TestFailureIsSticky(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	src := m.sources(t)
	t.Run("one process", func(t *testing.T) {
		f := create(t, m.fast+"/x")
		if _, err := f.Write(src.b); err != nil {
			t.Fatal(err)
		}
		second, err := unix.Dup(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte("back"), 10)
		wantErrno(t, err, unix.ESPIPE)
		for range 2 {
			_, err = f.WriteAt([]byte("on"), int64(len(src.b)))
			wantErrno(t, err, unix.ESPIPE)
			wantErrno(t, f.Sync(), unix.ESPIPE)
		}
		wantErrno(t, unix.Close(second), unix.ESPIPE)
		wantErrno(t, f.Close(), unix.ESPIPE)
		wantNoImage(t, m.fast+"/x")
		m.log.want(t, "ESPIPE|behind")
	})
	t.Run("two processes", func(t *testing.T) {
		out, _ := m.sh(t, `exec 5> fast/z; cat $S/b >&5; $PY -c 'import os; os.pwrite(5, b"back", 0)' 2>&1 | tail -1
			cat $S/b >&5; echo $?; echo more >&5; echo $?; exec 5>&-`)
		if strings.Count(out, "Illegal seek") < 3 || strings.Count(out, "1\n") < 2 {
			t.Errorf("wrote %q", out)
		}
		wantNoImage(t, m.fast+"/z")
	})
	t.Run("removed by its writer", func(t *testing.T) {
		f := create(t, m.fast+"/gone")
		if _, err := f.Write(src.b); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(m.fast + "/gone"); err != nil {
			t.Fatal(err)
		}
		_, err := f.Write(src.b)
		wantErrno(t, err, unix.EIO)
		wantErrno(t, f.Sync(), unix.EIO)
		wantErrno(t, f.Close(), unix.EIO)
		wantNoImage(t, m.fast+"/gone")
	})
	m.log.allow(`fast/|"image":"(x|z|gone)"`)
}
