package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/tests/need"
)

// available returns the space that is left in a directory, in bytes.
func available(t *testing.T, dir string) int64 {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Bavail) * st.Frsize
}

// smallStore mounts a glancefs whose store fast is on a small tmpfs of its
// own, in the directory beside which its datadir is.
func smallStore(t *testing.T) (m *mount, disk string) {
	t.Helper()
	disk = newFilesystem(t, "tmpfs", "size=8m")
	if err := os.Mkdir(disk+"/images", 0o755); err != nil {
		t.Fatal(err)
	}
	m = setup{fastData: disk + "/images"}.mount(t)
	m.log.allow("ENOSPC")
	return m, disk
}

// TestFull: an add for which there is no space fails, leaves nothing, and its
// space is free again; nothing else is harmed.
func TestFull(t *testing.T) {
	t.Parallel()
	need.Command(t, "rsync", "rsync")
	m, disk := smallStore(t)
	large := m.source(t, "large", random('l', 20<<20))
	small := m.source(t, "small", random('s', 1<<20))
	writeImage(t, m.fast+"/kept", small)
	before := available(t, disk)
	for _, script := range []string{
		`cp $S/large fast/x`,
		`cp --sparse=always $S/large fast/x`,
		`cat $S/large > fast/x`,
		`(cat $S/small; cat $S/large) > fast/x`,
		`dd if=$S/large of=fast/x bs=1M status=none`,
		`tee fast/x < $S/large > $S/out`,
		`rsync $S/large fast/x`,
		`install $S/large fast/x`,
		`mv $S/large fast/x`,
		`$PY -c '
import os
with open("fast/x", "wb") as f: f.write(open(os.environ["S"] + "/large", "rb").read())'`,
	} {
		if out, status := m.sh(t, script); status == 0 || !strings.Contains(out, "No space left on device") {
			t.Errorf("%s: exit status %d, wrote %q", script, status, out)
		}
		wantNoImage(t, m.fast+"/x")
		eventually(t, "the space is free again after "+script, func() bool { return available(t, disk) == before })
		m.wantSh(t, `cp $S/small slow/x && cmp $S/small slow/x && rm slow/x`)
	}
	wantContent(t, m.scratch+"/large", large) // mv keeps what it could not move
	m.wantSh(t, `truncate -s 20M fast/x`)     // nothing is written: nobody hears of the commit
	wantNoImage(t, m.fast+"/x")
	wantOnly(t, m.fastData, "kept")
	wantImage(t, m.fast+"/kept", small)
	m.wantSh(t, `cp $S/small fast/x`)
	wantImage(t, m.fast+"/x", small)
	if errs, err := xattr(m.fast, "user.glance.errors"); err != nil || !strings.Contains(errs, "ENOSPC") {
		t.Errorf("user.glance.errors is %q (%v)", errs, err)
	}
}

// TestFullWrite: the write that meets the end of the space is told, and so is
// everything after it.
func TestFullWrite(t *testing.T) {
	t.Parallel()
	m, disk := smallStore(t)
	before := available(t, disk)
	f := create(t, m.fast+"/x")
	chunk := random('w', 1<<20)
	written := int64(0)
	var err error
	for err == nil && written <= before {
		var n int
		n, err = f.Write(chunk)
		written += int64(n)
	}
	wantErrno(t, err, unix.ENOSPC)
	if written < before-2<<20 {
		t.Errorf("ENOSPC after %d bytes of %d", written, before)
	}
	_, err = f.Write(chunk)
	wantErrno(t, err, unix.ENOSPC)
	wantErrno(t, f.Sync(), unix.ENOSPC)
	wantErrno(t, f.Close(), unix.ENOSPC)
	wantNoImage(t, m.fast+"/x")
	eventually(t, "the space is free again", func() bool { return available(t, disk) == before })
}

// TestFullBuiltin: the shell's own echo, whose write is all that tells it.
func TestFullBuiltin(t *testing.T) {
	t.Parallel()
	m, disk := smallStore(t)
	m.wantSh(t, `echo before > fast/before`)
	fill := "head -c 100M /dev/zero > " + disk + "/ballast 2> /dev/null"
	for _, script := range []string{
		`echo hello > fast/x`,
		`printf 'hello\n' > fast/x`,
		`exec 5> fast/x; echo hello >&5; e=$?; exec 5>&-; exit $e`,
		`dash -c 'echo hello > fast/x'`,
		`/bin/echo hello > fast/x`,
	} {
		m.sh(t, fill)
		out, status := m.sh(t, script)
		told := strings.Contains(out, "No space left on device") || strings.Contains(out, "echo: I/O error") // dash
		if status == 0 || !told {
			t.Errorf("%s: exit status %d, wrote %q", script, status, out)
		}
		wantNoImage(t, m.fast+"/x")
		wantImage(t, m.fast+"/before", []byte("before\n"))
		m.wantSh(t, `rm `+disk+`/ballast; echo hello > fast/x`)
		wantImage(t, m.fast+"/x", []byte("hello\n"))
		m.wantSh(t, `rm fast/x`)
	}
	wantOnly(t, m.fastData, "before")
}

// TestReadOnlyDatadir: a datadir that is remounted read-only is EROFS for
// whoever would change it, and can be read; a start on it is one with a store
// that is misconfigured.
func TestReadOnlyDatadir(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	datadir := filepath.Join(base, "images")
	if err := os.Mkdir(datadir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(datadir, datadir, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(datadir, 0); err != nil {
			t.Error(err)
		}
	})
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", datadir, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	m := setup{fastData: datadir}.mount(t)
	m.log.allow("EROFS|ENODEV|read-only")
	data := random('r', 100_000)
	writeImage(t, m.fast+"/x", data)
	changes := []call{
		{"create", open(unix.O_WRONLY | unix.O_CREAT), 0},
		{"unlink", func(string) error { return os.Remove(m.fast + "/x") }, 0},
		{"rename", func(p string) error { return os.Rename(m.fast+"/x", p) }, 0},
		{"utimens", func(string) error { return os.Chtimes(m.fast+"/x", timeOf(1), timeOf(2)) }, 0},
	}

	remount(unix.MS_RDONLY)
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) { wantErrno(t, c.do(m.fast+"/new"), unix.EROFS) })
	}
	wantImage(t, m.fast+"/x", data)
	writeImage(t, m.slow+"/new", data)

	m.stop(t)
	m.serve(t)
	for _, c := range changes {
		t.Run(c.name+" after a start", func(t *testing.T) { wantErrno(t, c.do(m.fast+"/new"), unix.ENODEV) })
	}
	wantImage(t, m.fast+"/x", data)
	if status, err := xattr(m.fast, "user.glance.status"); err != nil || !strings.Contains(status, datadir) {
		t.Errorf("user.glance.status is %q (%v)", status, err)
	}

	m.stop(t)
	remount(0)
	m.serve(t)
	writeImage(t, m.fast+"/new", data)
	wantImage(t, m.fast+"/new", data)
	wantXattr(t, m.fast, "status", "ok")
}

// TestNoXattrDatadir: where the datadir's filesystem has no user xattrs the
// record is kept beside the images.
func TestNoXattrDatadir(t *testing.T) {
	t.Parallel()
	datadir := newFilesystem(t, "ramfs", "")
	probe := datadir + "/probe"
	if err := os.WriteFile(probe, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(probe, "user.probe", nil, 0); err != unix.EOPNOTSUPP {
		need.Missing(t, "a filesystem without user xattrs (ramfs has them here)", "another kernel")
	}
	if err := os.Remove(probe); err != nil {
		t.Fatal(err)
	}
	m := setup{fastData: datadir}.mount(t)
	records := func() int {
		entries, _ := os.ReadDir(datadir + "/.glancefs/records") // not made yet: none
		return len(entries)
	}
	data, other := random('n', 100_000), random('o', 50_000)
	writeImage(t, m.fast+"/x", data)
	writeImage(t, m.fast+"/y", other)
	m.wantSh(t, `touch -d 2001-01-01 fast/x; mv fast/y fast/z`)
	m.stop(t)
	m.serve(t)
	wantImage(t, m.fast+"/x", data)
	wantImage(t, m.fast+"/z", other)
	wantXattrNames(t, m.fast+"/x", imageXattrs)
	if _, err := xattr(datadir+"/x", "user.glance.checksum"); err != unix.EOPNOTSUPP {
		t.Errorf("an xattr of the file: %v", err)
	}
	if n := records(); n != 2 {
		t.Errorf("%d records of 2 images", n)
	}
	m.wantSh(t, `rm fast/x fast/z`)
	if n := records(); n != 0 {
		t.Errorf("%d records are left without an image", n)
	}
}
