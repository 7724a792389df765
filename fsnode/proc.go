package fsnode

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// pfSignaled is a flag of a task, /proc/PID/stat field 9
// (include/linux/sched.h, PF_SIGNALED): a signal ends it.
const pfSignaled = 0x400

// process is what /proc tells of the task that sent a request, while it is
// served.
type process struct {
	tgid    int // thread group: the process; 0 if it can't be told
	exiting bool

	// execing: it is in execve(2), which closes its close-on-exec
	// descriptors. Linux holds the task's exec_update_lock meanwhile, and
	// since 6.18 most files of /proc/PID wait for that: to read
	// /proc/PID/stat now would be to wait for ourselves, for ever.
	execing bool

	// killed: it dies of a signal. failed: it exits with another status
	// than 0. why says which, for the log.
	killed, failed bool
	why            string
}

// inspect looks at the task pid (a thread's id). The zero process is what it
// finds of one that can't be seen: another PID namespace, a hidden /proc.
//
// What the task is doing is told from /proc/PID/status, which takes no lock:
// a task that closes its files because it exits has no memory any more (no
// VmExe line), and one in execve has a new one without a program in it.
func inspect(pid uint32) process {
	status := readStatus(pid)
	p := process{}
	p.tgid, _ = strconv.Atoi(status.field("Tgid:"))
	if p.tgid == 0 {
		return p
	}
	program := status.field("VmExe:")
	p.execing = program == "0 kB"
	if program == "" {
		p.exiting = true
		p.readExit(procDir(pid))
	}
	return p
}

// readExit tells how an exiting task ends.
func (p *process) readExit(dir string) {
	stat, err := readProc(dir + "/stat")
	if err != nil {
		return
	}
	// The command in parentheses may contain anything; after the last one
	// stands field 3.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 50 {
		return
	}
	flags, _ := strconv.ParseUint(string(fields[9-3]), 10, 64)
	code, _ := strconv.Atoi(string(fields[52-3]))
	switch {
	case code&0x7f != 0:
		p.killed, p.why = true, "its writer was ended by "+signalName(code&0x7f)
	case code != 0:
		p.failed, p.why = true, "its writer failed with exit status "+strconv.Itoa(code>>8)
	case flags&pfSignaled != 0 && !readable(dir):
		// Threads of a process that calls exit() have PF_SIGNALED too, but
		// without the right to read the exit code a kill must be assumed.
		p.killed, p.why = true, "its writer seems to have been killed (glancefs may not read the exit code of another user's process)"
	}
}

// readProc reads a file of /proc of the kind that is made whole by the first
// read (single_open in the kernel), so that a short read is its end: three
// system calls, where os.ReadFile takes ten, and the add of a small image
// reads a dozen of these files.
func readProc(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	text := make([]byte, 0, 4096)
	for {
		n, err := unix.Read(fd, text[len(text):cap(text)])
		if err != nil {
			return nil, err
		}
		if text = text[:len(text)+n]; len(text) < cap(text) {
			return text, nil
		}
		text = slices.Grow(text, len(text)) // the line Groups: may be long
	}
}

func procDir(pid uint32) string { return "/proc/" + strconv.FormatUint(uint64(pid), 10) }

func signalName(n int) string {
	if s := unix.SignalName(unix.Signal(n)); s != "" {
		return s
	}
	return "signal " + strconv.Itoa(n)
}

// threadGroup returns the process that the task pid belongs to, 0 if that
// can't be told.
func threadGroup(pid uint32) int {
	tgid, _ := strconv.Atoi(readStatus(pid).field("Tgid:"))
	return tgid
}

// readable tells whether we have the right to read what /proc shows with
// ptrace rights only: field 52 of stat reads 0 without.
func readable(dir string) bool {
	d, err := os.Open(dir + "/fd")
	if err != nil {
		return false
	}
	return d.Close() == nil
}

// dying tells whether the task pid has a SIGKILL pending: what a signal that
// kills a process (TERM, INT, HUP, PIPE by default, too) has become by the
// time the request is interrupted. Other signals (a handler's, SIGURG of the
// Go runtime) leave nothing here.
func dying(pid uint32) bool {
	const sigkill = 1 << (unix.SIGKILL - 1)
	status := readStatus(pid)
	for _, field := range []string{"SigPnd:", "ShdPnd:"} {
		mask, err := strconv.ParseUint(status.field(field), 16, 64)
		if err == nil && mask&sigkill != 0 {
			return true
		}
	}
	return false
}

// procStatus is the text of /proc/PID/status.
type procStatus string

// readStatus reads it, "" if it can't be read.
func readStatus(pid uint32) procStatus {
	if pid == 0 {
		return ""
	}
	text, err := readProc(procDir(pid) + "/status")
	if err != nil {
		return ""
	}
	return procStatus(text)
}

// field returns the value of a line, "" if there is none.
func (s procStatus) field(name string) string {
	for line := range strings.Lines(string(s)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// openFile is a file that processes may have descriptors of, as /proc shows
// it: by its name and inode number. The descriptor whose FLUSH is being served
// is out of the table already. What is read of /proc makes no call into our
// own mount.
type openFile struct {
	name string
	ino  uint64
}

// heldBy tells whether the task pid has a descriptor of the file, or may
// have: it can't be asked.
func (f openFile) heldBy(pid uint32) bool {
	held, err := f.heldIn(procDir(pid))
	ended := errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
	return held || err != nil && (pid == 0 || !ended)
}

// scanLimit bounds a look through all processes: it takes some ms, but each
// process in execve is waited for, and one of them may be waiting for us.
const scanLimit = 2 * time.Second

// heldByAny tells whether any process has one, or the look takes too long.
// What is not ours to see (init of some containers, another user's process)
// is not taken for a holder.
func (f openFile) heldByAny() bool {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return true
	}
	held := make(chan bool, 1)
	go func() {
		held <- slices.ContainsFunc(dirs, func(dir string) bool {
			held, _ := f.heldIn(dir)
			return held
		})
	}()
	select {
	case h := <-held:
		return h
	case <-time.After(scanLimit):
		return true
	}
}

// heldIn looks through the descriptors of a process.
func (f openFile) heldIn(procDir string) (bool, error) {
	dir, err := unix.Open(procDir+"/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(dir)
	buf := make([]byte, 8192)
	for {
		n, err := unix.ReadDirent(dir, buf)
		if n <= 0 || err != nil {
			return false, err
		}
		_, _, fds := unix.ParseDirent(buf[:n], -1, nil)
		for _, fd := range fds {
			if f.maybe(dir, fd) && f.is(procDir, fd) {
				return true, nil
			}
		}
	}
}

// maybe tells whether a descriptor in the directory dir of them may be one of
// the file: its link ends in the file's name, perhaps with " (deleted)". That
// takes 4 µs, fdinfo 12, and most are of other files.
func (f openFile) maybe(dir int, fd string) bool {
	link := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dir, fd, link)
	return err != nil || n == len(link) || bytes.Contains(link[:n], []byte("/"+f.name))
}

// is tells whether a descriptor is one of the file.
func (f openFile) is(procDir, fd string) bool {
	info, err := readProc(procDir + "/fdinfo/" + fd) // an error: closed meanwhile
	return err == nil && bytes.Contains(info, []byte("ino:\t"+strconv.FormatUint(f.ino, 10)+"\n"))
}
