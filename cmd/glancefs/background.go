package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// parentVariable names the descriptor on which a daemon in the background
// reports to the process that started it.
const parentVariable = "GLANCEFS_PARENT_FD"

// readyTimeout is how long a daemon may take to be ready or to say why not:
// opening a store takes at most its connect_timeout, by default 10 s.
const readyTimeout = 14 * time.Second

// report is what the daemon tells, once.
type report struct {
	Status  int    `json:"status"` // the exit status of the parent
	Message string `json:"message"`
}

// parentPipe is the daemon's end of the pipe to its parent; nil in the
// foreground.
type parentPipe struct{ pipe *os.File }

// takeParent returns the pipe to the parent if this process is a daemon in
// the background.
func takeParent() *parentPipe {
	if os.Getenv(parentVariable) == "" {
		return nil
	}
	os.Unsetenv(parentVariable) // it is for this process only
	unix.CloseOnExec(3)
	return &parentPipe{os.NewFile(3, "pipe to the parent")}
}

// tell reports to the parent, if there is one, and returns err, or why the
// report could not be made.
func (p *parentPipe) tell(r report, err error) error {
	if p == nil {
		return err
	}
	return errors.Join(err, json.NewEncoder(p.pipe).Encode(r), p.pipe.Close())
}

// mountInBackground starts this program again as a daemon with the same
// arguments, waits until it is ready or has failed, and relays what it says.
func mountInBackground(o *mountFlags, dir string, out io.Writer) error {
	logPath, err := o.log.path(true)
	if err != nil {
		return err
	}
	log, err := openLogFile(logPath)
	if err != nil {
		return err
	}
	defer log.Close()
	logged, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("log file: %w", err)
	}
	d, err := spawn(log)
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	defer d.pipe.Close()

	answer, err := d.wait(readyTimeout)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.kill(dir)
		return fmt.Errorf("%s was not mounted within %v, and the attempt is ended; %s", dir, readyTimeout, logTail(logPath, logged))
	case err != nil:
		return fmt.Errorf("the daemon ended without a word (%v); %s", d.end(), logTail(logPath, logged))
	case answer.Status != statusDone:
		return &statusError{errors.New(answer.Message), answer.Status}
	}
	fmt.Fprintln(out, answer.Message)
	return nil
}

// spawned is a daemon that was started.
type spawned struct {
	cmd  *exec.Cmd
	pipe *os.File // what it reports
}

// spawn starts the daemon in a session of its own, without a terminal.
func spawn(log *os.File) (*spawned, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ours, its, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer its.Close()
	cmd := exec.Command(program)
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), parentVariable+"=3")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{its} // descriptor 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		ours.Close()
		return nil, err
	}
	return &spawned{cmd, ours}, nil
}

// wait waits for the daemon's report.
func (d *spawned) wait(limit time.Duration) (r report, err error) {
	if err := d.pipe.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return report{}, err
	}
	err = json.NewDecoder(d.pipe).Decode(&r)
	return r, err
}

// end waits for the daemon's end and tells what it was.
func (d *spawned) end() error {
	if err := d.cmd.Wait(); err != nil {
		return err
	}
	return errors.New("exit status 0")
}

// kill ends the daemon, and detaches what it may have mounted by then. One
// that hangs in the kernel ends later.
func (d *spawned) kill(dir string) {
	_ = d.cmd.Process.Kill() // it may have ended by itself
	_, _ = probe(func() (struct{}, error) { return struct{}{}, d.cmd.Wait() })
	path, err := realPath(dir)
	if err != nil {
		return
	}
	if _, err := daemonPID(path); errors.Is(err, unix.ENOTCONN) {
		_ = unmount(path, true) // the next mount tries again
	}
}

// logTail returns the last lines of the log from the offset start on.
func logTail(path string, start int64) string {
	const most = 10 // lines; arbitrary
	text, err := os.ReadFile(path)
	if err != nil || int64(len(text)) <= start {
		return "nothing is in the log " + path
	}
	lines := strings.Split(strings.TrimSpace(string(text[start:])), "\n")
	return fmt.Sprintf("the log %s ends with:\n%s", path, strings.Join(lines[max(0, len(lines)-most):], "\n"))
}
