//go:build bench

package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// process is a program in the background: the daemon of a mount, or
// glance_store.
type process struct {
	pid  int
	dir  string // of the mount
	idle int64  // bytes that it has in memory when it does nothing
}

// patience is how long something may take to start or to end.
const patience = time.Minute

// startMount starts a program that mounts something at dir, in the
// foreground, until the test ends.
func startMount(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var before, now unix.Stat_t
	if err := unix.Stat(dir, &before); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:    true,            // as a service: with autogroup, the kernel's scheduler shares the cores out by session
		Pdeathsig: syscall.SIGTERM, // if the benchmark is killed
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	mounts.Store(dir, nil)
	t.Cleanup(func() { stopMount(t, cmd, dir, ended) })
	for begin := time.Now(); ; time.Sleep(100 * time.Microsecond) {
		if err := unix.Stat(dir, &now); err == nil && now.Dev != before.Dev {
			break
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%v: %v\n%s", args, err, &output)
		default:
		}
		if time.Since(begin) > patience {
			t.Fatalf("%v does not mount", args)
		}
	}
	p := &process{pid: cmd.Process.Pid, dir: dir}
	p.idle = p.memory("VmRSS:")
	return p
}

func stopMount(t *testing.T, cmd *exec.Cmd, dir string, ended chan error) {
	t.Helper()
	report := t.Errorf
	if cmd.Args[0] != *binary { // a peer may hang
		report = t.Logf
	}
	if err := unix.Unmount(dir, 0); err != nil {
		report("unmount %s: %v", dir, err)
		_ = unix.Unmount(dir, unix.MNT_DETACH) // so that nothing is left
	}
	select {
	case <-ended:
	case <-time.After(patience):
		report("%v does not end", cmd)
		_ = cmd.Process.Kill() // it may have ended by now
	}
}

func (p *process) proc(file string) string { return fmt.Sprintf("/proc/%d/%s", p.pid, file) }

// resetPeak lets the peak of the memory begin anew: 5 is for that, proc(5).
func (p *process) resetPeak() error {
	return os.WriteFile(p.proc("clear_refs"), []byte("5"), 0)
}

func (p *process) peak() int64 { return p.memory("VmHWM:") }

// kill ends the process.
func (p *process) kill() { _ = unix.Kill(p.pid, unix.SIGKILL) } // it may have ended

// memory is a field of the process's status in bytes; 0 if it has ended.
func (p *process) memory(field string) int64 {
	status, _ := os.ReadFile(p.proc("status"))
	_, after, _ := strings.Cut(string(status), field)
	kib, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, _ := strconv.ParseInt(kib, 10, 64)
	return n << 10
}

// cpu is the CPU time of the process, in seconds: utime and stime of
// /proc/PID/stat, which are hundredths.
func (p *process) cpu() float64 {
	stat, _ := os.ReadFile(p.proc("stat"))
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}

// mountGlancefs mounts a configuration.
func mountGlancefs(t *testing.T, conf string) *process {
	t.Helper()
	base := t.TempDir()
	return startMount(t, filepath.Join(base, "mnt"), *binary, "mount", "--foreground",
		"--config-file", writeConf(t, base, conf), "--log-file", filepath.Join(base, "log"), filepath.Join(base, "mnt"))
}

func writeConf(t *testing.T, dir, conf string) string {
	t.Helper()
	file := filepath.Join(dir, "glance-api.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// evict drops the pages of files from the page cache, and makes sure that
// none is left.
func evict(files ...string) error {
	for _, file := range files {
		if err := evictFile(file); err != nil {
			return fmt.Errorf("evict %s: %w", file, err)
		}
	}
	return nil
}

func evictFile(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	for range 50 { // pages that were just read can be busy for a moment
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			return err
		}
		var stat unix.Cachestat_t
		if err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &stat, 0); err != nil || stat.Cache == 0 {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("its pages stay in the page cache")
}
