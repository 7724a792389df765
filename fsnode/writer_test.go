package fsnode

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// writer is another process that writes: this test binary again, which does
// what it is told. It is a Go program, with many threads.
type writer struct {
	*testing.T
	cmd     *exec.Cmd
	in      io.WriteCloser
	replies *bufio.Reader
}

// newWriter starts a writer. Files are inherited, from descriptor 3 on.
func newWriter(t *testing.T, files ...*os.File) *writer {
	t.Helper()
	w := &writer{T: t, cmd: again(t, writerVar+"=1")}
	w.cmd.Stderr = os.Stderr
	w.cmd.ExtraFiles = files
	stdin, err1 := w.cmd.StdinPipe()
	stdout, err2 := w.cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.in, w.replies = stdin, bufio.NewReader(stdout)
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill()
		_ = w.cmd.Wait()
	})
	return w
}

// tell gives an order without waiting for it.
func (w *writer) tell(format string, args ...any) {
	w.Helper()
	if _, err := fmt.Fprintf(w.in, format+"\n", args...); err != nil {
		w.Fatal(err)
	}
}

// reply waits for the end of an order: "ok", or the name of an errno; ""
// when the writer has ended.
func (w *writer) reply() string {
	w.Helper()
	line, err := w.replies.ReadString('\n')
	if err != nil && err != io.EOF {
		w.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// do gives an order and waits for its end.
func (w *writer) do(format string, args ...any) string {
	w.Helper()
	w.tell(format, args...)
	return w.reply()
}

// must does what has to succeed.
func (w *writer) must(format string, args ...any) {
	w.Helper()
	if got := w.do(format, args...); got != "ok" {
		w.Fatalf("%s: %s", fmt.Sprintf(format, args...), got)
	}
}

func (w *writer) want(want, format string, args ...any) {
	w.Helper()
	if got := w.do(format, args...); got != want {
		w.Errorf("%s: %s, want %s", fmt.Sprintf(format, args...), got, want)
	}
}

// ended waits for the end of the process.
func (w *writer) ended() syscall.WaitStatus {
	w.Helper()
	_ = w.cmd.Wait() // the status says it all
	return w.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

func (w *writer) signal(s unix.Signal) {
	w.Helper()
	if err := unix.Kill(w.cmd.Process.Pid, s); err != nil {
		w.Fatal(err)
	}
}

// interrupt sends a signal that ends nobody to every thread, and returns when
// the daemon has been told of it.
func (w *writer) interrupt(m *mounted) {
	w.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", w.cmd.Process.Pid))
	if err != nil {
		w.Fatal(err)
	}
	for _, task := range tasks {
		tid, _ := strconv.Atoi(task.Name())
		_ = unix.Tgkill(w.cmd.Process.Pid, tid, unix.SIGURG) // it may have ended
	}
	// The kernel hands interrupts out before other requests.
	for range 10 {
		var s unix.Statfs_t
		if err := unix.Statfs(m.dir, &s); err != nil {
			w.Fatal(err)
		}
	}
}

// runWriter is the writer's process.
func runWriter() int {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		order := strings.Fields(lines.Text())
		if order[0] == "exit" {
			code, _ := strconv.Atoi(order[1])
			return code // with its descriptors still open
		}
		err := carryOut(order)
		answer := "ok"
		if no, is := err.(syscall.Errno); is {
			answer = unix.ErrnoName(no)
		} else if err != nil {
			answer = err.Error()
		}
		fmt.Println(answer)
	}
	return 0
}

// carryOut does one order. Descriptors are numbers; create makes 10.
func carryOut(order []string) error {
	number := func(i int) int {
		n, err := strconv.Atoi(order[i])
		if err != nil {
			panic(err)
		}
		return n
	}
	switch order[0] {
	case "create": // PATH; close-on-exec, as almost everybody opens
		fd, err := unix.Open(order[1], unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC|unix.O_CLOEXEC, 0o644)
		if err != nil {
			return err
		}
		if err := unix.Dup3(fd, 10, unix.O_CLOEXEC); err != nil {
			return err
		}
		return unix.Close(fd)
	case "write": // FD SIZE
		p := bytes.Repeat([]byte("w"), number(2))
		n, err := unix.Write(number(1), p)
		if err == nil && n < len(p) {
			return io.ErrShortWrite
		}
		return err
	case "copy": // PATH TO
		in, err := unix.Open(order[1], unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		_, err = unix.CopyFileRange(in, nil, number(2), nil, 1<<30, 0)
		return err
	case "truncate": // FD SIZE
		return unix.Ftruncate(number(1), int64(number(2)))
	case "dup": // FD TO
		return unix.Dup2(number(1), number(2))
	case "close": // FD
		return unix.Close(number(1))
	case "remove": // PATH
		return unix.Unlink(order[1])
	case "exec": // /bin/true
		return unix.Exec("/bin/true", []string{"true"}, nil)
	}
	return fmt.Errorf("no order %q", order)
}
