package tests

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glancefs/tests/need"
)

// TestKilledWriter: a writer that a signal ends publishes nothing, whoever
// opened the image, and the name is free at once.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	src := m.sources(t)
	m.log.allow(`fast/x|"image":"x"`)
	for _, writer := range []struct {
		name, script string
		victim       string // its command line
		size         int    // when it is killed
	}{
		{"opener that writes", `exec cat > fast/x`, "cat", len(src.b)},
		{"opener that has written nothing", `exec cat > fast/x`, "cat", 0},
		{"child that writes", `{ cat; } > fast/x`, "cat", len(src.b)},
		{"first of two", `(cat; cat $S/a) > fast/x`, "cat", len(src.b)},
		{"second of two", `(cat $S/a; cat) > fast/x`, "cat", len(src.a) + len(src.b)},
		{"first of two, braces", `{ cat; cat $S/a; } > fast/x`, "cat", len(src.b)},
		{"in a subshell that goes on", `(cat || true; echo end) > fast/x`, "cat", len(src.b)},
		{"of exec 5>", `exec 5> fast/x; cat >&5; echo end >&5; exec 5>&-`, "cat", len(src.b)},
		{"dd", `exec dd of=fast/x bs=64K status=none`, "dd of=fast/x bs=64K status=none", len(src.b)},
		{"tee", `exec tee fast/x > /dev/null`, "tee fast/x", len(src.b)},
		{"in a pid namespace", `unshare --pid --fork bash -c 'cat > fast/x; true'`, "cat", len(src.b)},
	} {
		for _, sig := range []syscall.Signal{unix.SIGKILL, unix.SIGTERM, unix.SIGINT, unix.SIGHUP} {
			if sig == unix.SIGINT && writer.name == "dd" {
				continue // its handler closes the file: it looks like success
			}
			t.Run(writer.name+" "+unix.SignalName(sig), func(t *testing.T) {
				p := m.start(t, writer.script)
				if writer.size > 0 {
					p.send(t, src.b)
				}
				wantUnderWay(t, m.fast+"/x", writer.size)
				victim := p.find(t, writer.victim)
				if err := unix.Kill(victim, sig); err != nil {
					t.Fatal(err)
				}
				p.wait(t)
				wantNoImage(t, m.fast+"/x")
				m.wantSh(t, `cp $S/b fast/x && cmp $S/b fast/x && rm fast/x`)
			})
		}
	}
}

// find waits for the process of the script with this command line.
func (p *process) find(t *testing.T, cmdline string) (found int) {
	t.Helper()
	eventually(t, cmdline+" runs", func() bool {
		for _, pid := range runProcesses() {
			session, _ := unix.Getsid(pid) // 0 if it just ended
			line := readProc(fmt.Sprintf("/proc/%d/cmdline", pid))
			if session == p.cmd.Process.Pid && strings.TrimSpace(strings.ReplaceAll(line, "\x00", " ")) == cmdline {
				found = pid
				return true
			}
		}
		return false
	})
	return found
}

// TestFailedWriter: a process that opened an image and exits with another
// status than 0, or is killed, without having closed it, has failed.
func TestFailedWriter(t *testing.T) {
	t.Parallel()
	need.Command(t, "curl", "curl")
	m := newMount(t)
	m.sources(t)
	buildGoWriter(t, m)
	m.log.allow(`fast/x|"image":"x"`)
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5000000")
		_, _ = w.Write(random('w', 1_000_000)) // the client may be gone
	}))
	defer liar.Close()
	for _, test := range []struct {
		name, script string
		status       int
	}{
		{"nosuchcommand", `nosuchcommand > fast/x`, 127},
		{"curl cut off", `curl -sS ` + liar.URL + ` > fast/x`, 18},
		{"one of the writers is killed", `{ cat < <(cat $S/b; exec sleep 10) & until [ -s fast/x ]; do sleep .01; done; kill -KILL $!; wait $!; } > fast/x`, 137},
		{"bash with exit 3", `bash -c 'cat $S/a; exit 3' > fast/x`, 3},
		{"subshell with exit 3", `(cat $S/a; exit 3) > fast/x`, 3},
		{"subshell whose last command fails", `(cat $S/a; false) > fast/x`, 1},
		{"Go program with exit 3", `$S/gowriter 4 3 < $S/a > fast/x`, 3},
		{"shell that fails with exec 5>", `bash -c 'exec 5> fast/x; cat $S/a >&5; exit 3'`, 3},
		{"shell that kills itself", `bash -c 'exec 5> fast/x; cat $S/a >&5; kill -9 $$'`, 137},
		{"python that raises", `$PY -c 'import os; fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT); os.write(fd, b"half"); 1/0' 2>&1 | tail -1 | grep -q ZeroDivision; exit ${PIPESTATUS[0]}`, 1},
		{"python killed with threads", `$PY -c '
import os, threading
for i in range(4): threading.Thread(target=threading.Event().wait, daemon=True).start()
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT)
os.write(fd, b"half")
os.kill(os.getpid(), 9)'`, 137},
	} {
		t.Run(test.name, func(t *testing.T) {
			m.wantSh(t, `rm -f fast/x`) // of a subtest that failed
			if out, status := m.sh(t, test.script); status != test.status {
				t.Errorf("exit status %d, want %d\n%s", status, test.status, out)
			}
			wantNoImage(t, m.fast+"/x")
			m.wantSh(t, `cp $S/b fast/x && cmp $S/b fast/x && rm fast/x`)
		})
	}
	m.log.want(t, `"image":"x"`)
	if errs, err := xattr(m.fast, "user.glance.errors"); err != nil || !strings.Contains(errs, `"x"`) {
		t.Errorf("user.glance.errors is %q (%v)", errs, err)
	}
}

// TestKilledBystander: a process that inherited the descriptor and neither
// opened nor wrote the image changes nothing when it dies.
func TestKilledBystander(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	src := m.sources(t)
	for _, sig := range []string{"KILL", "TERM"} {
		m.wantSh(t, `exec 5> fast/x; cat $S/b >&5
			sleep 60 & kill -`+sig+` $!; wait $!
			cat $S/a >&5; exec 5>&-`)
		wantImage(t, m.fast+"/x", slices.Concat(src.b, src.a))
		m.wantSh(t, `rm fast/x`)
	}
	m.wantSh(t, `{ (exec sleep 3) & kill -KILL $!; wait $!; cat $S/a; } > fast/x`)
	wantImage(t, m.fast+"/x", src.a)
}

// frozenStore mounts a glancefs whose store fast is on a filesystem of its
// own, which freeze makes hang on every write until thaw.
func frozenStore(t *testing.T) (m *mount, freeze, thaw func()) {
	t.Helper()
	need.Command(t, "mkfs.ext4", "e2fsprogs")
	need.Command(t, "fsfreeze", "util-linux")
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		need.Missing(t, "loop devices", "modprobe loop")
	}
	base := t.TempDir()
	at := filepath.Join(base, "at")
	run := func(script string) {
		t.Helper()
		cmd := exec.Command("bash", "-ec", script)
		cmd.Dir = base
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	run(`mkdir at && truncate -s 256M disk && mkfs.ext4 -q disk && mount -o loop,noatime disk at && mkdir -m 755 at/images`)
	t.Cleanup(func() { run(`umount at`) })
	frozen := false
	freeze = func() { t.Helper(); run(`fsfreeze -f at`); frozen = true }
	thaw = func() {
		if frozen {
			frozen = false
			run(`fsfreeze -u at`)
		}
	}
	m = setup{fastData: at + "/images"}.mount(t)
	t.Cleanup(thaw) // before the mount is stopped
	return m, freeze, thaw
}

// TestKilledWhileBlocked: kill -9 ends a writer at once that waits for a
// store that hangs; the image is aborted. A handled signal changes nothing.
func TestKilledWhileBlocked(t *testing.T) {
	t.Parallel()
	m, freeze, thaw := frozenStore(t)
	src := m.sources(t)
	m.log.allow(`fast/|"image":"x"`)
	for _, sig := range []syscall.Signal{unix.SIGKILL, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGPIPE} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			p := m.start(t, `exec cat - /dev/zero > fast/x`)
			p.send(t, src.b)
			wantUnderWay(t, m.fast+"/x", len(src.b))
			freeze()
			p.stdin.Close()
			p.wantBlocked(t)
			p.signal(t, sig)
			if _, status := p.wait(t); status != 128+int(sig) { // while the store hangs
				t.Errorf("exit status %d", status)
			}
			thaw()
			wantNoImage(t, m.fast+"/x")
		})
	}
	t.Run("handled", func(t *testing.T) {
		p := m.start(t, `exec $PY -c '
import os, signal
signal.signal(signal.SIGUSR1, lambda *_: print("handled", flush=True))
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT)
os.write(fd, b"begin")
os.read(0, 1)
for i in range(20): assert os.write(fd, bytes(1 << 20)) == 1 << 20
os.close(fd)'`)
		wantUnderWay(t, m.fast+"/x", len("begin"))
		freeze()
		p.stdin.Close()
		p.wantBlocked(t)
		for range 5 {
			p.signal(t, unix.SIGUSR1)
		}
		thaw()
		if out, status := p.wait(t); status != 0 || !strings.HasPrefix(out, "handled\n") {
			t.Errorf("exit status %d, wrote %q", status, out)
		}
		wantImage(t, m.fast+"/x", append([]byte("begin"), make([]byte, 20<<20)...))
	})
}

// TestKilledInCommit: a kill that comes when close has begun to commit does
// not undo it.
func TestKilledInCommit(t *testing.T) {
	t.Parallel()
	m, freeze, thaw := frozenStore(t)
	src := m.sources(t)
	p := m.start(t, `exec $PY -c '
import os
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT)
os.write(fd, open(os.environ["S"] + "/b", "rb").read())
os.read(0, 1)
os.close(fd)'`)
	wantUnderWay(t, m.fast+"/x", len(src.b))
	// All bytes are with the store before it hangs, so that it is the commit
	// that hangs.
	eventually(t, "the bytes are in the datadir", func() bool {
		return strings.Contains(m.wantSh(t, `find `+m.fastData+` -type f -printf '%s\n'`), fmt.Sprintln(len(src.b)))
	})
	freeze()
	p.stdin.Close()
	p.wantBlocked(t)
	p.signal(t, unix.SIGKILL)
	thaw()
	p.wait(t)
	wantSoon(t, m.fast+"/x")
	wantImage(t, m.fast+"/x", src.b)
}

// wantBlocked waits until the process waits for the daemon, and does so for a
// while: its last request has not been answered.
func (p *process) wantBlocked(t *testing.T) {
	t.Helper()
	var last string
	same := 0
	eventually(t, "the process is blocked", func() bool {
		proc := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
		wchan, _ := os.ReadFile(proc + "wchan")
		io, err := os.ReadFile(proc + "io")
		if err != nil {
			t.Fatalf("the process has ended: %s", p.output(t))
		}
		waits := strings.Contains(string(wchan), "request_wait_answer") || strings.Contains(string(wchan), "folio_wait") // a read-ahead
		if now := string(wchan) + string(io); now != last || !waits {
			last, same = now, 0
		}
		same++
		time.Sleep(time.Millisecond)
		return same > 100
	})
}
