package rbd

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"glancefs/backends"
)

// TestLocation holds glance_store's grammar: what it builds, and what it
// takes.
func TestLocation(t *testing.T) {
	for location, want := range map[string]place{
		"rbd://fsid/pool/image/snap":                       {"fsid", "pool", "image", "snap"},
		"rbd://f/p/a%20b%2Fc%3F%23%25%2B%40%3A%2A%27/snap": {"f", "p", "a b/c?#%+@:*'", "snap"},
		"rbd://f/p%2Fq/-_.~/s":                             {"f", "p/q", "-_.~", "s"},
		"rbd://f/p/%C3%BC%FF/snap":                         {"f", "p", "ü\xff", "snap"},
	} {
		if got := want.String(); got != location {
			t.Errorf("location of %q: %s, want %s", want, got, location)
		}
		got, err := parseLocation(location)
		if want.image == "a b/c?#%+@:*'" { // no name of a file
			if !errors.Is(err, backends.ErrInvalid) {
				t.Errorf("%s: %v, want ErrInvalid", location, err)
			}
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(place{})); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", location, err, diff)
		}
	}
	for _, image := range []string{"image", "a%20b", "ü", "a b"} {
		got, err := parseLocation("rbd://" + image)
		if want := (place{image: image}); err != nil || got != want {
			t.Errorf("rbd://%s: %+v, %v", image, got, err)
		}
	}
	for _, bad := range []string{
		"", "rbd:", "rbd://", "rbd:/image", "RBD://image", " rbd://image", "file://image",
		"rbd://a/b", "rbd://a/b/c", "rbd://a/b/c/d/e", "rbd:///b/c/d", "rbd://a//c/d", "rbd://a/b//d", "rbd://a/b/c/",
		"rbd://a/b/%/d", "rbd://a/b/%zz/d", "rbd://a/b/c%00/d", "rbd://a/b/../d", "rbd://a/b/.glancefs-x/d", "rbd://.glancefs-x",
	} {
		if got, err := parseLocation(bad); !errors.Is(err, backends.ErrInvalid) {
			t.Errorf("%q: %+v, %v; want ErrInvalid", bad, got, err)
		}
	}
}

// TestOrder: objects are as large as glance_store makes them.
func TestOrder(t *testing.T) {
	for mib, want := range map[int]int{1: 20, 2: 21, 3: 21, 8: 23, 10: 23, 32: 25, 63: 25} {
		if got := (&options{ChunkSize: mib}).order(); got != want {
			t.Errorf("chunks of %d MiB: order %d, want %d", mib, got, want)
		}
	}
}
