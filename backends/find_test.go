package backends_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// TestFindPassesOver: a store that can't even be read does not end a search.
// glance_store's does: BadStoreConfiguration.
func TestFindPassesOver(t *testing.T) {
	set := mustOpen(t, configure(t, "", "bad:memory", "good:memory"), driver(func(o backends.Opening) (backends.Store, error) {
		if o.Name == "bad" {
			return nil, fmt.Errorf("%w: no login", backends.ErrMisconfigured)
		}
		return memory.New(o.Name, 0), nil
	}))
	good, _ := set.Get("good")
	put(t, good, "x", nil)
	for _, uri := range []string{"memory://good/x", "Memory://good/x"} {
		in, name, err := set.Find(t.Context(), uri, "")
		if err != nil || in != good || name != "x" {
			t.Errorf("%s: found %q, %v", uri, name, err)
		}
	}
	// It may be in the store that can't be asked.
	_, _, err := set.Find(t.Context(), "memory://good/none", "")
	wantIs(t, err, backends.ErrMisconfigured)
	_, _, err = set.Find(t.Context(), "memory://good/none", "good")
	wantIs(t, err, fs.ErrNotExist)
}

// TestFindNeedsType: the error of a URI that only a type of which there is no
// store could have says which one that is.
func TestFindNeedsType(t *testing.T) {
	web := memory.Driver()
	web.Type, web.Schemes = "web", []string{"http", "https"}
	set := mustOpen(t, configure(t, "", "a:memory"), memory.Driver(), web)
	for uri, want := range map[string]string{
		"HTTPS://host/x": `no store has URIs of the scheme "https": enabled_backends needs one of type web for that`,
		"ftp://host/x":   `unknown scheme "ftp" (one of memory)`,
	} {
		_, _, err := set.Find(t.Context(), uri, "")
		wantIs(t, err, fs.ErrNotExist)
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v, want %q", uri, err, want)
		}
	}
}

// wide is a store that reads the images of another one, too.
type wide struct {
	backends.Store
	other backends.Store
}

func (w wide) Elsewhere(location string) (backends.Store, string, error) {
	name, err := w.other.Name(context.Background(), location)
	return w.other, name, err
}

// TestFindElsewhere: what is in no store is read through one that can, with
// that store's policies.
func TestFindElsewhere(t *testing.T) {
	other := memory.New("other", 0)
	add(t, other, "x", []byte("bytes"))
	set := mustOpen(t, configure(t, "[wide]\nallow_delete = false", "plain:memory", "wide:memory"), driver(func(o backends.Opening) (backends.Store, error) {
		if o.Name == "wide" {
			return wide{memory.New(o.Name, 0), other}, nil
		}
		return memory.New(o.Name, 0), nil
	}))
	plain, _ := set.Get("plain")
	put(t, plain, "x", nil)
	in, name, err := set.Find(t.Context(), "memory://plain/x", "")
	if err != nil || in != plain || name != "x" {
		t.Errorf("in a store: %v, %q, %v", in, name, err)
	}
	for _, store := range []string{"", "wide"} {
		in, name, err := set.Find(t.Context(), "memory://other/x", store)
		if err != nil {
			t.Fatal(err)
		}
		if img, err := in.Stat(t.Context(), name); err != nil || img.Size != 5 || in.Name() != "wide" {
			t.Errorf("elsewhere, through %q: %+v in %s, %v", store, img, in.Name(), err)
		}
		wantIs(t, in.Delete(t.Context(), name), backends.ErrReadOnly)
	}
	_, _, err = set.Find(t.Context(), "memory://other/none", "")
	wantIs(t, err, fs.ErrNotExist)
	_, _, err = set.Find(t.Context(), "memory://other/x", "plain")
	wantIs(t, err, fs.ErrNotExist)
	_, _, err = set.Find(t.Context(), "memory://other/%zz", "wide")
	wantIs(t, err, backends.ErrInvalid)
}

// TestFindElsewhereOnce: what no store has a name for is asked for through
// one store only, and what several say alike is said once.
func TestFindElsewhereOnce(t *testing.T) {
	other := memory.New("other", 0)
	var asked []string
	set := mustOpen(t, configure(t, "", "plain:memory", "first:memory", "second:memory"), driver(func(o backends.Opening) (backends.Store, error) {
		store := told{memory.New(o.Name, 0), func() { asked = append(asked, o.Name) }}
		if o.Name == "plain" {
			return store, nil
		}
		return wide{store, told{other, func() { asked = append(asked, "other by "+o.Name) }}}, nil
	}))
	for _, test := range []struct {
		uri, store string
		asked      []string
		want       string
	}{
		{"memory://other/x", "", []string{"other by first"}, "find: store first: memory://other/x: file does not exist"},
		{"memory://other/x", "second", []string{"other by second"}, "find: store second: memory://other/x: file does not exist"},
		{"memory://second/x", "", []string{"second"}, "stat second/x: file does not exist"},
		{"memory://%zz/x", "", nil, "find: store plain: invalid argument: the location must be memory://STORE/NAME"},
	} {
		asked = nil
		_, _, err := set.Find(t.Context(), test.uri, test.store)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: error %v, want %s", test.uri, err, test.want)
		}
		if diff := cmp.Diff(test.asked, asked); diff != "" {
			t.Errorf("%s: asked (-want +got):\n%s", test.uri, diff)
		}
	}
}

// told is a store that tells of every Stat.
type told struct {
	backends.Store
	tell func()
}

func (s told) Stat(ctx context.Context, name string) (backends.Image, error) {
	s.tell()
	return s.Store.Stat(ctx, name)
}
