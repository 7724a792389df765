package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glancefs/tests/need"
)

// sickDir is a directory on a filesystem that can be made ill; see
// testdata/sickfs.
type sickDir struct {
	dir     string   // the mountpoint
	behind  string   // what it shows, on a healthy filesystem
	process *process // sickfs
	answers int      // lines that it has printed
}

// buildSickfs builds sickfs, once.
var buildSickfs = sync.OnceValues(func() (string, error) {
	path := filepath.Join(work, "sickfs")
	if out, err := exec.Command("go", "build", "-o", path, "./testdata/sickfs").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build sickfs: %w\n%s", err, out)
	}
	return path, nil
})

func newSickDir(t *testing.T) *sickDir {
	t.Helper()
	need.Root(t)
	program, err := buildSickfs()
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	s := &sickDir{dir: base + "/sick", behind: base + "/behind"}
	for _, dir := range []string{s.dir, s.behind} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.process = startIn(t, base, `exec "$SICKFS" behind sick`, "SICKFS="+program)
	s.awaitAnswer(t)
	t.Cleanup(func() {
		s.process.stdin.Close()
		if out, status := s.process.wait(t); status != 0 && status != 128+int(unix.SIGKILL) {
			t.Errorf("exit status %d of sickfs\n%s", status, out)
		}
		_ = unix.Unmount(s.dir, unix.MNT_DETACH) // EINVAL unless it was killed
	})
	return s
}

// sickStore mounts a glancefs whose store fast is on a sickDir; conf are more
// lines of glance-api.conf.
func sickStore(t *testing.T, conf ...string) (*mount, *sickDir) {
	t.Helper()
	s := newSickDir(t)
	m := setup{fastData: s.dir, conf: strings.Join(conf, "\n")}.mount(t)
	t.Cleanup(func() { s.heal(t) }) // before the mount is stopped
	return m, s
}

// fail makes requests op of the directory fail with errno.
func (s *sickDir) fail(t *testing.T, op string, errno syscall.Errno) {
	t.Helper()
	s.command(t, fmt.Sprintf("%s %d", op, errno))
}

// hang makes requests op, or all, of the directory hang.
func (s *sickDir) hang(t *testing.T, op string) {
	t.Helper()
	s.command(t, op+" hang")
}

// heal makes everything well again; what hung goes on.
func (s *sickDir) heal(t *testing.T) {
	t.Helper()
	select {
	case <-s.process.ended: // killed
	default:
		s.command(t, "all 0")
	}
}

// answer returns what a call returns that must not hang though the directory
// does. If it hangs, that is an error, and the directory is healed.
func (s *sickDir) answer(t *testing.T, do func() error) error {
	t.Helper()
	result := make(chan error, 1)
	go func() { result <- do() }()
	select {
	case err := <-result:
		return err
	case <-time.After(patience / 2):
		t.Errorf("hangs for as long as the datadir does\n%s", allStacks())
		s.heal(t)
		return <-result
	}
}

// count tells how many requests op there were so far.
func (s *sickDir) count(t *testing.T, op string) int {
	t.Helper()
	n, err := strconv.Atoi(s.command(t, "count "+op))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// kill ends sickfs: the directory is ENOTCONN.
func (s *sickDir) kill(t *testing.T) {
	t.Helper()
	s.process.signal(t, unix.SIGKILL)
	<-s.process.ended
}

func (s *sickDir) command(t *testing.T, command string) (answer string) {
	t.Helper()
	s.process.send(t, []byte(command+"\n"))
	return s.awaitAnswer(t)
}

// awaitAnswer waits for the next line that sickfs prints.
func (s *sickDir) awaitAnswer(t *testing.T) string {
	t.Helper()
	var lines []string
	eventually(t, "sickfs answers", func() bool {
		lines = strings.SplitAfter(s.process.output(t), "\n")
		return len(lines) > s.answers+1
	})
	s.answers++
	return strings.TrimSpace(lines[s.answers-1])
}
