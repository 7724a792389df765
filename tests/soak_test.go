//go:build soak

package tests

import (
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The soak tests take minutes:
//
//	make soak
//
// They test a binary without the race detector, so that its memory is what a
// user sees; GLANCEFS_BINARY names another one.

// shipped makes the test run a binary as it is shipped.
func shipped(t *testing.T) {
	t.Helper()
	if os.Getenv("GLANCEFS_BINARY") != "" {
		return
	}
	withRace := binary
	binary = filepath.Join(t.TempDir(), "glancefs")
	t.Cleanup(func() { binary = withRace })
	if out, err := exec.Command("go", "build", "-tags", tags(), "-o", binary, "glancefs/cmd/glancefs").CombinedOutput(); err != nil {
		t.Fatalf("build glancefs: %v\n%s", err, out)
	}
}

func soakMount(t *testing.T) *mount {
	t.Helper()
	shipped(t)
	m := newMount(t)
	m.watchdog.Reset(time.Hour) // it is for tests that take seconds
	return m
}

// TestSoakKilledWriters kills 1,000 writers of all kinds at random moments
// while they write. None of their images is published, nothing is left, and
// the daemon is as idle as before.
func TestSoakKilledWriters(t *testing.T) {
	m := soakMount(t)
	buildGoWriter(t, m)
	m.log.allow("aborted")
	idle := m.goroutines(t) // this ends the daemon
	m.restart(t)
	m.watchdog.Reset(time.Hour)

	// Each writes for ever, so it can't be done before it is killed.
	writers := []string{
		`exec cat /dev/zero > fast/%s`,
		`exec cp /dev/zero fast/%s`,
		`exec dd if=/dev/zero of=slow/%s bs=64K status=none`,
		`exec dd if=/dev/zero of=fast/%s bs=3M status=none`,
		`exec tee slow/%s < /dev/zero > /dev/null`,
		`exec $S/gowriter 8 < /dev/zero > fast/%s`,
		`exec $PY -c 'import sys; f = open("slow/%s", "wb")
while True: f.write(bytes(100000))'`,
		`exec $PY -c 'import os; fd = os.open("fast/%s", os.O_WRONLY | os.O_CREAT)
if os.fork() == 0:
  while os.write(fd, bytes(50000)): pass
os.wait()'`,
		`{ cat /dev/zero; } > fast/%s`,
		`(head -c 1000000 /dev/zero; cat /dev/zero) > slow/%s`,
	}
	const seed = 2024
	r := rand.New(rand.NewPCG(seed, 1))
	const rounds, atOnce = 250, 4
	for round := range rounds {
		var running []*process
		for i := range atOnce {
			script := fmt.Sprintf(writers[r.IntN(len(writers))], fmt.Sprintf("%d-%d", round, i))
			running = append(running, m.start(t, script))
		}
		time.Sleep(time.Duration(r.ExpFloat64() * 30 * float64(time.Millisecond))) // the random moment
		for _, p := range running {
			killGroup(t, p)
		}
		for _, p := range running {
			p.wait(t)
			p.out.Close()
		}
	}
	eventually(t, "no image is under way", func() bool {
		return len(temporaries(t, m.fastData))+len(temporaries(t, m.slowData)) == 0
	})
	wantOnly(t, m.fastData)
	wantOnly(t, m.slowData)
	if out := m.wantSh(t, `ls -A fast slow`); out != "fast:\n\nslow:\n" {
		t.Errorf("published: %q", out)
	}
	m.wantIdle(t)
	after := m.goroutines(t)
	t.Logf("killed %d writers; goroutines of the daemon: %d before, %d after", rounds*atOnce, idle, after)
	if after > idle+8 { // go-fuse reads /dev/fuse with up to 8 more after a busy time
		t.Errorf("%d goroutines, %d when it was new\n%s", after, idle, m.log.tail())
	}
	m.destroy(t)
}

// killGroup kills all processes of a script, as the OOM killer or a closing
// terminal does.
func killGroup(t *testing.T, p *process) {
	t.Helper()
	if err := unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
		t.Fatal(err)
	}
}

var goroutineHeader = regexp.MustCompile(`(?m)^goroutine \d+ `)

// goroutines counts the goroutines of the daemon, and ends it: with SIGQUIT
// the runtime lists them.
func (m *mount) goroutines(t *testing.T) int {
	t.Helper()
	before, err := os.ReadFile(m.log.stderr)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Process.Signal(unix.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-m.ended
	after, err := os.ReadFile(m.log.stderr)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(m.log.stderr, int64(len(before))); err != nil { // no panic
		t.Fatal(err)
	}
	return len(goroutineHeader.FindAll(after[len(before):], -1))
}

// TestSoakLargeAdd adds 4 GiB and reads them back; the daemon's memory is
// printed as a table for the README.
func TestSoakLargeAdd(t *testing.T) {
	m := soakMount(t)
	const size = 4 << 30
	idle := m.memory(t, "VmRSS")
	stop := make(chan struct{})
	sampled := make(chan int64)
	go func() { sampled <- m.largest(t, "VmRSS", stop) }()

	sums := []io.Writer{md5.New(), sha512.New()}
	f := create(t, m.fast+"/large")
	begin := time.Now()
	source := io.LimitReader(rand.NewChaCha8([32]byte{4}), size)
	if _, err := io.CopyBuffer(io.MultiWriter(append(sums, f)...), source, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	close(stop)
	during, peak := <-sampled, m.memory(t, "VmHWM")

	digest := func(i int) string { return hex.EncodeToString(sums[i].(interface{ Sum([]byte) []byte }).Sum(nil)) }
	wantXattr(t, m.fast+"/large", "checksum", digest(0))
	wantXattr(t, m.fast+"/large", "multihash", digest(1))
	if st, err := os.Stat(m.fast + "/large"); err != nil || st.Size() != size {
		t.Errorf("%v (%v)", st, err)
	}
	if out := m.wantSh(t, `md5sum < fast/large`); out != digest(0)+"  -\n" {
		t.Errorf("read back: %s", out)
	}
	mib := func(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
	fmt.Printf(`
| memory of the daemon | |
|---|---|
| idle | %s |
| during an add of 4 GiB, sampled every 10 ms, at most | %s |
| at most ever (VmHWM) | %s |
| more than idle | %s |

(the add took %v, with the source and a second pair of digests made on the same cores)

`, mib(idle), mib(during), mib(peak), mib(peak-idle), took.Round(time.Second))
	if peak-idle > 64<<20 {
		t.Errorf("an add takes %s beside the idle daemon, want at most 64 MiB", mib(peak-idle))
	}
}

// TestSoakManyAdds adds 100 images at once; the daemon's memory is for the
// README.
func TestSoakManyAdds(t *testing.T) {
	m := soakMount(t)
	const adds, size = 100, 32 << 20
	m.source(t, "image", random('m', size))
	idle := m.memory(t, "VmRSS")
	m.wantSh(t, fmt.Sprintf(`for i in {1..%d}; do cp $S/image fast/$i & done; wait`, adds))
	peak := m.memory(t, "VmHWM")
	for i := range adds {
		wantImage(t, fmt.Sprintf("%s/%d", m.fast, i+1), random('m', size))
	}
	fmt.Printf("%d adds at once: at most %d MiB more than idle, %d KiB each\n", adds, (peak-idle)>>20, (peak-idle)>>10/adds)
	// Six pieces of 1 MiB before and in the hashes, one that is being filled,
	// and the request's own.
	if most := int64(adds*8<<20 + 64<<20); peak-idle > most {
		t.Errorf("%d bytes, want at most %d", peak-idle, most)
	}
	wantGivenBack(t, m, idle)
}

// wantGivenBack waits until the daemon has little more memory than idle: that
// takes a minute (fsnode's keepMemory).
func wantGivenBack(t *testing.T, m *mount, idle int64) {
	t.Helper()
	const little = 32 << 20
	for start := time.Now(); ; time.Sleep(time.Second) {
		left, took := m.memory(t, "VmRSS")-idle, time.Since(start).Round(time.Second)
		if left <= little {
			fmt.Printf("%v later: %d MiB more than idle\n", took, left>>20)
			return
		}
		if took > 2*time.Minute {
			t.Fatalf("%v later %d bytes more than idle", took, left)
		}
	}
}

// largest samples a figure of the daemon's memory until stop is closed.
func (m *mount) largest(t *testing.T, field string, stop <-chan struct{}) (most int64) {
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case <-stop:
			tick.Stop()
			return most
		case <-tick.C:
			most = max(most, m.memory(t, field))
		}
	}
}

// TestSoakModel does random things as a user of a shell does, for two
// minutes, and compares what is there with a simple model.
func TestSoakModel(t *testing.T) {
	m := soakMount(t)
	m.log.allow(".")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &soakModel{
		mount:  m,
		r:      rand.New(rand.NewPCG(seed, 1)),
		images: map[string][]byte{},
	}
	for i := range 8 {
		s.sources = append(s.sources, m.source(t, fmt.Sprint(i), random(byte(i), []int{0, 1, 4096, 70_000, 1 << 20, 1<<20 + 1, 3_000_000, 9_999_999}[i])))
	}
	steps := 0
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end) && !t.Failed(); steps++ {
		s.step(t)
	}
	if t.Failed() {
		t.Logf("the last steps:\n%s", strings.Join(s.done[max(0, len(s.done)-20):], "\n"))
	}
	t.Logf("%d steps, %d images at the end", steps, len(s.images))
}

// soakModel is what should be there.
type soakModel struct {
	*mount
	r       *rand.Rand
	sources [][]byte          // $S/0 …
	images  map[string][]byte // by store/name
	done    []string          // scripts, the last one last
}

// pick returns a random name, of an image that exists more often than not.
func (s *soakModel) pick() string {
	return []string{"fast", "slow"}[s.r.IntN(2)] + fmt.Sprintf("/%c", 'a'+rune(s.r.IntN(12)))
}

// step does one thing and checks that what came of it is what should.
func (s *soakModel) step(t *testing.T) {
	t.Helper()
	name, other := s.pick(), s.pick()
	n := s.r.IntN(len(s.sources))
	data := s.sources[n]
	_, exists := s.images[name]
	_, otherExists := s.images[other]
	from := fmt.Sprintf("$S/%d", n)
	switch s.r.IntN(16) {
	case 0, 1, 2, 3, 4: // add; what exists stays
		adds := []string{`cp %s %s`, `cat %s > %s`, `dd if=%s of=%s bs=100K status=none`, `tee < %s %s > /dev/null`,
			`cp -p %s %s`, `(cat %s) > %s`, `rsync -I %s %s`, `exec 5> %[2]s && cat %[1]s >&5 && exec 5>&-`,
			`$PY -c 'import shutil, sys; shutil.copyfile(*sys.argv[1:])' %s %s`}
		script := fmt.Sprintf(adds[s.r.IntN(len(adds))], from, name)
		s.run(t, script, !exists)
		if !exists {
			s.images[name] = data
		}
	case 5: // replace, as these tools do
		s.run(t, fmt.Sprintf([]string{`cp -f %s %s`, `install %s %s`, `cp --remove-destination %s %s`}[s.r.IntN(3)], from, name), true)
		s.images[name] = data
	case 6, 7: // delete
		s.run(t, `rm `+name, exists)
		delete(s.images, name)
	case 8: // rename or move; mv -n and the kernel's own check keep the target
		if name == other {
			return
		}
		s.run(t, fmt.Sprintf(`mv %s %s`, name, other), exists && !otherExists)
		if exists && !otherExists {
			s.images[other] = s.images[name]
			delete(s.images, name)
		}
	case 9: // times and modes change nothing
		s.run(t, fmt.Sprintf(`touch -c -d '2001-02-03 04:05:06.%d' %s; chmod 640 %[2]s`, s.r.IntN(1000), name), exists)
	case 10: // a failed add
		s.run(t, fmt.Sprintf([]string{`(cat %s; exit 3) > %s`, `nosuchcommand %s > %s`, `exec 5> %[2]s; cat %[1]s >&5; kill -9 $$`}[s.r.IntN(3)], from, name), false)
	case 11: // change an image
		s.run(t, fmt.Sprintf([]string{`echo more >> %s`, `truncate -s 1 %s`, `setfattr -n user.glance.checksum -v 0 %s`}[s.r.IntN(3)], `"$PWD/`+s.existing(name)+`"`), false)
	case 12: // a declared digest, right or wrong
		if n == 0 {
			return // of an empty image nobody hears: it is committed at its RELEASE
		}
		sum := md5Hex(data)
		right := s.r.IntN(2) == 0
		if !right {
			sum = md5Hex([]byte("wrong"))
		}
		s.run(t, fmt.Sprintf(`$PY -c 'import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL)
os.setxattr(fd, "user.glance.checksum", sys.argv[2].encode())
data = open(sys.argv[3], "rb").read()
while data: data = data[os.write(fd, data):]
os.close(fd)' %s %s %s`, name, sum, from), right && !exists)
		if right && !exists {
			s.images[name] = data
		}
	case 13: // copy inside the mount
		s.run(t, fmt.Sprintf(`cp --preserve=xattr %s %s`, name, other), exists && !otherExists)
		if exists && !otherExists {
			s.images[other] = s.images[name]
		}
	case 14: // a new daemon
		if s.r.IntN(4) == 0 {
			s.again(t)
		}
	case 15: // read everything that is there
		for name, data := range s.images {
			wantImage(t, filepath.Join(s.dir, name), data)
		}
	}
	s.check(t, name)
	s.check(t, other)
	s.checkNames(t)
}

// existing returns name, or another one that exists, if any does.
func (s *soakModel) existing(name string) string {
	if _, ok := s.images[name]; ok {
		return name
	}
	for other := range s.images {
		return other
	}
	return "none/none"
}

// run runs a script that must succeed, or must not.
func (s *soakModel) run(t *testing.T, script string, succeeds bool) {
	t.Helper()
	out, status := s.sh(t, script)
	s.done = append(s.done, fmt.Sprintf("%d <- %s   %s", status, script, out))
	if (status == 0) != succeeds {
		t.Errorf("exit status %d of %s, want success: %v\n%s", status, script, succeeds, out)
	}
}

// again ends the daemon, the hard way or not, and starts a new one.
func (s *soakModel) again(t *testing.T) {
	t.Helper()
	if s.r.IntN(2) == 0 {
		s.done = append(s.done, "kill -9 of the daemon, in the middle of an add")
		f := create(t, s.fast+"/lost")
		if _, err := f.Write(s.sources[5]); err != nil {
			t.Error(err)
		}
		s.kill(t)
		f.Close()
	} else {
		s.done = append(s.done, "unmount")
		s.unmount(t)
		s.wantEnd(t)
	}
	s.restart(t)
	s.watchdog.Reset(time.Hour)
}

// check compares one image with the model.
func (s *soakModel) check(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	data, ok := s.images[name]
	if !ok {
		wantNoImage(t, path)
		return
	}
	if len(data) == 0 {
		wantSoon(t, path) // it may be complete only with its RELEASE
	}
	wantImage(t, path, data)
}

// checkNames compares the listings with the model.
func (s *soakModel) checkNames(t *testing.T) {
	t.Helper()
	n := 0
	for _, store := range []string{"fast", "slow"} {
		entries, err := os.ReadDir(filepath.Join(s.dir, store))
		if err != nil {
			t.Error(err)
		}
		for _, e := range entries {
			n++
			if _, ok := s.images[store+"/"+e.Name()]; !ok {
				t.Errorf("%s/%s is listed", store, e.Name())
			}
		}
	}
	if n != len(s.images) {
		t.Errorf("%d images are listed, want %d", n, len(s.images))
	}
}
