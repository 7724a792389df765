package backends_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// TestExpect: an image that must be the same as another one.
func TestExpect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New("one", 0)
		in := instance(t, store)
		right, wrong := recordOf([]byte("bytes")), recordOf([]byte("BYTES"))
		for name, test := range map[string]struct {
			record *backends.Record
			want   error
		}{
			"right":           {right, nil},
			"wrong":           {wrong, backends.ErrMismatch},
			"wrong multihash": {&backends.Record{Checksum: right.Checksum, Multihash: wrong.Multihash, HashingAlgo: "sha256"}, backends.ErrMismatch},
			"only wrong md5":  {&backends.Record{Checksum: wrong.Checksum}, backends.ErrMismatch},
			"only multihash":  {&backends.Record{Multihash: right.Multihash, HashingAlgo: "sha256"}, nil},
			"nothing":         {&backends.Record{}, nil},
			"other algorithm": {&backends.Record{Checksum: right.Checksum, Multihash: sha1Of(nil), HashingAlgo: "sha1"}, nil},
		} {
			a := begin(t, in, name)
			if err := a.Write([]byte("bytes")); err != nil {
				t.Fatal(err)
			}
			if err := a.Expect("the image x", *test.record); err != nil {
				t.Fatal(err)
			}
			_, err := a.Commit(now)
			if test.want == nil {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			wantIs(t, err, test.want)
			if err != nil && (!strings.Contains(err.Error(), "the image x") || strings.Contains(err.Error(), "setfattr")) {
				t.Errorf("%s: error %q", name, err)
			}
		}
	})
}

// TestRequireDeclared: what a store wants to be told.
func TestRequireDeclared(t *testing.T) {
	data := []byte("bytes")
	size := []string{backends.KeySize, "5"}
	digest := []string{backends.KeyChecksum, md5Of(data)}
	foreign := []string{"user.checksum.sha1", sha1Of(data)}
	for _, test := range []struct {
		require  string
		declared []string
		late     bool
		ok       bool
	}{
		{"", nil, false, true},
		{"size", nil, false, false},
		{"size", size, true, true},
		{"size", digest, true, true},
		{"size", foreign, true, false}, // not checked
		{"digest", nil, false, false},
		{"digest", size, false, false},
		{"digest", digest, true, true},
		{"digest", foreign, false, true},
		{"digest", foreign, true, false},
	} {
		store := memory.New("one", 0)
		a := begin(t, instance(t, store, "require_declared = "+test.require), "image")
		declare := func() {
			if test.declared == nil {
				return
			}
			if _, err := a.Declare(test.declared[0], test.declared[1]); err != nil {
				t.Fatal(err)
			}
		}
		if !test.late {
			declare()
		}
		if err := a.Write(data); err != nil {
			t.Fatal(err)
		}
		if test.late {
			declare()
		}
		_, err := a.Commit(now)
		if test.ok {
			if err != nil {
				t.Errorf("%+v: %v", test, err)
			}
			continue
		}
		wantIs(t, err, backends.ErrMismatch)
		if err != nil && !strings.Contains(err.Error(), "require_declared = "+test.require) {
			t.Errorf("%+v: error %q", test, err)
		}
		wantNames(t, store)
	}
}
