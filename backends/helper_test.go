package backends_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sirupsen/logrus"

	"glancefs/backends"
	"glancefs/backends/memory"
	"glancefs/config"
)

// quiet is a log that nobody reads.
func quiet() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}

// configure makes the configuration of stores, each "NAME:TYPE", from the
// text of a file with their groups.
func configure(t testing.TB, text string, stores ...string) backends.Config {
	t.Helper()
	settings, err := config.Parse("test.conf", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	cfg := backends.Config{HashingAlgo: "sha256", SyncOnClose: true, Log: quiet()}
	for _, store := range stores {
		name, typ, _ := strings.Cut(store, ":")
		cfg.Stores = append(cfg.Stores, backends.StoreConfig{
			Name: name, Type: typ,
			Decode: func(dst any, fallback ...string) error {
				return settings.Decode(name, fallback, dst).Err()
			},
			Unknown: func(declared ...any) error { return settings.Unknown(name, declared...).Err() },
			IsSet:   func(option string) bool { return settings.IsSet(name, option) },
		})
	}
	return cfg
}

// driver is the memory driver, but for how it opens a store.
func driver(open func(backends.Opening) (backends.Store, error)) backends.Driver {
	d := memory.Driver()
	d.Open = func(_ context.Context, in backends.Opening) (backends.Store, error) { return open(in) }
	return d
}

// mustOpen opens a set that has to open, and closes it in the end.
func mustOpen(t testing.TB, cfg backends.Config, drivers ...backends.Driver) *backends.Set {
	t.Helper()
	set, err := backends.Open(context.Background(), cfg, drivers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return set
}

// instance makes an instance "one" of store, with options from the lines of
// its group.
func instance(t testing.TB, store backends.Store, options ...string) *backends.Instance {
	t.Helper()
	text := "[one]\n" + strings.Join(options, "\n")
	set := mustOpen(t, configure(t, text, "one:memory"), driver(func(backends.Opening) (backends.Store, error) {
		return store, nil
	}))
	return set.Instances()[0]
}

// put stores an image.
func put(t *testing.T, in *backends.Instance, name string, data []byte) backends.Image {
	t.Helper()
	add, err := in.Add(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := add.Write(data); err != nil {
		t.Fatal(err)
	}
	img, err := add.Commit(now)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// content reads an image from the store itself, past all policies.
func content(t *testing.T, s backends.Store, name string) []byte {
	t.Helper()
	ctx := context.Background()
	r, err := s.Open(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data := make([]byte, r.Image().Size)
	if _, err := r.ReadAt(ctx, data, 0); err != nil {
		t.Fatal(err)
	}
	return data
}

// names lists the store itself.
func names(t *testing.T, s backends.Store) []string {
	t.Helper()
	var all []string
	err := s.List(context.Background(), func(img backends.Image) error {
		all = append(all, img.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantNames(t *testing.T, s backends.Store, want ...string) {
	t.Helper()
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff(want, names(t, s), sorted, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
}

func wantIs(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error %v, want one that is %v", err, target)
	}
}

// wantError checks that err is one *Error, not several in each other, and
// what it tells.
func wantError(t *testing.T, err error, op, image string) {
	t.Helper()
	e, ok := err.(*backends.Error)
	if !ok {
		t.Errorf("error %v (%T), want a *backends.Error", err, err)
		return
	}
	if e.Op != op || e.Store != "one" || e.Image != image {
		t.Errorf("error of %q, store %q, image %q; want %q, one, %q", e.Op, e.Store, e.Image, op, image)
	}
	if inner := (*backends.Error)(nil); errors.As(e.Err, &inner) {
		t.Errorf("error wrapped twice: %v", err)
	}
}

// plain hides everything that a store can do beyond Store.
type plain struct{ backends.Store }
