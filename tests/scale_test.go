package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestManyImages lists 10,000 images: each is there, with its size.
func TestManyImages(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	const n = 10_000
	for i := range n { // image 00042 has 42 bytes
		name := filepath.Join(m.fastData, fmt.Sprintf("%05d", i))
		if err := os.WriteFile(name, make([]byte, i), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := m.wantSh(t, `ls -l fast | awk 'NR > 1 {n++; sum += $5; if ($5 != $9 + 0) print} END {print n, sum}'`)
	if want := fmt.Sprintf("%d %d\n", n, n*(n-1)/2); out != want {
		t.Errorf("number and bytes are %q, want %q", out, want)
	}
	out = m.wantSh(t, `ls -f fast | grep -c '^[0-9]'; find fast -type f | sort -u | wc -l; find fast -name 0999? | sort | tr '\n' ' '; du -sb --apparent-size fast | cut -f1`)
	dir, err := os.Stat(m.fast)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%d\n%d\n", n, n)
	for i := 9990; i < n; i++ {
		want += fmt.Sprintf("fast/%05d ", i)
	}
	if want += fmt.Sprintln(n*(n-1)/2 + int(dir.Size())); out != want {
		t.Errorf("wrote %q, want %q", out, want)
	}
}

// TestOneListing: ls -l of a store is one listing of the datadir, and one look
// at each image.
func TestOneListing(t *testing.T) {
	t.Parallel()
	m, sick := sickStore(t)
	const n = 2000
	for i := range n {
		if err := os.WriteFile(fmt.Sprintf("%s/%05d", sick.behind, i), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	listings, lookups := sick.count(t, "OpenDir"), sick.count(t, "Lookup")
	if out := m.wantSh(t, `ls -l fast | wc -l`); out != fmt.Sprintln(n+1) {
		t.Errorf("wrote %q", out)
	}
	if more := sick.count(t, "OpenDir") - listings; more != 1 {
		t.Errorf("%d listings of the datadir, want 1", more)
	}
	if more := sick.count(t, "Lookup") - lookups; more > n+n/10 {
		t.Errorf("%d lookups in the datadir for %d images", more, n)
	}
}

// TestConcurrentAdds adds 8 images at once, to two stores: all bytes, the
// right digests, and memory that does not grow with them.
func TestConcurrentAdds(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	const size = 24 << 20 // much more than what is buffered of one
	before := m.memory(t, "VmRSS")
	var adds []*process
	for i := range 8 {
		m.source(t, fmt.Sprint(i), random(byte(i), size))
		adds = append(adds, m.start(t, fmt.Sprintf(`read go; cp $S/%d %s/%d`, i, []string{"fast", "slow"}[i%2], i)))
	}
	for _, p := range adds {
		p.send(t, []byte("go\n"))
	}
	for _, p := range adds {
		if out, status := p.wait(t); status != 0 {
			t.Errorf("exit status %d: %s", status, out)
		}
	}
	for i := range 8 {
		wantImage(t, fmt.Sprintf("%s/%s/%d", m.dir, []string{"fast", "slow"}[i%2], i), random(byte(i), size))
	}
	peak := m.memory(t, "VmHWM")
	t.Logf("memory of the daemon: %d MiB before, %d MiB at most, with 8 adds of %d MiB", before>>20, peak>>20, size>>20)
	// The race detector takes 5 to 10 times the memory, and what the Go
	// runtime has freed stays for a while: this catches images that are held
	// as a whole (192 MiB, times that), not a buffer too many. The soak test
	// has the figures.
	if peak > 512<<20 {
		t.Errorf("the daemon took %d MiB", peak>>20)
	}
}

// memory returns a figure of the daemon's memory, in bytes: a field of
// proc_pid_status(5).
func (m *mount) memory(t *testing.T, field string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(status), field+":")
	kib, err := strconv.ParseInt(strings.TrimSpace(after[:max(0, strings.Index(after, "kB"))]), 10, 64)
	if !found || err != nil {
		t.Fatalf("%s in %q", field, status)
	}
	return kib << 10
}

// TestManySmallAdds: 300 images by parallel writers, of three kinds.
func TestManySmallAdds(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	const each = 100
	for i := range each {
		m.source(t, fmt.Sprint(i), random(byte(i), 1000*i))
	}
	out := m.wantSh(t, fmt.Sprintf(`seq 0 %d | xargs -P 8 -I{} sh -c 'cp $S/{} fast/cp-{}; cat $S/{} > fast/cat-{}; dd if=$S/{} of=slow/dd-{} bs=10K status=none'`, each-1))
	if out != "" {
		t.Errorf("wrote %q", out)
	}
	var all sync.WaitGroup
	for _, prefix := range []string{m.fast + "/cp-", m.fast + "/cat-", m.slow + "/dd-"} {
		all.Go(func() {
			for i := range each {
				if i == 0 {
					wantSoon(t, prefix+"0") // an empty image is complete at its RELEASE
				}
				wantImage(t, fmt.Sprint(prefix, i), random(byte(i), 1000*i))
			}
		})
	}
	all.Wait()
}

// TestLargeSparse: sizes and offsets that 32 bits do not hold, and a whole
// read of 1 GiB.
func TestLargeSparse(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	marks := m.source(t, "marks", random('m', 100_000))
	m.wantSh(t, `truncate -s 5T `+m.fastData+`/huge && for at in 0 2147483647 4294967295 5497558038888; do
		dd if=$S/marks of=`+m.fastData+`/huge oflag=seek_bytes seek=$at conv=notrunc status=none; done`)
	if size := m.wantSh(t, `stat -c %s fast/huge; ls -l fast | awk 'END {print $5}'`); size != "5497558138888\n5497558138888\n" {
		t.Errorf("size %q", size)
	}
	f, err := os.Open(m.fast + "/huge")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, at := range []int64{0, 1<<31 - 1, 1<<32 - 1, 5497558038888} {
		got := make([]byte, len(marks))
		if _, err := f.ReadAt(got, at); err != nil {
			t.Errorf("read at %d: %v", at, err)
		}
		wantBytes(t, fmt.Sprintf("the mark at %d", at), got, marks)
	}
	m.wantSh(t, `cd `+m.slowData+` && truncate -s 1G x && dd if=$S/marks of=x seek=1000 bs=1M conv=notrunc status=none`)
	if out := m.wantSh(t, `md5sum < slow/x; md5sum < `+m.slowData+`/x`); out[:len(out)/2] != out[len(out)/2:] {
		t.Errorf("the digests of what was read and what is there: %s", out)
	}
}
