package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"glancefs/backends"
	"glancefs/backends/memory"
	"glancefs/backends/storetest"
)

// broken are stores with one fault each, and the test that must find it.
var broken = map[string]struct {
	breakStore func(*memory.Store) backends.Store
	foundBy    string
}{
	"loses the last byte": {func(s *memory.Store) backends.Store {
		return &badWrites{Store: s, append: func(w backends.Writer, ctx context.Context, c backends.Chunk) error {
			return w.Append(ctx, backends.Chunk{Data: c.Data[:max(0, len(c.Data)-1)]})
		}}
	}, "add/sizes"},
	"replaces what exists": {func(s *memory.Store) backends.Store {
		return &badWrites{Store: s, commit: func(w backends.Writer, ctx context.Context, r backends.Record, name string) (backends.Image, error) {
			_ = s.Delete(ctx, name)
			return w.Commit(ctx, r)
		}}
	}, "race/two_creates,_the_first_commits"},
	"commits in abort": {func(s *memory.Store) backends.Store {
		return &badWrites{Store: s, abort: func(w backends.Writer, ctx context.Context) error {
			_, err := w.Commit(ctx, backends.Record{})
			if errors.Is(err, fs.ErrExist) || err != nil {
				return w.Abort(ctx)
			}
			return nil
		}}
	}, "abort/at_any_time"},
	"forgets the record": {func(s *memory.Store) backends.Store {
		return &badWrites{Store: s, commit: func(w backends.Writer, ctx context.Context, r backends.Record, _ string) (backends.Image, error) {
			return w.Commit(ctx, backends.Record{Mtime: r.Mtime})
		}}
	}, "add/sizes"},
	"forgets the mtime": {func(s *memory.Store) backends.Store {
		return &badWrites{Store: s, commit: func(w backends.Writer, ctx context.Context, r backends.Record, _ string) (backends.Image, error) {
			r.Mtime = time.Time{}
			return w.Commit(ctx, r)
		}}
	}, "record/mtime"},
	"renames over an image":  {func(s *memory.Store) backends.Store { return badRename{s} }, "change/rename_onto_another"},
	"goes on with a listing": {func(s *memory.Store) backends.Store { return badList{s} }, "list/stopped"},
	"knows no context":       {func(s *memory.Store) backends.Store { return badContext{s} }, "context/done_before_the_call"},
	"has one incarnation": {func(s *memory.Store) backends.Store {
		return badStat{s, func(i *backends.Image) { i.Incarnation = "always this" }}
	}, "add/what_commit_tells"},
	"has stale records": {func(s *memory.Store) backends.Store {
		return badStat{s, func(i *backends.Image) { i.Record = &backends.Record{} }}
	}, "record/stale"},
	"lowers names": {func(s *memory.Store) backends.Store { return badNames{s} }, "name/odd"},
}

// TestFindsFaults runs the suite over each broken store in a process of its
// own, and over a sound one.
func TestFindsFaults(t *testing.T) {
	for name, b := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := runSuite(name, b.foundBy)
			if err == nil || !strings.Contains(out, "--- FAIL: TestSuite/"+b.foundBy) {
				t.Errorf("%s did not find it: %v\n%s", b.foundBy, err, out)
			}
			if out, err := runSuite("", b.foundBy); err != nil {
				t.Errorf("%s finds faults in a sound store: %v\n%s", b.foundBy, err, out)
			}
		})
	}
}

const brokenEnv = "STORETEST_BROKEN"

// runSuite runs one test of the suite over the store named.
func runSuite(name, test string) (string, error) {
	pattern := "^TestSuite$/^" + strings.ReplaceAll(test, "/", "$/^") + "$"
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run", pattern)
	cmd.Env = append(os.Environ(), brokenEnv+"="+name)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var stores atomic.Int64 // made so far: each has a name of its own

// TestSuite is what TestFindsFaults runs.
func TestSuite(t *testing.T) {
	name, asked := os.LookupEnv(brokenEnv)
	if !asked {
		return // TestFindsFaults asks; the sound store has the memory package's test
	}
	storetest.Run(t, storetest.Config{
		New: func(*testing.T) backends.Store {
			s := memory.New(fmt.Sprint("store-", stores.Add(1)), 0)
			if b, ok := broken[name]; ok {
				return b.breakStore(s)
			}
			return s
		},
		Change: func(_ *testing.T, s backends.Store, name string) {
			m, _ := backends.As[interface {
				Replace(string, []byte, time.Time)
			}](s)
			m.Replace(name, make([]byte, 1000), time.Unix(1, 1))
		},
	})
}
