package tests

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
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

// mount is a glancefs with two stores of type file: fast, the default, and
// slow.
type mount struct {
	dir                string // the mountpoint
	fast, slow         string // the stores' directories in it
	fastData, slowData string // the datadirs behind them
	scratch            string // for sources and targets

	binary   string
	args     []string
	attr     syscall.SysProcAttr
	cmd      *exec.Cmd
	ended    chan struct{} // closed when the daemon has ended
	watchdog *time.Timer
	idle     []string // what the daemon's descriptors were before the test
	ceph     bool     // it has connections to Ceph
	log      daemonLog
}

// setup says how a mount differs from the plain one.
type setup struct {
	fastData, slowData string              // datadirs; empty ones are made for ""
	conf               string              // more lines of glance-api.conf; the last of an option counts
	args               []string            // more arguments of glancefs mount
	attr               syscall.SysProcAttr // of the daemon; its Credential is that of scripts, too
	binary             string              // another glancefs than the one that is tested
}

// newMount mounts two empty stores; conf are more lines of glance-api.conf.
func newMount(t *testing.T, conf ...string) *mount {
	t.Helper()
	return setup{conf: strings.Join(conf, "\n")}.mount(t)
}

const baseConf = `
[DEFAULT]
enabled_backends = fast:file, slow:file
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = %s
[slow]
filesystem_store_datadir = %s
`

func (s setup) mount(t *testing.T) *mount {
	t.Helper()
	need.Root(t)
	base := t.TempDir()
	if err := os.Chmod(filepath.Dir(base), 0o755); err != nil {
		t.Fatal(err)
	}
	folder := func(name string) string {
		dir := filepath.Join(base, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	m := &mount{dir: folder("mnt"), scratch: folder("scratch"), fastData: s.fastData, slowData: s.slowData}
	m.fast, m.slow = m.dir+"/fast", m.dir+"/slow"
	if m.fastData == "" {
		m.fastData = folder("fast")
	}
	if m.slowData == "" {
		m.slowData = folder("slow")
	}
	conf := filepath.Join(base, "glance-api.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, baseConf+s.conf+"\n", m.fastData, m.slowData), 0o644); err != nil {
		t.Fatal(err)
	}
	if user := s.attr.Credential; user != nil {
		for _, dir := range []string{base, m.dir, m.scratch, m.fastData, m.slowData} {
			if err := os.Chown(dir, int(user.Uid), int(user.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.log = daemonLog{file: filepath.Join(base, "log"), stderr: filepath.Join(base, "stderr")}
	m.args = append([]string{"mount", "--foreground", "--config-file", conf,
		"--log-level", "debug", "--log-format", "json", "--log-file", m.log.file}, s.args...)
	m.attr = s.attr
	m.binary = cmp.Or(s.binary, binary)
	m.serve(t)
	t.Cleanup(func() { m.stop(t) })
	return m
}

// serve starts the daemon and waits until it serves. It is for a mount that
// was stopped, too.
func (m *mount) serve(t *testing.T) {
	t.Helper()
	stderr, err := os.OpenFile(m.log.stderr, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	m.cmd = exec.Command(m.binary, append(m.args, m.dir)...)
	m.cmd.Stdout, m.cmd.Stderr = stderr, stderr
	// Without atexit_sleep_ms each daemon would take a second to end.
	m.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "GOTRACEBACK=all")
	m.cmd.SysProcAttr = &m.attr
	m.cmd.SysProcAttr.Setpgid = true
	m.cmd.SysProcAttr.Pdeathsig = unix.SIGTERM // if the run is killed
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := m.cmd, make(chan struct{})
	m.ended = ended
	go func() {
		_ = cmd.Wait() // the status is in ProcessState
		close(ended)
	}()
	// If the test itself hangs in a system call, this ends the connection,
	// and with it the call.
	m.watchdog = time.AfterFunc(4*patience, func() {
		fmt.Fprintf(os.Stderr, "%s hangs\n%s", t.Name(), allStacks())
		_ = cmd.Process.Signal(unix.SIGQUIT)
	})
	eventually(t, "glancefs is mounted", func() bool {
		if m.hasEnded() {
			t.Fatalf("glancefs ended: %v\n%s", cmd.ProcessState, m.log.tail())
		}
		return len(mountpoints(m.dir)) > 0
	})
	// The first look at each store opens what stays open.
	ls := exec.Command("ls", m.fast, m.slow)
	ls.SysProcAttr = &syscall.SysProcAttr{Credential: m.attr.Credential}
	if out, err := ls.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s%s", err, out, m.log.tail())
	}
	m.idle = m.descriptors()
}

func (m *mount) hasEnded() bool {
	select {
	case <-m.ended:
		return true
	default:
		return false
	}
}

// stop unmounts, and checks that the daemon has nothing left open, ends with
// status 0, leaves no temporary file, and that its log has no warning but the
// expected ones. A mount that is stopped already stays so.
func (m *mount) stop(t *testing.T) {
	t.Helper()
	defer m.destroy(t)
	if m.cmd == nil || t.Failed() {
		return
	}
	if !m.hasEnded() {
		m.wantIdle(t)
	}
	m.unmount(t)
	select {
	case <-m.ended:
	case <-time.After(time.Minute):
		t.Errorf("the daemon has not ended 10 s after the unmount\n%s", allStacks())
		return
	}
	if status := m.cmd.ProcessState.ExitCode(); status != 0 {
		t.Errorf("exit status %d of the daemon", status)
	}
	for _, datadir := range []string{m.fastData, m.slowData} {
		wantNoTemporary(t, datadir)
	}
	m.log.check(t)
}

// destroy ends what is left of a mount, and shows the log of a test that
// failed.
func (m *mount) destroy(t *testing.T) {
	if m.cmd == nil {
		return
	}
	m.watchdog.Stop()
	if !m.hasEnded() {
		_ = m.cmd.Process.Signal(unix.SIGQUIT) // leaves all stacks in its stderr
		select {
		case <-m.ended:
		case <-time.After(5 * time.Second):
			_ = m.cmd.Process.Kill()
			<-m.ended
		}
	}
	_ = unix.Unmount(m.dir, unix.MNT_DETACH) // EINVAL if it is not mounted
	m.cmd = nil
	if t.Failed() {
		t.Logf("log of %s:\n%s", m.dir, m.log.tail())
	}
}

// unmount unmounts as umount(8) does. It is busy for as long as a
// descriptor is on its way out.
func (m *mount) unmount(t *testing.T) {
	t.Helper()
	eventually(t, "the mount can be unmounted", func() bool {
		err := unix.Unmount(m.dir, 0)
		if err != nil && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EINVAL) {
			t.Errorf("umount: %v", err)
		}
		return !errors.Is(err, unix.EBUSY)
	})
}

// wantIdle checks that the daemon has no more descriptors open than before
// the test.
func (m *mount) wantIdle(t *testing.T) {
	t.Helper()
	var extra []string
	defer func() {
		if t.Failed() {
			t.Logf("descriptors left open in the daemon: %q", extra)
		}
	}()
	eventually(t, "the daemon's descriptors are those of the beginning", func() bool {
		extra = m.descriptors()
		for _, target := range m.idle {
			if i := slices.Index(extra, target); i >= 0 {
				extra = slices.Delete(extra, i, i+1)
			}
		}
		return len(extra) == 0
	})
}

// descriptors lists what the daemon has open, but for connections: the
// library of a service makes and ends them when it likes. One to Ceph has pipes
// and pollers, too.
func (m *mount) descriptors() (targets []string) {
	connection := func(target string) bool {
		return strings.HasPrefix(target, "socket:") ||
			m.ceph && (strings.HasPrefix(target, "pipe:") || target == "anon_inode:[eventpoll]")
	}
	dir := fmt.Sprintf("/proc/%d/fd/", m.cmd.Process.Pid)
	entries, _ := os.ReadDir(dir) // a daemon that has ended has none
	for _, e := range entries {
		if target, err := os.Readlink(dir + e.Name()); err == nil && !connection(target) {
			targets = append(targets, target)
		}
	}
	return targets
}

// wantNoTemporary checks that nothing is left in the datadir of an image that
// was not added.
func wantNoTemporary(t *testing.T, datadir string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(datadir, ".glancefs", "tmp"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("temporary file left over: %s", path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
