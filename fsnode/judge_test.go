package fsnode

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func inodeOf(t *testing.T, f *os.File) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// TestJudge is the rule of the commit: what a FLUSH means. The processes are
// real ones: this one, and two others.
func TestJudge(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	holder, other := newWriter(t, file), newWriter(t)
	holder.do("nothing")
	other.do("nothing")
	var (
		nobody = randomInode() // no descriptor has it
		held   = inodeOf(t, file)
		me     = os.Getpid()
		second = other.cmd.Process.Pid
		third  = 1<<22 + 1
	)
	const killed, failed, exits, lives = "killed", "failed", "exits", "lives"
	for _, test := range []struct {
		name    string
		opener  int
		writers []int
		flushes int    // the process that closes
		state   string // of that
		ino     uint64
		want    verdict
	}{
		{"the writer closes", me, []int{me}, me, lives, nobody, commit},
		{"the writer closes one of its descriptors", me, []int{me}, me, lives, held, later},
		{"another one holds it that did not write", second, []int{second}, second, lives, held, commit},
		{"nothing is written", me, nil, me, lives, nobody, later},
		{"a child that writes", me, []int{second}, second, lives, nobody, later},
		{"the opener, after its children", me, []int{second, third}, me, lives, nobody, commit},
		{"the opener, with a child that holds it", second, []int{third}, second, lives, held, later},
		{"the opener and a child have written, the child holds it", second, []int{second, third}, second, lives, held, later},
		{"a bystander", me, []int{me}, second, lives, nobody, later},
		{"an opener that can't be told", 0, []int{0}, 0, lives, nobody, later},
		{"an unknown one closes", me, []int{me}, 0, lives, nobody, later},
		{"an unknown one wrote too", me, []int{me, 0}, me, lives, nobody, commit},
		{"an unknown one wrote too, and somebody holds it", second, []int{second, 0}, second, lives, held, later},

		{"the writer exits", me, []int{me}, me, exits, nobody, later},
		{"the writer fails", me, []int{me}, me, failed, nobody, abort},
		{"the writer is killed", me, []int{me}, me, killed, nobody, abort},
		{"the opener fails before it writes", me, nil, me, failed, nobody, abort},
		{"the opener is killed before it writes", me, nil, me, killed, nobody, abort},
		{"the opener is killed, others go on", me, []int{second}, me, killed, held, abort},
		{"a child that wrote is killed", me, []int{second}, second, killed, nobody, abort},
		{"a child that wrote fails", me, []int{second}, second, failed, nobody, later},
		{"a bystander is killed", me, []int{me}, second, killed, nobody, later},
		{"a bystander fails", me, []int{me}, second, failed, nobody, later},
		{"an unknown one is killed", 0, []int{0}, 0, killed, nobody, later},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := &upload{name: "file", opener: test.opener, ino: test.ino, tasks: make(map[uint32]int)}
			for i, tgid := range test.writers {
				u.tasks[uint32(i)] = tgid
			}
			p := process{
				tgid:    test.flushes,
				exiting: test.state != lives,
				killed:  test.state == killed,
				failed:  test.state == failed,
			}
			if got := u.judge(p, uint32(test.flushes)); got != test.want {
				t.Errorf("verdict %d, want %d", got, test.want)
			}
		})
	}
}
