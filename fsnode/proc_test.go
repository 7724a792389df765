package fsnode

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"glancefs/tests/need"
)

// zombie waits until a process has ended, and leaves it unreaped: /proc then
// shows it as it shows an exiting task.
func zombie(t *testing.T, w *writer) uint32 {
	t.Helper()
	var info unix.Siginfo
	pid := w.cmd.Process.Pid
	if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	return uint32(pid)
}

// TestInspectEnded looks at processes that end in different ways.
func TestInspectEnded(t *testing.T) {
	for _, test := range []struct {
		name string
		ends func(w *writer)
		want process
	}{
		{"exit 0", func(w *writer) { w.tell("exit 0") }, process{}},
		{"exit 3", func(w *writer) { w.tell("exit 3") }, process{failed: true, why: "its writer failed with exit status 3"}},
		{"exit 255", func(w *writer) { w.tell("exit 255") }, process{failed: true, why: "its writer failed with exit status 255"}},
		{"SIGKILL", func(w *writer) { w.signal(unix.SIGKILL) }, process{killed: true, why: "its writer was ended by SIGKILL"}},
		{"SIGTERM", func(w *writer) { w.signal(unix.SIGTERM) }, process{killed: true, why: "its writer was ended by SIGTERM"}},
		{"SIGHUP", func(w *writer) { w.signal(unix.SIGHUP) }, process{killed: true, why: "its writer was ended by SIGHUP"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWriter(t)
			w.do("nothing") // it runs
			test.ends(w)
			pid := zombie(t, w)
			test.want.tgid, test.want.exiting = int(pid), true
			if diff := cmp.Diff(test.want, inspect(pid), cmp.AllowUnexported(process{})); diff != "" {
				t.Errorf("process (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInspectLiving: a living process, whichever of its threads is asked
// about, and one that can't be seen.
func TestInspectLiving(t *testing.T) {
	w := newWriter(t)
	w.do("nothing")
	pid := w.cmd.Process.Pid
	tasks, err := filepath.Glob(filepath.Join(procDir(uint32(pid)), "task", "*"))
	if err != nil || len(tasks) < 2 {
		t.Fatalf("a Go program with the threads %q, %v", tasks, err)
	}
	for _, task := range tasks {
		tid := atoi(t, filepath.Base(task))
		want := process{tgid: pid}
		if got := inspect(uint32(tid)); got != want {
			t.Errorf("thread %d: %+v, want %+v", tid, got, want)
		}
		if got := threadGroup(uint32(tid)); got != pid {
			t.Errorf("thread %d is of process %d, want %d", tid, got, pid)
		}
		if dying(uint32(tid)) {
			t.Errorf("thread %d is dying", tid)
		}
	}
	for _, pid := range []uint32{0, 1<<22 + 1} { // pid_max is at most 1<<22
		if got := inspect(pid); got != (process{}) {
			t.Errorf("process %d: %+v", pid, got)
		}
		if dying(pid) || threadGroup(pid) != 0 {
			t.Errorf("process %d is there", pid)
		}
	}
}

// TestInspectManyGroups: the line that tells whether a task has memory comes
// after one that can be as long as one likes.
func TestInspectManyGroups(t *testing.T) {
	need.Root(t)
	groups := make([]uint32, 3000)
	for i := range groups {
		groups[i] = 100000 + uint32(i)
	}
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: groups}}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	_, err1 = in.Write([]byte("x"))
	_, err2 = out.Read(make([]byte, 1)) // so it runs, and is not in execve any more
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	want := process{tgid: cmd.Process.Pid}
	if got := inspect(uint32(cmd.Process.Pid)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		t.Error(err)
	}
}

// TestDying: a signal that is pending is not a death, but for SIGKILL (which
// the tests of killed writers show).
func TestDying(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends, and its signal with it
		set := unix.Sigset_t{Val: [16]uint64{1 << (unix.SIGUSR1 - 1)}}
		tid := unix.Gettid()
		err := errors.Join(unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil), unix.Tgkill(os.Getpid(), tid, unix.SIGUSR1))
		if err != nil {
			t.Error(err)
		}
		if pending := readStatus(uint32(tid)).field("SigPnd:"); strings.Trim(pending, "0") == "" {
			t.Errorf("nothing is pending: %q", pending)
		}
		if dying(uint32(tid)) {
			t.Error("a pending SIGUSR1 is a death")
		}
	}()
	<-done
}

// TestHolds: who has a descriptor of a file.
func TestHolds(t *testing.T) {
	// Not the only one with such a name.
	another, err1 := os.Create(filepath.Join(t.TempDir(), "file"))
	file, err2 := os.Create(filepath.Join(t.TempDir(), "file"))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	defer another.Close()
	f := openFile{"file", inodeOf(t, file)}
	w := newWriter(t, file) // as descriptor 3
	w.do("nothing")
	me, other := uint32(os.Getpid()), uint32(w.cmd.Process.Pid)
	for _, step := range []struct {
		what        string
		do          func()
		me, it, any bool
	}{
		{"both have it", func() {}, true, true, true},
		{"the other one has two", func() { w.must("dup 3 4") }, true, true, true},
		{"I have none", func() { file.Close() }, false, true, true},
		{"it has one left", func() { w.must("close 3") }, false, true, true},
		{"nobody has one", func() { w.must("close 4") }, false, false, false},
	} {
		step.do()
		if got := f.heldBy(me); got != step.me {
			t.Errorf("%s: I hold it: %v", step.what, got)
		}
		if got := f.heldBy(other); got != step.it {
			t.Errorf("%s: the other one holds it: %v", step.what, got)
		}
		if got := f.heldByAny(); got != step.any {
			t.Errorf("%s: anybody holds it: %v", step.what, got)
		}
	}
}

// TestHoldsUnknown: who can't be asked is taken to hold it, who is gone does
// not.
func TestHoldsUnknown(t *testing.T) {
	if !(openFile{"x", 1}).heldBy(0) {
		t.Error("a process of another PID namespace does not hold anything")
	}
	if (openFile{"x", 1}).heldBy(1<<22 + 1) {
		t.Error("a process that is not there holds something")
	}
}
