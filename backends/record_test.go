package backends_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"glancefs/backends"
)

// fields returns the get of ParseRecord for a map.
func fields(kept map[string]string) func(string) string {
	return func(key string) string { return kept[key] }
}

// TestRecordGolden holds the format that is kept with images.
func TestRecordGolden(t *testing.T) {
	r := backends.Record{
		Size:      1234567890123,
		Mtime:     time.Unix(1700000000, 1020),
		Checksum:  "d41d8cd98f00b204e9800998ecf8427e",
		Multihash: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", HashingAlgo: "sha256",
	}
	want := map[string]string{
		"user.glance.checksum":     "d41d8cd98f00b204e9800998ecf8427e",
		"user.glance.multihash":    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"user.glance.hashing_algo": "sha256",
		"user.glance.of":           "1234567890123 1700000000.000001020",
	}
	if diff := cmp.Diff(want, r.Fields()); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	keys := []string{"user.glance.checksum", "user.glance.multihash", "user.glance.hashing_algo", "user.glance.of"}
	if diff := cmp.Diff(keys, backends.RecordKeys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	for mtime, want := range map[time.Time]string{
		time.Unix(0, 0):            "0 0.000000000",
		time.Unix(-1, 999_999_999): "0 -1.999999999", // a nanosecond before 1970
		time.Unix(-86400, 0):       "0 -86400.000000000",
		time.Unix(1<<33, 1):        "0 8589934592.000000001", // beyond 32 bits
	} {
		if got := (backends.Record{Mtime: mtime}).Fields()[backends.KeyOf]; got != want {
			t.Errorf("of %v: %q, want %q", mtime, got, want)
		}
	}
}

// TestRecordRoundTrip: what is kept is read again, for the same size and
// mtime only.
func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := backends.Record{
			Size:        rapid.Int64Min(0).Draw(rt, "size"),
			Mtime:       time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(rt, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(rt, "nanoseconds")),
			Checksum:    "md5",
			Multihash:   "hash",
			HashingAlgo: "sha256",
		}
		get := fields(want.Fields())
		got := backends.ParseRecord(get, want.Size, want.Mtime)
		if diff := cmp.Diff(&want, got); diff != "" {
			rt.Fatalf("record (-want +got):\n%s", diff)
		}
		if stale := backends.ParseRecord(get, want.Size+1, want.Mtime); stale != nil {
			rt.Errorf("a record for another size: %+v", stale)
		}
		if stale := backends.ParseRecord(get, want.Size, want.Mtime.Add(1)); stale != nil {
			rt.Errorf("a record for another mtime: %+v", stale)
		}
	})
}

// TestRecordIncomplete: a record that lacks a key, or is nonsense, is none.
func TestRecordIncomplete(t *testing.T) {
	whole := recordOf([]byte("bytes"))
	for _, key := range backends.RecordKeys {
		kept := whole.Fields()
		delete(kept, key)
		if r := backends.ParseRecord(fields(kept), whole.Size, whole.Mtime); r != nil {
			t.Errorf("without %s: %+v", key, r)
		}
	}
	mtime := time.Unix(1, 20)
	for _, of := range []string{"", "5", "5 ", "5 1", "5 1.", "5 1.20", "5 1.0000000200", "5 1.00000002x", "x 1.000000020", "5 x.000000020", " 5 1.000000020", "5  1.000000020", "5 1.000000020 "} {
		kept := whole.Fields()
		kept[backends.KeyOf] = of
		if r := backends.ParseRecord(fields(kept), 5, mtime); r != nil {
			t.Errorf("of %q: %+v", of, r)
		}
	}
}
