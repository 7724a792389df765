package fsnode

import (
	"errors"
	"fmt"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests mount two memory stores in a child process, this test binary
// again: a process that uses its own mount can deadlock. They talk to it by
// RPC over its stdin and stdout; see daemon.
const (
	mountVar  = "FSNODE_TEST_MOUNT"  // where to mount: this process is the daemon
	configVar = "FSNODE_TEST_CONFIG" // oslo.config text with the groups of the stores
	writerVar = "FSNODE_TEST_WRITER" // this process is a writer
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(mountVar) != "":
		if err := serve(os.Getenv(mountVar), os.Getenv(configVar)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case os.Getenv(writerVar) != "":
		os.Exit(runWriter())
	}
	os.Exit(m.Run())
}

// stuck is how long a test that uses a mount may take. It is no measure: it
// only has to be less than go test's own timeout.
const stuck = 3 * time.Minute

// mounted is a mount of the stores one and two in a child process.
type mounted struct {
	*testing.T
	dir      string // where it is mounted
	one, two string // the directories of the stores
	cmd      *exec.Cmd
	client   *rpc.Client
	logs     *lockedBuffer
}

// mount mounts the stores for a test, with an oslo.config text for their
// groups ([one], [two], [glancefs]). In the end the daemon must have nothing
// left: see serve.
func mount(t *testing.T, settings string) *mounted {
	t.Helper()
	dir := t.TempDir()
	m := &mounted{
		T: t, dir: dir, one: filepath.Join(dir, "one"), two: filepath.Join(dir, "two"),
		cmd: again(t, mountVar+"="+dir, configVar+"="+settings), logs: new(lockedBuffer),
	}
	m.cmd.Stderr = m.logs
	conn := m.start()
	m.client = rpc.NewClient(conn)
	t.Cleanup(m.end)
	m.call("Ready", none{}, nil)
	return m
}

// again makes a command that runs this test binary with a variable set.
func again(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), env...)
	cmd.Env = append(cmd.Env, "GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0") // it is 1 s
	return cmd
}

func (m *mounted) start() stdio {
	m.Helper()
	stdin, err1 := m.cmd.StdinPipe()
	stdout, err2 := m.cmd.StdoutPipe()
	if err := errors.Join(err1, err2, m.cmd.Start()); err != nil {
		m.Fatal(err)
	}
	// A daemon that hangs says where, and frees whoever waits for it.
	watchdog := time.AfterFunc(stuck, func() {
		m.Error("stuck: the daemon is ended")
		_ = m.cmd.Process.Signal(unix.SIGQUIT)
	})
	m.Cleanup(func() { watchdog.Stop() })
	return stdio{stdout, stdin}
}

// end ends the mount, if the test has not.
func (m *mounted) end() {
	if err := m.client.Close(); err != nil && !errors.Is(err, rpc.ErrShutdown) {
		m.Error(err)
	}
	if err := m.cmd.Wait(); err != nil {
		m.Errorf("the daemon: %v", err)
		_ = unix.Unmount(m.dir, unix.MNT_DETACH) // of a daemon that was killed
	}
	if m.Failed() {
		text := withoutForeignStacks(m.logs.String())
		m.Logf("the daemon's log:\n%s", text[max(0, len(text)-5000):])
	}
}

// withoutForeignStacks leaves the goroutines that run none of our code out of
// a log.
func withoutForeignStacks(log string) string {
	parts := strings.Split(log, "\n\n")
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool {
		return strings.HasPrefix(part, "goroutine ") && !strings.Contains(part, "glancefs/fsnode.")
	}), "\n\n")
}

// lockedBuffer collects what a child writes.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// with is the mount for a subtest.
func (m *mounted) with(t *testing.T) *mounted {
	sub := *m
	sub.T = t
	return &sub
}

// call makes a call of the daemon.
func (m *mounted) call(method string, args, reply any) {
	m.Helper()
	if reply == nil {
		reply = new(none)
	}
	if err := m.client.Call("Daemon."+method, args, reply); err != nil {
		m.Fatalf("%s: %v", method, err)
	}
}

// fault lets calls of a store fail from now on, as kind says.
func (m *mounted) fault(store, op, name, kind string) {
	m.Helper()
	m.call("Fault", Rule{Call{store, op, name}, kind, 0}, nil)
}

// failRow lets calls of a store fail with a row of errnoOf.
func (m *mounted) failRow(store, op, name string, row int) {
	m.Helper()
	m.call("Fault", Rule{Call{store, op, name}, failing, row}, nil)
}

// release ends holding, and all other faults.
func (m *mounted) release() { m.Helper(); m.call("Release", none{}, nil) }

// await waits until a store was called, as often as times says.
func (m *mounted) await(store, op, name string, times int) {
	m.Helper()
	m.call("Await", Awaited{Call{store, op, name}, times}, nil)
}

// count tells how often a store was called.
func (m *mounted) count(store, op, name string) (times int) {
	m.Helper()
	m.call("Count", Call{store, op, name}, &times)
	return times
}

// put puts an image into a store, behind the back of the mount. One of that
// name is replaced by another incarnation.
func (m *mounted) put(store, name, data string) {
	m.Helper()
	m.call("Put", Image{Call{store, "", name}, []byte(data)}, nil)
}

// corrupt changes the bytes of an image, but nothing else of it.
func (m *mounted) corrupt(store, name, data string) {
	m.Helper()
	m.call("Corrupt", Image{Call{store, "", name}, []byte(data)}, nil)
}

// record says that an image is one with the sha256 of data; its md5 stays.
func (m *mounted) record(store, name, data string) {
	m.Helper()
	m.call("Record", Image{Call{store, "", name}, []byte(data)}, nil)
}

// holding tells what a store has: its images, and the adds under way.
func (m *mounted) holding(store string) Holding {
	m.Helper()
	var h Holding
	m.call("Holding", store, &h)
	return h
}

// shutdown begins to end the mount, as SIGTERM does, or with force as umount
// --force; the channel is closed when that has returned.
func (m *mounted) shutdown(force bool) <-chan struct{} {
	done := make(chan struct{})
	call := m.client.Go("Daemon.Shutdown", force, new(none), nil)
	go func() {
		defer close(done)
		if <-call.Done; call.Error != nil {
			m.Errorf("shutdown: %v", call.Error)
		}
	}()
	return done
}

// waitEnded waits until the mount is over and cleaned up.
func (m *mounted) waitEnded() { m.Helper(); m.call("Wait", none{}, nil) }
