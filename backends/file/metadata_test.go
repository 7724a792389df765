package file

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"glancefs/backends"
)

// TestMetadata looks for an image's entry by whole path components, and
// changes the file under a running store, for the better and the worse.
func TestMetadata(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "metadata.json")
	c := in(filepath.Join(dir, "images"))
	c.MetadataFile = path
	entry := func(id, mountpoint string) string {
		return `{"id": "` + id + `", "mountpoint": "` + mountpoint + `", "extra": ["x", {"y": "z"}]}`
	}
	write(t, path, "["+entry("1", dir+"/image")+","+entry("2", dir+"/images/")+","+entry("3", dir)+"]")
	s := c.must(t)
	want := func(want map[string]any) {
		t.Helper()
		got, err := s.Metadata(unlimited, "a")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("metadata (-want +got):\n%s", diff)
		}
		if got != nil {
			got["store"] = "fast" // as the caller does; it is its own
		}
	}
	extra := []any{"x", map[string]any{"y": "z"}}
	for range 2 {
		want(map[string]any{"id": "2", "mountpoint": dir + "/images/", "extra": extra})
	}
	write(t, path, entry("4", dir)+" ")
	want(map[string]any{"id": "4", "mountpoint": dir, "extra": extra})
	write(t, path, "{")
	want(map[string]any{"id": "4", "mountpoint": dir, "extra": extra})
	write(t, path, entry("5", "/elsewhere"))
	want(nil)
}

func TestMetadataFaults(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                                      "unexpected end",
		`"x"`:                                    "expected an object or a list of objects",
		`[1]`:                                    "expected an object or a list of objects",
		`{"mountpoint": "/x"}`:                   `expected the string "id"`,
		`[{"id": "1"}]`:                          `expected the string "mountpoint"`,
		`{"id": 1, "mountpoint": "/"}`:           `expected the string "id"`,
		`{"id": "1", "mountpoint": "/", "n": 5}`: "n is 5",
		`{"id": "1", "mountpoint": "/", "n": null}`:            "n is <nil>",
		`{"id": "1", "mountpoint": "/", "n": ["x", [true]]}`:   "n[1][0] is true",
		`{"id": "1", "mountpoint": "/", "n": {"m": {"o": 1}}}`: "o is 1",
	} {
		path := filepath.Join(t.TempDir(), "metadata.json")
		write(t, path, text)
		c := in(t.TempDir())
		c.MetadataFile = path
		s, err := c.open(t)
		if s == nil || !errors.Is(err, backends.ErrMisconfigured) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want a fault with %q", text, err, want)
		}
	}
	c := in(t.TempDir())
	c.MetadataFile = filepath.Join(t.TempDir(), "missing")
	if _, err := c.open(t); !errors.Is(err, backends.ErrMisconfigured) {
		t.Errorf("missing: %v, want ErrMisconfigured", err)
	}
}
