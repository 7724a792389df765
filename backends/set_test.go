package backends_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// namesOf lists the stores of a set.
func namesOf(stores []*backends.Instance) []string {
	var all []string
	for _, in := range stores {
		all = append(all, in.Name())
	}
	return all
}

func TestSet(t *testing.T) {
	cfg := configure(t, "[b]\nstore_description = the second\nweight = 7", "c:memory", "a:memory", "b:memory")
	cfg.Default = "a"
	set := mustOpen(t, cfg, memory.Driver())
	if diff := cmp.Diff([]string{"c", "a", "b"}, namesOf(set.Instances())); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if def := set.Default(); def == nil || def.Name() != "a" {
		t.Errorf("default %v", def)
	}
	if diff := cmp.Diff([]string{"memory"}, set.Schemes()); diff != "" {
		t.Errorf("schemes (-want +got):\n%s", diff)
	}
	in, ok := set.Get("b")
	if !ok || in.Description() != "the second" || in.Weight() != 7 || in.Type() != "memory" || in.Reserved() || in.ReadOnly() || in.VerifyOnRead() {
		t.Errorf("store b: %v %+v", ok, in)
	}
	if _, ok := set.Get("d"); ok {
		t.Error("a store d")
	}
	if got, want := in.Capabilities(), backends.Capability(0x4f); got != want {
		t.Errorf("capabilities %#x, want %#x", got, want)
	}
}

// TestByWeight: the heaviest first, and one weight in the configured order.
func TestByWeight(t *testing.T) {
	text := "[b]\nweight = 7\n[d]\nweight = -1\n[e]\nweight = 7"
	set := mustOpen(t, configure(t, text, "a:memory", "b:memory", "c:memory", "d:memory", "e:memory"), memory.Driver())
	if diff := cmp.Diff([]string{"b", "e", "a", "c", "d"}, namesOf(set.ByWeight())); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, namesOf(set.Instances())); diff != "" {
		t.Errorf("the order of the configuration (-want +got):\n%s", diff)
	}
}

// TestDefault: the configured store, or the only one that is not reserved.
func TestDefault(t *testing.T) {
	for _, test := range []struct {
		stores  string
		def     string
		want    string
		problem string
	}{
		{stores: "a:memory", want: "a"},
		{stores: "a:memory b:memory", want: ""},
		{stores: "a:memory b:memory", def: "b", want: "b"},
		{stores: "a:memory", def: "b", problem: `[glance_store] default_backend: no store is named "b"`},
		{stores: "a:memory r:memory:reserved", want: "a"},
		{stores: "r:memory:reserved", want: ""},
		{stores: "a:memory gone:memory:reserved", def: "gone", problem: `[glance_store] default_backend: no store is named "gone"`},
	} {
		cfg := configure(t, "", strings.Fields(strings.ReplaceAll(test.stores, ":reserved", ""))...)
		for i, s := range strings.Fields(test.stores) {
			cfg.Stores[i].Reserved = strings.HasSuffix(s, ":reserved")
		}
		cfg.Default = test.def
		closed := 0
		set, err := backends.Open(t.Context(), cfg, []backends.Driver{driver(func(in backends.Opening) (backends.Store, error) {
			if in.Name == "gone" {
				return nil, fs.ErrNotExist
			}
			return closing{memory.New(in.Name, 0), func() error { closed++; return nil }}, nil
		})})
		if test.problem != "" {
			if err == nil || err.Error() != test.problem {
				t.Errorf("%v: error %v, want %s", test, err, test.problem)
			}
			if closed != 1 {
				t.Errorf("%v: %d stores closed", test, closed)
			}
			continue
		}
		got := ""
		if err == nil && set.Default() != nil {
			got = set.Default().Name()
		}
		if got != test.want || err != nil {
			t.Errorf("%v: default %q, %v", test, got, err)
		}
	}
}

// closing is a store that notes its end.
type closing struct {
	backends.Store
	close func() error
}

func (c closing) Close() error { return c.close() }

func TestSetClose(t *testing.T) {
	broken := errors.New("broken")
	set, err := backends.Open(t.Context(), configure(t, "", "a:memory", "b:memory", "c:memory", "none:memory"),
		[]backends.Driver{driver(func(in backends.Opening) (backends.Store, error) {
			if in.Name == "none" {
				return nil, broken
			}
			return closing{memory.New(in.Name, 0), func() error {
				if in.Name == "b" {
					return broken
				}
				return nil
			}}, nil
		})})
	if err != nil {
		t.Fatal(err)
	}
	err = set.Close()
	wantIs(t, err, broken)
	if got, want := err.Error(), "close: store b: broken"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

// TestOpenStops: what stops everything, with one line.
func TestOpenStops(t *testing.T) {
	for _, test := range []struct {
		algo, store string
		want        string
	}{
		{"sha512", "a:floppy", `[DEFAULT] enabled_backends: store a: unknown type "floppy"`},
		{"SHA512", "a:memory", "[DEFAULT] hashing_algorithm: "},
		{"", "a:memory", "[DEFAULT] hashing_algorithm: "},
		{"shake_128", "a:memory", "[DEFAULT] hashing_algorithm: "},
		{"shake_256", "a:memory", "[DEFAULT] hashing_algorithm: "},
	} {
		cfg := configure(t, "", test.store)
		cfg.HashingAlgo = test.algo
		set, err := backends.Open(t.Context(), cfg, []backends.Driver{memory.Driver()})
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: set %v, error %v", test, set, err)
		}
	}
}

// TestGlanceTypes: a type that Glance has and glancefs has not disables its
// store only.
func TestGlanceTypes(t *testing.T) {
	for _, typ := range []string{"file", "http", "swift", "rbd", "cinder", "vmware", "s3"} {
		set := mustOpen(t, configure(t, "", "a:memory", "other:"+typ), memory.Driver())
		in, _ := set.Get("other")
		if len(in.Faults()) != 1 || !strings.Contains(in.Faults()[0].Error(), "stores of type "+typ+" are not supported") {
			t.Errorf("%s: faults %v", typ, in.Faults())
		}
		if in.Capabilities() != 0 || in.Schemes() != nil || in.Store() != nil || in.Warning() != nil {
			t.Errorf("%s: %+v", typ, in)
		}
		wantIs(t, in.Status(t.Context()), in.Faults()[0])
		_, err := in.Add(t.Context(), "image")
		wantIs(t, err, backends.ErrMisconfigured)
		put(t, set.Instances()[0], "image", nil)
	}
}

// TestReserved: a reserved store that is not there is not shown; one that is
// there, or is broken, is. A usual one that is not there is a fault.
func TestReserved(t *testing.T) {
	cfg := configure(t, "", "a:memory", "there:memory", "absent:memory", "broken:memory", "missing:memory")
	for i := range cfg.Stores {
		cfg.Stores[i].Reserved = i >= 1 && i <= 3
	}
	set := mustOpen(t, cfg, driver(func(in backends.Opening) (backends.Store, error) {
		switch in.Name {
		case "absent", "missing":
			return nil, fmt.Errorf("%w: no directory: %w", backends.ErrMisconfigured, fs.ErrNotExist)
		case "broken":
			return nil, backends.ErrMisconfigured
		}
		if in.Reserved != (in.Name == "there") {
			t.Errorf("%s is opened as reserved: %v", in.Name, in.Reserved)
		}
		return memory.New(in.Name, 0), nil
	}))
	if diff := cmp.Diff([]string{"a", "there", "broken", "missing"}, namesOf(set.Instances())); diff != "" {
		t.Errorf("stores (-want +got):\n%s", diff)
	}
	for name, want := range map[string]int{"a": 0, "there": 0, "broken": 1, "missing": 1} {
		if in, _ := set.Get(name); len(in.Faults()) != want {
			t.Errorf("%s: faults %v", name, in.Faults())
		}
	}
}

// TestFaults: each fault of a configuration stands by itself, whoever found
// it, and a store that can be read is read.
func TestFaults(t *testing.T) {
	text := "[one]\nweight = heavy\nread_only = perhaps\nrequire_declared = all\nmemory_store_size = -1\nnonsense = 1\nmore_nonsense = 2"
	store := memory.New("one", 0)
	add(t, store, "there", []byte("bytes"))
	both := fmt.Errorf("%w: two facts in %w", backends.ErrMisconfigured, fs.ErrPermission)
	set := mustOpen(t, configure(t, text, "one:memory"), driver(func(in backends.Opening) (backends.Store, error) {
		if !in.IsSet("weight") || in.IsSet("store_description") || in.ReadOnly || !in.SyncOnClose {
			t.Errorf("opening: %+v", in)
		}
		return store, errors.Join(both, errors.Join(errors.New("first"), errors.New("second")))
	}))
	in := set.Instances()[0]
	var got []string
	for _, f := range in.Faults() {
		got = append(got, f.Error())
	}
	want := []string{
		`test.conf: [one] weight: "heavy" is not an integer`,
		`test.conf: [one] read_only: "perhaps" `,
		`test.conf: [one] require_declared: "all" `,
		`test.conf: [one] memory_store_size: "-1" `,
		both.Error(), "first", "second",
	}
	if len(got) != len(want) {
		t.Fatalf("faults: %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("fault %q, want %q…", got[i], want[i])
		}
	}
	if w := in.Warning(); w == nil || strings.Count(w.Error(), "unknown option") != 2 {
		t.Errorf("warning: %v", w)
	}
	if got, want := in.Capabilities(), backends.Capability(0x47); got != want {
		t.Errorf("capabilities %#x, want %#x", got, want)
	}
	if _, err := in.Stat(t.Context(), "there"); err != nil {
		t.Error(err)
	}
}

// TestSharedGroups: what a store's own group does not set, [glancefs] sets
// of the options that stores of every type have, and [backend_defaults] of
// those of its driver.
func TestSharedGroups(t *testing.T) {
	text := "[glancefs]\nweight = 3\nmemory_store_size = 1\n" +
		"[backend_defaults]\nweight = 4\nmemory_store_size = 500\n" +
		"[b]\nweight = 5\nmemory_store_size = 600"
	set := mustOpen(t, configure(t, text, "a:memory", "b:memory"), memory.Driver())
	for i, want := range []struct {
		weight int
		size   uint64
	}{{3, 500}, {5, 600}} {
		in := set.Instances()[i]
		space, err := in.Space(t.Context())
		if in.Weight() != want.weight || space.Total != want.size || err != nil {
			t.Errorf("%s: weight %d, size %d, %v", in.Name(), in.Weight(), space.Total, err)
		}
	}
}

// TestOpenAtOnce: stores are opened at once, each within its connect_timeout.
func TestOpenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := memory.Driver()
		d.Open = func(ctx context.Context, in backends.Opening) (backends.Store, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		start := time.Now()
		set := mustOpen(t, configure(t, "[a]\nconnect_timeout = 3", "a:memory", "b:memory", "c:memory"), d)
		took(t, "open", start, 10*time.Second)
		for _, in := range set.Instances() {
			if len(in.Faults()) != 1 {
				t.Errorf("%s: %v", in.Name(), in.Faults())
			}
		}
	})
}
