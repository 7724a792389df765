package bench

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{3}, 3},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 3, 100}, 3.5},
	} {
		if got := median(test.values); got != test.want {
			t.Errorf("median of %v: %v, want %v", test.values, got, test.want)
		}
	}
}

// example is a report with all that a report can have: tools that failed, also
// glancefs, and one that is missing.
func example() *Report {
	samples := func(seconds ...float64) (all []Sample) {
		for _, s := range seconds {
			all = append(all, Sample{Seconds: s, CPU: 2 * s, Memory: int64(s * (1 << 20))})
		}
		return all
	}
	r := &Report{
		Machine: Machine{CPU: "a <CPU>", Cores: 2, Load: 1.25, Memory: 24 << 30, Kernel: "6.18", Disk: "ext4", Versions: map[string]string{"b": "2", "a": "1"}},
		Command: "make bench", Date: "2030-01-02", Rounds: 3, Size: 1 << 30,
		Missing: []string{"rclone (apt-get install rclone)"},
		Hashes:  []Hash{{"md5", 0.5 * (1 << 30), 0.25 * (1 << 30)}, {"sha512", 1e9, 1 << 30}},
		Groups: []Group{
			{Name: "file", Works: []Work{
				{Name: "add 1 GiB", Bytes: 1 << 30, Streams: 1, Hashes: []string{"md5", "sha512"}, Results: []Result{
					{Tool: Glancefs, Samples: samples(8, 4, 4)},
					{Tool: "glance_store", Samples: samples(6, 6, 1)},
					{Tool: Native, Samples: samples(0.5, 0.05, 0.06)},
					{Tool: "other", Error: "stores wrong bytes"},
				}},
				{Name: "read", Results: []Result{
					{Tool: Glancefs, Samples: samples(0.02, 0.02, 0.02)},
					{Tool: "rclone", Samples: samples(20, 20, 20)},
				}},
			}},
			{Name: "http", Works: []Work{{Name: "read", Results: []Result{
				{Tool: Glancefs, Error: "exit status 1"},
				{Tool: "curl", Samples: samples(12)},
			}}}},
		},
	}
	for _, g := range r.Groups {
		for i := range g.Works {
			g.Works[i].Compute()
		}
	}
	return r
}

func TestCompute(t *testing.T) {
	var got []Result
	for _, r := range example().Groups[0].Works[0].Results {
		got = append(got, Result{Tool: r.Tool, Median: r.Median, Ratio: r.Ratio, Error: r.Error})
	}
	want := []Result{
		{Tool: Glancefs, Median: Sample{4, 8, 4 << 20}, Ratio: 1},
		{Tool: "glance_store", Median: Sample{6, 12, 6 << 20}, Ratio: 1.5},
		{Tool: Native, Median: Sample{0.06, 0.12, 62914}, Ratio: 0.015},
		{Tool: "other", Error: "stores wrong bytes"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if w := example().Groups[1].Works[0]; w.Results[1].Ratio != 0 {
		t.Errorf("a ratio without glancefs: %v", w.Results[1].Ratio)
	}
}

// TestLimit: 2 s for md5, 1 s for sha512, 0.12 s for the copy and 0.9 s for
// FUSE are 4.02 s on all cores; one core alone has 2 s to do with md5.
func TestLimit(t *testing.T) {
	for _, test := range []struct {
		cores, streams int
		want           float64
	}{
		{1, 1, 4.02},
		{2, 1, 2.01},
		{4, 1, 2},
		{8, 4, 0.5025},
		{16, 4, 0.5},
	} {
		r := example()
		r.Machine.Cores = test.cores
		w := &r.Groups[0].Works[0]
		w.Streams = test.streams
		if got := r.Limit(w); got < test.want-1e-9 || got > test.want+1e-9 {
			t.Errorf("%d cores, %d streams: %v s, want %v", test.cores, test.streams, got, test.want)
		}
		if got, want := r.Closeness(w), test.want/4; got < want-1e-9 || got > want+1e-9 {
			t.Errorf("%d cores, %d streams: closeness %v, want %v", test.cores, test.streams, got, want)
		}
	}
	r := example()
	for gib, want := range map[float64]float64{0.4: 2.01, 0.5: 2, 1: 1.01} { // together in 2.5 s, 2 s, 1 s
		r.Machine.Cores = 2
		r.Hashes = append(example().Hashes, Hash{Name: "md5 + sha512", Ours: gib * (1 << 30)})
		if got := r.Limit(&r.Groups[0].Works[0]); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("together in %v s: %v s, want %v", 1/gib, got, want)
		}
	}
	r = example()
	if got := r.Limit(&r.Groups[0].Works[1]); got != 0 {
		t.Errorf("a limit of a work without hashes: %v", got)
	}
	r.Hashes = r.Hashes[:1]
	if got := r.Limit(&r.Groups[0].Works[0]); got != 0 {
		t.Errorf("a limit without the speed of a hash: %v", got)
	}
}

func TestTexts(t *testing.T) {
	for seconds, want := range map[float64]string{123.44: "123.4 s", 1.234: "1.23 s", 0.1234: "123 ms", 0.01234: "12.3 ms", 0: "0.0 ms"} {
		if got := secondsText(seconds); got != want {
			t.Errorf("%v s: %s, want %s", seconds, got, want)
		}
	}
	for n, want := range map[int64]string{-5: "0 KiB", 64 << 10: "64 KiB", 38<<20 + 200<<10: "38.2 MiB", 1 << 30: "1 GiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
	}
	for ratio, want := range map[float64]string{0.5: "0.50", 9.94: "9.94", 42.4: "42"} {
		if got := ratioText(ratio); got != want {
			t.Errorf("%v: %s, want %s", ratio, got, want)
		}
	}
}
