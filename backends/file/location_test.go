package file

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
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

// TestNameTwice asks for the names of two images of one name, each in its
// datadir: only the one that the store shows is there.
func TestNameTwice(t *testing.T) {
	shown, hidden := t.TempDir(), t.TempDir()
	for _, dir := range []string{shown, hidden} {
		add(t, in(dir).must(t), "a", []byte(dir))
	}
	s := in(hidden+":1", shown+":2").must(t)
	if name, err := s.Name(unlimited, "file://"+shown+"/a"); err != nil || name != "a" {
		t.Errorf("the image that is shown: %q, %v", name, err)
	}
	if name, err := s.Name(unlimited, "file://"+hidden+"/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the image that is not: %q, %v, want fs.ErrNotExist", name, err)
	}
}

func TestName(t *testing.T) {
	root := t.TempDir()
	s := in(root+"/images:2", root+"/more:1").must(t)
	for location, want := range map[string]any{
		"file:///data/images/a":          "a",
		"filesystem:///data/images/a":    "a",
		"file:///data/more/a b?c#d":      "a b?c#d",
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
		"file://datadir/images/a":        backends.ErrInvalid,
		"file://localhost/data/images/a": backends.ErrInvalid,
		"file:/data/images/a":            backends.ErrInvalid,
		"FILE:///data/images/a":          backends.ErrInvalid,
		"http:///data/images/a":          backends.ErrInvalid,
		"/data/images/a":                 backends.ErrInvalid,
	} {
		location = strings.Replace(location, "/data", root, 1)
		got, err := s.Name(unlimited, location)
		if wantErr, isErr := want.(error); isErr {
			if !errors.Is(err, wantErr) {
				t.Errorf("%s: %q, %v, want %v", location, got, err, wantErr)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", location, got, err, want)
		}
	}
}
