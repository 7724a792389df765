package all

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"glancefs/backends"
)

// TestFind looks for images by URI in a set whose first store fails.
func TestFind(t *testing.T) {
	ctx := context.Background()
	a, b := t.TempDir(), t.TempDir()
	text := "[DEFAULT]\nenabled_backends = bad:file, a:file, m:memory, b:file\n[bad]\nfilesystem_store_metadata_file = /nonexistent\nfilesystem_store_datadir = /dev/null" +
		"\n[a]\nfilesystem_store_datadir = " + a + "\n[b]\nfilesystem_store_datadir = " + b
	set := mustOpen(t, text)
	for name, data := range map[string]string{"a": "hello", "m": "hello", "b": ""} { // b's is empty
		in, _ := set.Get(name)
		addImage(t, in, "of-"+name, data)
	}
	secret := t.TempDir() + "/of-a"
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		uri, store string
		want       any // the store, or an error
	}{
		{"file://" + a + "/of-a", "", "a"},
		{"filesystem://" + a + "/of-a", "", "a"},
		{"file://" + b + "/of-b", "", "b"},
		{"memory://m/of-m", "", "m"},
		{"file://" + a + "/of-a", "a", "a"},
		{"file://" + b + "/of-b", "b", "b"},
		{"file://" + b + "/of-b", "a", fs.ErrNotExist},
		{"file://" + b + "/of-a", "b", fs.ErrNotExist},
		{"file://" + a + "x/of-a", "a", fs.ErrNotExist},
		{"file://" + secret, "a", fs.ErrNotExist},
		{"file://" + a + "/../" + secret[1:], "a", backends.ErrInvalid},
		{"file://" + a + "/of-a", "none", fs.ErrNotExist},
		{"memory://m/none", "", fs.ErrNotExist},
		{"memory://m/of-m", "a", fs.ErrNotExist},
		{"swift://x/y", "", fs.ErrNotExist},
		{a + "/of-a", "", backends.ErrInvalid},
		{"", "", backends.ErrInvalid},
		// The store that fails may have it.
		{"file:///dev/null/x", "", backends.ErrMisconfigured},
		{"file://" + a + "/none", "", fs.ErrNotExist},
	} {
		in, name, err := set.Find(ctx, test.uri, test.store)
		if want, isErr := test.want.(error); isErr {
			if !errors.Is(err, want) {
				t.Errorf("%s in %q: error %v, want %v", test.uri, test.store, err, want)
				continue
			}
			if test.uri != "" && strings.Contains(err.Error(), test.uri) {
				t.Errorf("the error repeats %s, which may have credentials: %v", test.uri, err)
			}
			continue
		}
		if err != nil || in.Name() != test.want || name != "of-"+in.Name() {
			t.Errorf("%s in %q: %v %q, %v, want it in %v", test.uri, test.store, in, name, err, test.want)
		}
	}
}
