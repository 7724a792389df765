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
	defaultRounds = 5
	defaultMiB    = 1024
)

// The working files are on tmpfs, whose speed is the same each time.
const tmpfs = "/dev/shm"

func TestMain(m *testing.M) {
	flag.Parse()
	if *quick {
		*mib, *rounds = 256, 3
	}
	os.Setenv("LC_ALL", "C")
	removeWhenKilled()
	code := m.Run()
	ceph.Stop()
	os.Exit(code)
}

// TestBench measures everything, and writes the figures.
func TestBench(t *testing.T) {
	need.Root(t)
	b := newBench()
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
	if *rounds != defaultRounds {
		b.Command += fmt.Sprint(" ROUNDS=", *rounds)
	}
	if *mib != defaultMiB {
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
