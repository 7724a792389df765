package file

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"glancefs/backends"
)

// TestLocation looks at locations as glance_store builds them.
func TestLocation(t *testing.T) {
	dir := t.TempDir()
	s := in(dir).must(t)
	for _, name := range []string{"a", "c0ffee00-1234-4abc-8def-0123456789ab", "a b%20?x=y#z"} {
		got, err := s.Location(unlimited, name)
		if want := "file://" + dir + "/" + name; err != nil || got != want {
			t.Errorf("location of %q: %s, %v, want %s", name, got, err, want)
		}
	}
}

// TestLocationDatadirs looks at the location of images in several datadirs:
// the one where they are, else the one where they would be.
func TestLocationDatadirs(t *testing.T) {
	high, low := t.TempDir(), t.TempDir()
	add(t, in(low).must(t), "a", []byte("hello"))
	s := in(low, high+":5").must(t)
	for name, dir := range map[string]string{"a": low, "b": high} {
		got, err := s.Location(unlimited, name)
		if want := "file://" + filepath.Join(dir, name); err != nil || got != want {
			t.Errorf("location of %s: %s, %v, want %s", name, got, err, want)
		}
	}
}

func TestName(t *testing.T) {
	s := &Store{settings: settings{dirs: []*datadir{{path: "/data/images"}, {path: "/more"}}}}
	for location, want := range map[string]any{
		"file:///data/images/a":          "a",
		"filesystem:///data/images/a":    "a",
		"file:///more/a b?c#d":           "a b?c#d",
		"file:///data/images/%2e%2e":     "%2e%2e",
		"file:///data//images/a":         "a",
		"file:///data/./images/a":        "a",
		"file:///data/images2/a":         fs.ErrNotExist,
		"file:///data/image/a":           fs.ErrNotExist,
		"file:///data/images/sub/a":      fs.ErrNotExist,
		"file:///a":                      fs.ErrNotExist,
		"file:///data/images/../a":       backends.ErrInvalid,
		"file:///data/images/x/../a":     backends.ErrInvalid,
		"file:///data/images/..":         backends.ErrInvalid,
		"file:///data/images/":           backends.ErrInvalid,
		"file:///data/images/.glancefs":  backends.ErrInvalid,
		"file://data/images/a":           backends.ErrInvalid,
		"file://localhost/data/images/a": backends.ErrInvalid,
		"file:/data/images/a":            backends.ErrInvalid,
		"FILE:///data/images/a":          backends.ErrInvalid,
		"http:///data/images/a":          backends.ErrInvalid,
		"/data/images/a":                 backends.ErrInvalid,
	} {
		got, err := s.Name(location)
		if wantErr, isErr := want.(error); isErr {
			if !errors.Is(err, wantErr) {
				t.Errorf("%s: %q, %v, want %v", location, got, err, wantErr)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", location, got, err, want)
		}
	}
}
