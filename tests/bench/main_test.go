//go:build bench

package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"glancefs/tests/ceph"
	"glancefs/tests/need"
)

var (
	quick  = flag.Bool("quick", false, "file stores, 256 MiB and three rounds, glance_store and native only")
	out    = flag.String("out", ".", "`folder` of the figures")
	binary = flag.String("binary", "../../bin/glancefs", "the glancefs that is measured")
	rounds = flag.Int("rounds", defaultRounds, "measurements of each")
	mib    = flag.Int64("size", defaultMiB, "MiB of a large image")
	only   = flag.String("only", "", "measure one group only: file, rbd or http")
)

const (
	defaultRounds, defaultMiB = 5, 1024
	quickRounds, quickMiB     = 3, 256
)

// The working files are on tmpfs, whose speed is the same each time.
const tmpfs = "/dev/shm"

func TestMain(m *testing.M) {
	flag.Usage = func() {} // the error says what is wrong
	flag.Parse()
	if *rounds < 1 || *mib < 1 {
		fmt.Fprintln(os.Stderr, "ROUNDS and SIZE are numbers from 1 on")
		os.Exit(2)
	}
	if *quick && *mib == defaultMiB {
		*mib = quickMiB
	}
	if *quick && *rounds == defaultRounds {
		*rounds = quickRounds
	}
	os.Setenv("LC_ALL", "C")
	os.Exit(run(m))
}

func run(m *testing.M) int {
	defer ceph.Stop()
	dir, err := os.MkdirTemp("", "glancefs-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	tempDirs.Store(dir, nil)
	os.Setenv("TMPDIR", dir) // so all that is made is in it, or on tmpfs
	endWhenKilled()
	return m.Run()
}

// TestBench measures everything, and writes the figures.
func TestBench(t *testing.T) {
	need.Root(t)
	b := newBench()
	fmt.Printf("%-40s %-28s %9s %6s  %s\n", "work", "tool", "time", "ratio", "CPU and most memory of the tool; the ratio is the tool's time / glancefs'")
	for _, group := range []struct {
		name string
		run  func(*testing.T, *bench) []Work
	}{
		{"file", fileWorks},
		{"rbd", rbdWorks},
		{"http", httpWorks},
	} {
		if *only != "" && *only != group.name || *quick && group.name != "file" {
			continue
		}
		t.Run(group.name, func(t *testing.T) {
			b.Groups = append(b.Groups, Group{Name: group.name, Works: group.run(t, b)})
		})
	}
	b.Hashes = b.measureHashes(t)
	b.save(t)
}

// bench is a run.
type bench struct {
	Report
	disk string // a folder on a disk
}

func newBench() *bench {
	b := &bench{disk: os.TempDir(), Report: Report{
		Command: "make bench", Date: time.Now().UTC().Format(time.DateOnly), Size: *mib << 20, Rounds: *rounds,
	}}
	usualRounds, usualMiB := defaultRounds, int64(defaultMiB)
	if *quick {
		b.Command += " QUICK=1"
		usualRounds, usualMiB = quickRounds, quickMiB
	}
	if *rounds != usualRounds {
		b.Command += fmt.Sprint(" ROUNDS=", *rounds)
	}
	if *mib != usualMiB {
		b.Command += fmt.Sprint(" SIZE=", *mib)
	}
	b.Machine = machine(b.disk)
	return b
}

// save writes the figures and prints the tables.
func (b *bench) save(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(*out, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Save(filepath.Join(*out, "figures.json"), &b.Report); err != nil {
		t.Error(err)
	}
	fmt.Println(b.Markdown())
}

// has tells whether a program is there; if not, the report says so.
func (b *bench) has(program, pkg string) bool {
	_, err := exec.LookPath(program)
	if err != nil {
		b.missing(program + " (apt-get install " + pkg + ")")
	}
	return err == nil
}

func (b *bench) missing(what string) {
	if !slices.Contains(b.Missing, what) {
		b.Missing = append(b.Missing, what)
		fmt.Println("Not measured:", what)
	}
}
