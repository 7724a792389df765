package tests

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDaemonKilled: the daemon is killed in the middle of adds and started
// again. Writers are told; what was under way is gone after the start, and
// nothing else is: not an image, and not what another process adds.
func TestDaemonKilled(t *testing.T) {
	t.Parallel()
	here := newMount(t)
	there := setup{fastData: here.fastData, slowData: here.slowData}.mount(t)
	data := random('k', 300_000)
	writeImage(t, here.fast+"/done", data)
	lost, kept := create(t, here.fast+"/lost"), create(t, there.fast+"/kept")
	for _, f := range []*os.File{lost, kept} {
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	cat := here.start(t, `exec cat > fast/cat`)
	cat.send(t, data)
	wantUnderWay(t, here.fast+"/cat", len(data))
	wantTemporaries(t, here.fastData, 3)

	here.kill(t)
	cat.send(t, data[:1])
	if out, status := cat.wait(t); status != 1 || !strings.Contains(out, "Transport endpoint is not connected") {
		t.Errorf("cat: exit status %d, wrote %q", status, out)
	}
	_, err := lost.Write(data)
	wantErrno(t, err, unix.ENOTCONN)
	wantErrno(t, lost.Close(), unix.ENOTCONN)
	wantErrno(t, open(unix.O_RDONLY)(here.fast+"/done"), unix.ENOTCONN)
	wantTemporaries(t, here.fastData, 3) // nobody was there to remove them

	here.restart(t)
	wantTemporaries(t, here.fastData, 1)
	wantImage(t, here.fast+"/done", data)
	for _, name := range []string{"/lost", "/cat"} {
		wantNoImage(t, here.fast+name)
		writeImage(t, here.fast+name, data[:1000])
		wantImage(t, there.fast+name, data[:1000])
	}
	if _, err := kept.Write(data); err != nil {
		t.Error(err)
	}
	if err := kept.Close(); err != nil {
		t.Error(err)
	}
	for _, m := range []*mount{here, there} {
		wantImage(t, m.fast+"/kept", slices.Concat(data, data))
	}
}

// TestDaemonKilledBusy: a daemon that is killed while images come and go ends,
// and so do their writers. A thread of it that waited in the kernel for a lock
// of one of them would not die, nor let the connection end.
func TestDaemonKilledBusy(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	for range 20 {
		writers := m.start(t, `
			for w in 1 2 3 4 5 6; do
				$PY -c 'import os, sys
for i in range(1 << 30):
    p = "fast/%s-%d" % (sys.argv[1], i)
    open(p, "xb").write(b"x" * 5000)
    os.unlink(p)' $w 2> /dev/null &
			done
			wait`)
		eventually(t, "there are images", func() bool {
			images, err := os.ReadDir(m.fast)
			return err != nil || len(images) > 0
		})
		time.Sleep(rand.N(100 * time.Millisecond)) // any moment will do
		if err := m.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-m.ended:
		case <-time.After(patience / 2):
			stacks := allStacks()
			abortConnection(t, m)
			t.Fatalf("the daemon does not end\n%s", stacks)
		}
		writers.wait(t)
		m.restart(t)
	}
	m.wantSh(t, `rm -f fast/*`)
}

// TestMountOverDead: mount detaches what a dead glancefs left, even if
// somebody still has a file of it open.
func TestMountOverDead(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data := random('o', 100_000)
	writeImage(t, m.fast+"/x", data)
	f, err := os.Open(m.fast + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 {
		m.kill(t)
		wantErrno(t, open(unix.O_RDONLY)(m.dir), unix.ENOTCONN)
		m.mountInBackground(t)
		wantImage(t, m.fast+"/x", data)
		m.umountInBackground(t)
		m.restart(t)
	}
	m.log.allow("detached a dead glancefs")
}

// TestForcedUnmount: umount -f and an abort of the connection end all adds:
// nothing is left, and the daemon ends with status 0.
func TestForcedUnmount(t *testing.T) {
	t.Parallel()
	for name, force := range map[string]func(*testing.T, *mount){
		"umount -f": func(t *testing.T, m *mount) {
			// It is busy, so this fails; the connection ends all the same.
			if err := unix.Unmount(m.dir, unix.MNT_FORCE); err != nil && !errors.Is(err, unix.EBUSY) {
				t.Fatal(err)
			}
		},
		"abort": abortConnection,
	} {
		t.Run(name, func(t *testing.T) {
			m := newMount(t)
			m.log.allow("aborted")
			data := random('f', 300_000)
			writeImage(t, m.fast+"/done", data)
			f := create(t, m.fast+"/x")
			if _, err := f.Write(data); err != nil {
				t.Fatal(err)
			}
			cat := m.start(t, `exec cat > slow/y`)
			cat.send(t, data)
			wantUnderWay(t, m.slow+"/y", len(data))

			force(t, m)
			_, err := f.Write(data)
			wantErrno(t, err, unix.ENOTCONN)
			cat.send(t, data[:1])
			if out, status := cat.wait(t); status != 1 || !strings.Contains(out, "Transport endpoint is not connected") {
				t.Errorf("cat: exit status %d, wrote %q", status, out)
			}
			m.wantEnd(t) // f is open still
			wantErrno(t, f.Close(), unix.ENOTCONN)
			wantOnly(t, m.fastData, "done")
			wantOnly(t, m.slowData)
			m.restart(t)
			wantImage(t, m.fast+"/done", data)
		})
	}
}

// abortConnection ends a mount's connection through fusectl.
func abortConnection(t *testing.T, m *mount) {
	t.Helper()
	control := newFilesystem(t, "fusectl", "")
	var st unix.Statx_t
	// The device's number is in the mount table; asking the mount itself
	// would do, too.
	if err := unix.Statx(unix.AT_FDCWD, m.dir, unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st); err != nil {
		t.Fatal(err)
	}
	abort := fmt.Sprintf("%s/%d/abort", control, st.Dev_minor)
	if err := os.WriteFile(abort, []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
}

// TestLazyUnmount: after umount -l an add goes on and is committed; then the
// daemon ends.
func TestLazyUnmount(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data := random('l', 300_000)
	f := create(t, m.fast+"/x")
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("umount", "-l", m.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if m.hasEnded() {
		t.Fatal("the daemon has ended in the middle of an add")
	}
	if _, err := f.Write(data); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	m.wantEnd(t)
	m.restart(t)
	wantImage(t, m.fast+"/x", slices.Concat(data, data))
}

// TestSignal: SIGTERM and SIGINT abort the adds under way, and the daemon
// ends with status 0.
func TestSignal(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGINT} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			t.Parallel()
			m := newMount(t)
			m.log.allow("aborted|busy")
			data := random('s', 300_000)
			f := create(t, m.fast+"/x")
			if _, err := f.Write(data); err != nil {
				t.Fatal(err)
			}
			cat := m.start(t, `exec cat > slow/y`)
			cat.send(t, data)
			wantUnderWay(t, m.slow+"/y", len(data))
			if err := m.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			m.log.awaitText(t, "shutting down")
			var err error
			eventually(t, "the writer is told", func() bool {
				_, err = f.Write(data[:1])
				return err != nil
			})
			wantErrno(t, err, unix.EIO)
			wantErrno(t, f.Close(), unix.EIO)
			cat.send(t, data[:1])
			cat.stdin.Close() // its add may be aborted just after it wrote that
			if out, status := cat.wait(t); status != 1 || !strings.Contains(out, "Input/output error") {
				t.Errorf("cat: exit status %d, wrote %q", status, out)
			}
			m.wantEnd(t)
			if left := mountpoints(m.dir); len(left) > 0 {
				t.Errorf("still mounted: %q", left)
			}
			wantOnly(t, m.fastData)
			wantOnly(t, m.slowData)
		})
	}
}

// TestSignalDuringCommit: a commit that has begun ends, and close(2) says so.
func TestSignalDuringCommit(t *testing.T) {
	t.Parallel()
	m, freeze, thaw := frozenStore(t)
	m.log.allow("busy")
	data := random('c', 300_000)
	m.source(t, "data", data)
	p := m.start(t, `exec $PY -c '
import os
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT)
os.write(fd, open(os.environ["S"] + "/data", "rb").read())
os.read(0, 1)
os.close(fd)
print("closed")'`)
	wantUnderWay(t, m.fast+"/x", len(data))
	wantStored(t, m.fastData, len(data))
	freeze()
	p.stdin.Close()
	p.wantBlocked(t)
	if err := m.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.log.awaitText(t, "shutting down")
	thaw()
	if out, status := p.wait(t); status != 0 || out != "closed\n" {
		t.Errorf("exit status %d, wrote %q", status, out)
	}
	m.wantEnd(t)
	wantOnly(t, m.fastData, "x")
	m.restart(t)
	wantImage(t, m.fast+"/x", data)
}

// TestSignalBusyReader: a mount that is in use is detached and can be mounted
// anew; its readers go on for some seconds, and then the daemon ends.
func TestSignalBusyReader(t *testing.T) {
	t.Parallel()
	m := bothReadPaths(t)
	m.log.allow("busy|connection")
	data := random('b', 300_000)
	var readers []*os.File
	for _, store := range m.stores() {
		writeImage(t, store+"/x", data)
		f, err := os.Open(store + "/x")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		readers = append(readers, f)
	}
	if err := m.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the busy mount is detached", func() bool { return len(mountpoints(m.dir)) == 0 })
	if m.hasEnded() {
		t.Error("the daemon has ended under its readers")
	}
	for _, f := range readers {
		wantReadAt(t, f, data, 123_456, 100_000)
	}
	m.mountInBackground(t)
	wantImage(t, m.fast+"/x", data)
	m.umountInBackground(t)
	m.wantEnd(t)
}

// TestUmountWaits: glancefs umount returns when everything is stored and the
// daemon is gone, also when a commit that nobody waits for takes its time.
func TestUmountWaits(t *testing.T) {
	t.Parallel()
	m, freeze, thaw := frozenStore(t)
	data := random('w', 300_000)
	m.source(t, "data", data)
	p := m.start(t, `exec 5> fast/x; cat $S/data >&5; echo written; read go; exit 0`)
	eventually(t, "everything is written", func() bool { return p.output(t) == "written\n" })
	wantStored(t, m.fastData, len(data))
	freeze()
	p.stdin.Close()
	p.wait(t) // its exit closes the image: the commit comes with RELEASE
	umount := startIn(t, m.scratch, `exec "$GLANCEFS" umount "$M"`, "GLANCEFS="+binary, "M="+m.dir, "GORACE=atexit_sleep_ms=0")
	umount.stdin.Close()
	eventually(t, "it is unmounted", func() bool { return len(mountpoints(m.dir)) == 0 })
	select {
	case <-umount.ended:
		t.Error("umount has returned before the image was stored")
	default:
	}
	thaw()
	if out, status := umount.wait(t); status != 0 || out != "" {
		t.Errorf("exit status %d, wrote %q", status, out)
	}
	if state := stateOf(m.cmd.Process.Pid); state != "" && state != "Z" {
		t.Errorf("the daemon is in state %s after the umount", state)
	}
	wantOnly(t, m.fastData, "x")
	wantContent(t, m.fastData+"/x", data)
}
