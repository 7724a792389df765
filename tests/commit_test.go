package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/tests/need"
)

// TestCommitRule: however processes share and close a descriptor, every byte
// is in the image. A commit in the opener's first FLUSH would lose some in
// almost each of these.
func TestCommitRule(t *testing.T) {
	t.Parallel()
	need.Command(t, "dash", "dash")
	m := newMount(t)
	src := m.sources(t)
	m.wantSh(t, `printf '1\n2\n3\n' > $S/lines`)
	abc := []byte("a\nb\nc\n")
	const loop = `while read l; do echo $l >&3; done 3> fast/x < $S/lines`
	for _, test := range []struct {
		name, script string
		want         []byte
	}{
		{"bash builtins in a loop", loop, []byte("1\n2\n3\n")},
		{"dash builtins in a loop", `dash -c '` + loop + `'`, []byte("1\n2\n3\n")},
		{"loop into a redirection", `while read l; do echo $l; done > fast/x < $S/lines`, []byte("1\n2\n3\n")},
		{"exec 5> and builtins", `exec 5> fast/x; echo a >&5; echo b >&5; echo c >&5; exec 5>&-`, abc},
		{"exec 5> in dash", `dash -c 'exec 5> fast/x; echo a >&5; echo b >&5; echo c >&5; exec 5>&-'`, abc},
		{"exec 5> not closed", `exec 5> fast/x; echo a >&5; echo b >&5; echo c >&5`, abc},
		{"exec 5> mixed with programs", `exec 5> fast/x; echo a >&5; /bin/echo b >&5; echo c >&5; exec 5>&-`, abc},
		{"exec > with a pipe", `exec > fast/x; echo a; echo oops >&2; echo b | cat; echo c`, abc},
		{"exec > in dash", `dash -c 'exec > fast/x; echo a; echo oops >&2; echo b | cat; echo c'`, abc},
		{"a program that dash does not find", `dash -c 'nosuchcommand > fast/x' 2> $S/told || true`, nil}, // dash closes it before it knows
		{"subshell of builtins", `(echo a; echo b; echo c) > fast/x`, abc},
		{"subshell of programs", `(/bin/echo a; /bin/echo b; /bin/echo c) > fast/x`, abc},
		{"braces of both", `{ echo a; /bin/echo b; echo c; } > fast/x`, abc},
		{"two descriptors", `exec 5> fast/x 6>&5; echo a >&5; exec 5>&-; echo b >&6; echo c >&6; exec 6>&-`, abc},
		{"a script's output", `bash -c 'echo a; echo b; echo c' > fast/x`, abc},
		{"function", `f() { echo a; echo b; }; { f; echo c; } > fast/x`, abc},
		{"here document", "cat > fast/x <<end\na\nb\nc\nend", abc},
		{"xargs", `printf 'a\nb\nc\n' | xargs -n 1 echo > fast/x`, abc},
		{"failing part that is not the last", `(echo a; false; echo b; echo c) > fast/x`, abc},
		{"failing child", `(echo a; bash -c 'echo b; exit 7'; echo c) > fast/x`, abc},
		{"background job that is waited for", `{ echo a; (echo b; echo c) & wait; } > fast/x`, abc},
		{"one file twice", `{ cat $S/a; cat $S/b; cat $S/a; } > fast/x`, slices.Concat(src.a, src.b, src.a)},
		{"no bytes of the first", `{ true; cat $S/empty; cat $S/b; } > fast/x`, src.b},
		{"python dup", `$PY -c '
import os
f = open("fast/x", "wb", 0)
f.write(b"a\n")
d = os.dup(f.fileno()); os.close(d)
f.write(b"b\nc\n")
f.close()'`, abc},
		{"python dup that outlives", `$PY -c '
import os
f = open("fast/x", "wb", 0)
f.write(b"a\n")
d = os.dup(f.fileno())
f.close()
os.write(d, b"b\n"); os.write(d, b"c\n")
os.close(d)'`, abc},
		{"python dup2 onto stdout", `$PY -c '
import os
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT)
os.dup2(fd, 1); os.close(fd)
print("a", flush=True); os.system("echo b"); print("c")'`, abc},
		{"python threads", `$PY -c '
import os, threading
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT)
for line in b"a\n", b"b\n", b"c\n":
    t = threading.Thread(target=os.write, args=(fd, line)); t.start(); t.join()
t = threading.Thread(target=os.close, args=(fd,)); t.start(); t.join()'`, abc},
		{"python threads at os._exit", `$PY -c '
import os, threading
for i in range(4): threading.Thread(target=threading.Event().wait, daemon=True).start()
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT)
os.write(fd, b"a\nb\nc\n")
os._exit(0)'`, abc},
		{"python fork", `$PY -c '
import os
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT)
os.write(fd, b"a\n")
for line in b"b\n", b"c\n":
    if not os.fork():
        os.write(fd, line); os._exit(0)
    os.wait()
os.close(fd)'`, abc},
		{"python fork, only the child writes", `$PY -c '
import os
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT)
if not os.fork():
    os.write(fd, b"a\n"); os.write(fd, b"b\nc\n"); os._exit(0)
os.wait()
os.close(fd)'`, abc},
		{"python Popen, file closed first", `$PY -c '
import subprocess
with open("fast/x", "wb") as f:
    p = subprocess.Popen("echo a; read go; echo b; echo c", shell=True, stdin=subprocess.PIPE, stdout=f)
p.communicate(b"go\n")
raise SystemExit(p.returncode)'`, abc},
		{"python Popen, child wrote first", `$PY -c '
import os, subprocess
with open("fast/x", "wb") as f:
    p = subprocess.Popen("echo a; echo >&2; read go; echo b; echo c", shell=True,
        stdin=subprocess.PIPE, stdout=f, stderr=subprocess.PIPE)
    p.stderr.readline()
p.communicate(b"go\n")
raise SystemExit(p.returncode)'`, abc},
		{"python Popen, then the opener", `$PY -c '
import subprocess
with open("fast/x", "ab") as f:
    subprocess.run(["echo", "a"], stdout=f, check=True)
    f.write(b"b\nc\n")'`, abc},
		{"python seek to where it is", `$PY -c '
with open("fast/x", "wb") as f:
    f.write(b"a\n"); f.flush(); f.seek(f.tell()); f.write(b"b\nc\n")'`, abc},
		// The kernel holds a lock of the process while execve closes a
		// descriptor, which a look at it in /proc would wait for.
		{"python execve closes it", `exec $PY -c '
import os
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
os.write(fd, b"a\nb\nc\n")
os.execvp("true", ["true"])'`, abc},
		{"python execve with threads", `exec $PY -c '
import os, threading
for i in range(4): threading.Thread(target=threading.Event().wait, daemon=True).start()
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
os.write(fd, b"a\nb\nc\n")
os.execvp("cat", ["cat", "/dev/null"])'`, abc},
		{"python children that close it by execve", `$PY -c '
import os
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
for line in b"a\n", b"b\n", b"c\n":
    if not os.fork(): os.execvp("true", ["true"])
    os.write(fd, line)
    os.wait()
os.close(fd)'`, abc},
		{"python child that writes, then execve", `$PY -c '
import os
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
os.write(fd, b"a\n")
if not os.fork():
    os.write(fd, b"b\n")
    os.execvp("false", ["false"])
os.wait()
os.write(fd, b"c\n")
os.close(fd)'`, abc},
		{"child of a pid namespace", `unshare --pid --fork --kill-child bash -c '(echo a; /bin/echo b; echo c) > fast/x'`, abc},
		{"writer in another mount namespace", `unshare --mount bash -c '(echo a; /bin/echo b; echo c) > fast/x'`, abc},
	} {
		t.Run(test.name, func(t *testing.T) {
			if out, status := m.sh(t, test.script); status != 0 || strings.TrimPrefix(out, "oops\n") != "" {
				t.Errorf("exit status %d, wrote %q", status, out)
			}
			wantImage(t, m.fast+"/x", test.want)
			m.wantSh(t, `rm fast/x`)
		})
	}
}

// TestExitWithoutClose: a program with many threads that ends without close
// gets its other threads killed by the kernel, and is no killed writer.
func TestExitWithoutClose(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	src := m.sources(t)
	buildGoWriter(t, m)
	for _, threads := range []int{0, 8} {
		for i := range 15 {
			name := fmt.Sprintf("threads%d-%d", threads, i)
			m.wantSh(t, fmt.Sprintf(`$S/gowriter %d < $S/a > fast/%s`, threads, name))
			wantImage(t, filepath.Join(m.fast, name), src.a)
		}
	}
}

func buildGoWriter(t *testing.T, m *mount) {
	t.Helper()
	if out, err := exec.Command("go", "build", "-o", m.scratch+"/gowriter", "./testdata/gowriter").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestChildOutlivesParent: the image ends with its last holder, and until
// then it is under way for everybody.
func TestChildOutlivesParent(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.wantSh(t, `mkfifo $S/go`)
	if out := m.wantSh(t, `bash -c '(read go < $S/go; echo child) & echo parent; exit 0' > fast/x`); out != "" {
		t.Errorf("wrote %q", out)
	}
	wantUnderWay(t, m.fast+"/x", len("parent\n"))
	_, err := os.ReadFile(m.fast + "/x")
	wantErrno(t, err, unix.EBUSY)
	m.wantSh(t, `echo > $S/go`)
	wantSoon(t, m.fast+"/x")
	wantImage(t, m.fast+"/x", []byte("parent\nchild\n"))
}

// TestWriteAfterCommit: a descriptor that outlives the commit can't write.
func TestWriteAfterCommit(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	out, status := m.sh(t, `$PY -c '
import errno, os
r, w = os.pipe()
fd = os.open("fast/x", os.O_WRONLY | os.O_CREAT)
os.write(fd, b"parent\n")
if not os.fork():
    os.close(w)
    os.read(r, 1)                       # until the parent has committed
    for call in (lambda: os.write(fd, b"late"), lambda: os.ftruncate(fd, 100)):
        try:
            call()
            print("done")
        except OSError as e:
            print(errno.errorcode[e.errno])
    os._exit(0)
os.close(fd)
print(os.stat("fast/x").st_size, os.listdir("fast"), flush=True)
os.close(w)
os.wait()'`)
	lines := strings.Split(out, "\n")
	if status != 0 || len(lines) != 4 || lines[0] != "7 ['x']" || lines[1] != "EPERM" || lines[2] == "done" {
		t.Errorf("exit status %d, wrote %q", status, out)
	}
	wantImage(t, m.fast+"/x", []byte("parent\n"))
}

// TestOpenAfterClose: an image whose commit comes with RELEASE, which nobody
// waits for, can be opened, renamed and listed as soon as it was closed.
func TestOpenAfterClose(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	for i := range 200 {
		path := fmt.Sprintf("%s/%d", m.fast, i)
		if err := create(t, path).Close(); err != nil {
			t.Fatal(err)
		}
		switch i % 3 {
		case 0:
			wantImage(t, path, nil)
		case 1:
			if !listed(t, path) {
				t.Errorf("%s is not listed", path)
			}
		case 2:
			if err := os.Rename(path, path+"-renamed"); err != nil {
				t.Error(err)
			}
		}
	}
	if out := m.wantSh(t, `for i in {1..50}; do touch fast/t$i; cat fast/t$i || echo $i; done`); out != "" {
		t.Error(out)
	}
}

// TestUnmountAfterClose: an unmount that comes at once after a close without
// waiter loses no image.
func TestUnmountAfterClose(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.wantSh(t, `for i in {1..20}; do bash -c "exec 5> fast/$i; echo $i >&5; exit 0"; done`)
	m.stop(t)
	for i := 1; i <= 20; i++ {
		wantContent(t, fmt.Sprintf("%s/%d", m.fastData, i), fmt.Appendln(nil, i))
	}
}

// TestUnknownProcesses: the processes of another pid namespace have no
// number; their images are complete all the same.
func TestUnknownProcesses(t *testing.T) {
	t.Parallel()
	s := setup{}
	s.attr.Cloneflags = unix.CLONE_NEWPID
	m := s.mount(t)
	src := m.sources(t)
	for _, test := range []struct {
		script string
		want   []byte
	}{
		{`cp $S/a fast/x`, src.a},
		{`(cat $S/b; cat $S/a) > fast/x`, slices.Concat(src.b, src.a)},
		{`exec 5> fast/x; echo a >&5; echo b >&5; cat $S/b >&5`, append([]byte("a\nb\n"), src.b...)},
		{`touch fast/x`, nil},
	} {
		m.wantSh(t, test.script)
		wantSoon(t, m.fast+"/x")
		wantImage(t, m.fast+"/x", test.want)
		m.wantSh(t, `rm fast/x`)
	}
}
