// Package bench measures glancefs beside the tools that do the same work, and
// shows the figures in the README.
//
//	make bench            everything
//	make bench QUICK=1    256 MiB and three rounds, glance_store and native only
//	make bench GROWTH=1   time and memory against size and number of images
//
// The tools work in turns (A B A B …), so that what else the machine does
// meets all of them. What was measured is in figures.json and growth.json;
// tables and charts are made of these files by
//
//	go test ./tests/bench -update
//
// and without -update that test fails when the README says something else.
// The measurements are tests behind the build tag bench.
package bench

import (
	"encoding/json"
	"os"
	"slices"
)

// A Report is what one run measured.
type Report struct {
	Machine Machine
	Command string // that makes it
	Date    string // when it was made
	Size    int64  // bytes of an image
	Rounds  int    // measurements of each
	Missing []string
	Hashes  []Hash
	Groups  []Group
}

// A Machine is where it was measured.
type Machine struct {
	CPU      string
	Cores    int
	Memory   int64   // bytes
	Load     float64 // what else it did: the load average of a minute when the run began; 0: not known
	Kernel   string
	Disk     string // filesystem of the cold reads
	Versions map[string]string
}

// A Hash is the speed of one hash on one core, in bytes per second.
type Hash struct {
	Name    string
	Ours    float64 // package digest
	OpenSSL float64 // openssl speed; 0: not measured
}

// A Group is the works on one type of store.
type Group struct {
	Name  string
	Works []Work
}

// A Work is something that several tools do.
type Work struct {
	Name    string
	Bytes   int64    // that it moves
	Streams int      // at once
	Hashes  []string // that an add computes
	Results []Result
}

// A Result is what one tool took. Ratio is its median time divided by that of
// glancefs: with 2 glancefs is twice as fast. Error is why it is no
// measurement: then there are no samples.
type Result struct {
	Tool    string
	Samples []Sample
	Median  Sample
	Ratio   float64
	Error   string `json:",omitempty"`
}

// A Sample is one measurement. CPU and memory are those of the process that
// does the work: the daemon of a mount, its memory beside what it has when
// idle; else the command.
type Sample struct {
	Seconds float64
	CPU     float64 // seconds, user and system
	Memory  int64   // bytes, at the peak
}

// Glancefs is the tool that the others are compared with.
const Glancefs = "glancefs"

// median is the middle one, or the mean of the two in the middle; 0 of none.
func median[T int64 | float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// medians is the median of each field by itself.
func medians(samples []Sample) Sample {
	var seconds, cpu []float64
	var memory []int64
	for _, s := range samples {
		seconds, cpu, memory = append(seconds, s.Seconds), append(cpu, s.CPU), append(memory, s.Memory)
	}
	return Sample{median(seconds), median(cpu), median(memory)}
}

// Find returns the result of a tool, nil if it was not measured.
func (w *Work) Find(tool string) *Result {
	for i := range w.Results {
		if r := &w.Results[i]; r.Tool == tool && len(r.Samples) > 0 {
			return r
		}
	}
	return nil
}

// Compute fills in the medians and ratios from the samples.
func (w *Work) Compute() {
	for i := range w.Results {
		w.Results[i].Median = medians(w.Results[i].Samples)
	}
	ours := w.Find(Glancefs)
	if ours == nil {
		return
	}
	for i := range w.Results {
		w.Results[i].Ratio = w.Results[i].Median.Seconds / ours.Median.Seconds
	}
}

// Load reads what Save wrote.
func Load(file string, report any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, report)
}

// Save writes a report as JSON.
func Save(file string, report any) error {
	text, err := json.MarshalIndent(report, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
