package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hungCalls are what can be asked of a store, each of an image of its own (its
// name), all at once. way is an image that is under way.
func hungCalls(m *mount, way *os.File) []call {
	return []call{
		{"stat", func(p string) error { _, err := os.Stat(p); return err }, unix.ETIMEDOUT},
		{"stat of nothing", func(string) error { _, err := os.Stat(m.fast + "/none"); return err }, unix.ETIMEDOUT},
		{"open", open(unix.O_RDONLY), unix.ETIMEDOUT},
		{"create", func(string) error { return open(unix.O_WRONLY | unix.O_CREAT)(m.fast + "/new") }, unix.ETIMEDOUT},
		{"unlink", os.Remove, unix.ETIMEDOUT},
		{"rename", func(p string) error { return os.Rename(p, p+"2") }, unix.ETIMEDOUT},
		{"utimens", func(p string) error { return os.Chtimes(p, timeOf(1), timeOf(2)) }, unix.ETIMEDOUT},
		{"getxattr", func(p string) error { _, err := xattr(p, "user.glance.checksum"); return err }, unix.ETIMEDOUT},
		{"readdir", func(string) error { _, err := os.ReadDir(m.fast); return err }, unix.ETIMEDOUT},
		{"statfs", func(string) error { var st unix.Statfs_t; return unix.Statfs(m.fast, &st) }, unix.ETIMEDOUT},
		{"write", func(string) error { _, err := way.Write(make([]byte, 1000)); return err }, unix.ETIMEDOUT},
		// These wait for nothing.
		{"stat of the store", func(string) error { _, err := os.Stat(m.fast); return err }, 0},
		{"stat of the image under way", func(string) error { _, err := way.Stat(); return err }, 0},
		{"list of the root", func(string) error { _, err := os.ReadDir(m.dir); return err }, 0},
	}
}

// TestHung: a store whose datadir does not answer answers with ETIMEDOUT; the
// others do not notice; and when the datadir is back, so is the store.
func TestHung(t *testing.T) {
	t.Parallel()
	m, sick := sickStore(t, "[fast]", "request_timeout = 2")
	m.log.allow("ETIMEDOUT|fast")
	data := random('h', 300_000)
	writeImage(t, m.fast+"/x", data)
	way := create(t, m.fast+"/way")
	if _, err := way.Write(data); err != nil {
		t.Fatal(err)
	}
	calls := hungCalls(m, way)
	for _, c := range calls { // behind the mount's back: the kernel knows nothing of them
		if err := os.WriteFile(filepath.Join(sick.behind, c.name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sick.hang(t, "all")
	var all sync.WaitGroup
	errs := make([]error, len(calls))
	for i, c := range calls {
		all.Go(func() { errs[i] = c.do(filepath.Join(m.fast, c.name)) })
	}
	crowd := make([]error, 200) // more than the store lets through at once
	for i := range crowd {
		all.Go(func() { _, crowd[i] = os.Stat(fmt.Sprintf("%s/none%d", m.fast, i)) })
	}

	writeImage(t, m.slow+"/x", data)
	wantImage(t, m.slow+"/x", data)
	m.wantSh(t, `ls -l . slow; cp slow/x slow/y; cmp slow/x slow/y; rm slow/x slow/y`)

	_ = sick.answer(t, func() error { all.Wait(); return nil })
	for i, c := range calls {
		t.Run(c.name, func(t *testing.T) { wantErrno(t, errs[i], c.want) })
	}
	for _, err := range crowd {
		wantErrno(t, err, unix.ETIMEDOUT)
	}
	wantErrno(t, sick.answer(t, way.Close), unix.ETIMEDOUT)
	if status, err := xattr(m.fast, "user.glance.status"); err != nil || status == "ok" {
		t.Errorf("user.glance.status is %q (%v)", status, err)
	}

	sick.heal(t)
	m.wantBack(t, m.fast)
	wantContent(t, m.fast+"/x", data)
	wantNoImage(t, m.fast+"/way")
	writeImage(t, m.fast+"/way", data)
	wantImage(t, m.fast+"/way", data)
	eventually(t, "nothing is left of the adds that failed", func() bool { return len(temporaries(t, sick.behind)) == 0 })
}

// wantBack waits until a store that was down works.
func (m *mount) wantBack(t *testing.T, store string) {
	t.Helper()
	eventually(t, "the store is back", func() bool {
		status, err := xattr(store, "user.glance.status")
		return err == nil && status == "ok"
	})
}

// TestHungRead: an image that is open when its datadir begins to hang. If the
// kernel reads the datadir by itself, nobody can end the read in time.
func TestHungRead(t *testing.T) {
	t.Parallel()
	m, sick := sickStore(t, "[fast]", "request_timeout = 2")
	m.log.allow("ETIMEDOUT")
	data := random('r', 300_000)
	writeImage(t, m.fast+"/x", data)
	f, err := os.Open(m.fast + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sick.hang(t, "all")
	err = sick.answer(t, func() error {
		_, err := f.ReadAt(make([]byte, 1000), 0)
		return err
	})
	wantErrno(t, err, unix.ETIMEDOUT)
	sick.heal(t)
	wantReadAt(t, f, data, 100_000, 50_000)
}

// TestHungCommit: a commit that hangs fails in time. If it hangs in the call
// that gives the image its name the outcome is asked after; what close(2)
// said holds when the datadir is back.
func TestHungCommit(t *testing.T) {
	t.Parallel()
	m, sick := sickStore(t, "[fast]", "request_timeout = 1")
	m.log.allow("ETIMEDOUT|fast")
	data := random('c', 300_000)
	for _, op := range []string{"SetXAttr", "SetAttr", "Fsync"} {
		f := create(t, m.fast+"/"+op)
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		sick.hang(t, op)
		wantErrno(t, sick.answer(t, f.Close), unix.ETIMEDOUT)
		sick.heal(t)
		wantNoImage(t, m.fast+"/"+op)
		writeImage(t, m.fast+"/"+op, data)
		wantImage(t, m.fast+"/"+op, data)
	}
	f := create(t, m.fast+"/Rename")
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	sick.hang(t, "Rename")
	wantErrno(t, sick.answer(t, f.Close), unix.ETIMEDOUT) // the outcome is unknown
	sick.heal(t)
	eventually(t, "nothing is under way", func() bool { return len(temporaries(t, sick.behind)) == 0 })
	if _, err := os.Stat(m.fast + "/Rename"); err == nil {
		wantImage(t, m.fast+"/Rename", data) // it made it after all: complete
	}
}

// TestHungAtStart: mount returns in time though a datadir hangs; the other
// stores work, and that one does when it is back.
func TestHungAtStart(t *testing.T) {
	t.Parallel()
	m, sick := sickStore(t, "[fast]", "request_timeout = 2")
	m.log.allow("fast")
	data := random('s', 100_000)
	writeImage(t, m.fast+"/x", data)
	m.stop(t)
	sick.hang(t, "all")
	before := time.Now()
	m.mountInBackground(t)
	if took := time.Since(before); took > 15*time.Second {
		t.Errorf("mount took %v; it is to return within 15 s whatever is down", took)
	}
	writeImage(t, m.slow+"/x", data)
	wantImage(t, m.slow+"/x", data)
	err := sick.answer(t, func() error { return open(unix.O_RDONLY)(m.fast + "/x") })
	wantErrno(t, err, unix.ETIMEDOUT)
	sick.heal(t)
	m.wantBack(t, m.fast)
	eventually(t, "the name is asked for anew", func() bool { _, err := os.Stat(m.fast + "/x"); return err == nil })
	wantImage(t, m.fast+"/x", data)
	writeImage(t, m.fast+"/y", data)
	wantImage(t, m.fast+"/y", data)
	m.umountInBackground(t)
	wantOnly(t, sick.behind, "x", "y")
}

// TestHungWriterKilled: kill -9 ends a writer on a datadir that hangs at once,
// however long the store may take.
func TestHungWriterKilled(t *testing.T) {
	t.Parallel()
	m, sick := sickStore(t, "[fast]", "request_timeout = 600")
	m.log.allow(`"image":"x"`)
	data := random('k', 300_000)
	for _, hung := range []string{"Write", "all"} {
		p := m.start(t, `exec cat - /dev/zero > fast/x`)
		p.send(t, data)
		wantUnderWay(t, m.fast+"/x", len(data))
		sick.hang(t, hung)
		p.stdin.Close()
		p.wantBlocked(t)
		p.signal(t, unix.SIGKILL)
		if _, status := p.wait(t); status != 128+int(unix.SIGKILL) { // the datadir hangs still
			t.Errorf("exit status %d", status)
		}
		sick.heal(t)
		wantNoImage(t, m.fast+"/x")
		eventually(t, "nothing is left", func() bool { return len(temporaries(t, sick.behind)) == 0 })
		writeImage(t, m.fast+"/x", data)
		wantImage(t, m.fast+"/x", data)
		if err := os.Remove(m.fast + "/x"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGone: a datadir that is not there is a store that is down: nothing is
// said to be missing, nothing is added to what is seen in its place, and it
// works when it is back.
func TestGone(t *testing.T) {
	t.Parallel()
	disk := newFilesystem(t, "tmpfs", "size=32m")
	m := setup{fastData: disk}.mount(t)
	m.log.allow("EHOSTDOWN")
	data := random('g', 100_000)
	writeImage(t, m.slow+"/x", data)

	away := m.slowData + ".away"
	for _, where := range []struct {
		name, store, datadir string
		leave, comeBack      func() error
	}{
		{"renamed", m.slow, m.slowData, func() error { return os.Rename(m.slowData, away) }, func() error { return os.Rename(away, m.slowData) }},
		{"unmounted", m.fast, disk, func() error { return unix.Unmount(disk, 0) }, func() error { return unix.Mount("tmpfs", disk, "tmpfs", 0, "size=32m") }},
	} {
		t.Run(where.name, func(t *testing.T) {
			store := where.store
			// The kernel closes what was open a little later.
			eventually(t, "the datadir can go", func() bool { return where.leave() == nil })
			for _, c := range []call{
				{"stat", func(p string) error { _, err := os.Stat(p); return err }, unix.EHOSTDOWN},
				{"create", open(unix.O_WRONLY | unix.O_CREAT), unix.EHOSTDOWN},
				{"readdir", func(string) error { _, err := os.ReadDir(store); return err }, unix.EHOSTDOWN},
				{"unlink", os.Remove, unix.EHOSTDOWN},
			} {
				t.Run(c.name, func(t *testing.T) { wantErrno(t, c.do(store+"/none"), c.want) })
			}
			if status, err := xattr(store, "user.glance.status"); err != nil || !strings.Contains(status, where.datadir) {
				t.Errorf("user.glance.status is %q (%v)", status, err)
			}
			if entries, err := os.ReadDir(where.datadir); len(entries) > 0 {
				t.Errorf("in its place there are %v (%v)", entries, err)
			}
			if err := where.comeBack(); err != nil {
				t.Fatal(err)
			}
			wantXattr(t, store, "status", "ok")
			writeImage(t, store+"/y", data)
			wantImage(t, store+"/y", data)
		})
	}
	wantImage(t, m.slow+"/x", data)
}

// TestDeadDatadir: a datadir on a FUSE filesystem whose server dies in the
// middle of an add.
func TestDeadDatadir(t *testing.T) {
	t.Parallel()
	m, sick := sickStore(t)
	m.log.allow("EHOSTDOWN|fast")
	data := random('d', 300_000)
	f := create(t, m.fast+"/x")
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	sick.kill(t)
	_, err := f.Write(data)
	wantErrno(t, err, unix.EHOSTDOWN)
	wantErrno(t, f.Close(), unix.EHOSTDOWN)
	for _, c := range []call{
		{"stat", func(p string) error { _, err := os.Stat(p); return err }, unix.EHOSTDOWN},
		{"create", open(unix.O_WRONLY | unix.O_CREAT), unix.EHOSTDOWN},
		{"readdir", func(string) error { _, err := os.ReadDir(m.fast); return err }, unix.EHOSTDOWN},
	} {
		t.Run(c.name, func(t *testing.T) { wantErrno(t, c.do(m.fast+"/none"), c.want) })
	}
	writeImage(t, m.slow+"/x", data)
	wantImage(t, m.slow+"/x", data)
	// There is no datadir that m's end could look into for leftovers.
	m.unmount(t)
	m.wantEnd(t)
	if err := unix.Unmount(sick.dir, unix.MNT_DETACH); err != nil {
		t.Error(err)
	}
}
