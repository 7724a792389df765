package backends_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"pgregory.net/rapid"

	"glancefs/backends"
	"glancefs/backends/memory"
)

func sha1Of(p []byte) string {
	sum := sha1.Sum(p)
	return hex.EncodeToString(sum[:])
}

// declaration is a name that declares something, with the value that is
// right, and one that is not.
type declaration struct {
	key          string
	right, wrong string
	foreign      bool // in an algorithm that the store does not compute by itself
}

// declarations are all there are for an image, in a store that computes
// sha256. With other the multihash is one in sha1.
func declarations(p []byte, other bool) []declaration {
	multihash := declaration{backends.KeyMultihash, sha256Of(p), sha256Of([]byte("x")), false}
	if other {
		multihash = declaration{backends.KeyMultihash, sha1Of(p), sha1Of([]byte("x")), true}
	}
	return []declaration{
		{backends.KeySize, "5", "6", false},
		{backends.KeyChecksum, md5Of(p), md5Of([]byte("x")), false},
		multihash,
		{"user.checksum.md5", md5Of(p), md5Of([]byte("x")), false},
		{"user.checksum.sha256", sha256Of(p), sha256Of([]byte("x")), false},
		{"user.checksum.sha1", sha1Of(p), sha1Of([]byte("x")), true},
	}
}

// TestDeclared declares some things, right or wrong, before or after the
// bytes, in any order and in either case: the commit succeeds unless one was
// wrong and could be checked.
func TestDeclared(t *testing.T) {
	data := []byte("bytes")
	store := memory.New("one", 0)
	in := instance(t, store)
	rapid.Check(t, func(rt *rapid.T) {
		other := rapid.Bool().Draw(rt, "multihash in sha1")
		all := declarations(data, other)
		chosen := rapid.Permutation(all).Draw(rt, "order")[:rapid.IntRange(0, len(all)).Draw(rt, "number")]
		wrong := ""
		if i := rapid.IntRange(-1, len(chosen)-1).Draw(rt, "wrong one"); i >= 0 {
			wrong = chosen[i].key
			chosen[i].right = chosen[i].wrong
		}
		if other {
			chosen = rapid.Permutation(append(chosen, declaration{key: backends.KeyHashingAlgo, right: "sha1"})).Draw(rt, "order with hashing_algo")
		}
		at := rapid.IntRange(0, len(chosen)).Draw(rt, "before the bytes")
		early, late := chosen[:at], chosen[at:]

		a, err := in.Add(t.Context(), "image")
		if err != nil {
			rt.Fatal(err)
		}
		declare := func(list []declaration) {
			for _, d := range list {
				value := d.right
				if rapid.Bool().Draw(rt, "upper case") && d.key != backends.KeyHashingAlgo {
					value = strings.ToUpper(value)
				}
				if known, err := a.Declare(d.key, value); !known || err != nil {
					rt.Fatalf("declare %s=%s: known %v, %v", d.key, value, known, err)
				}
			}
		}
		declare(early)
		if err := a.Write(data); err != nil {
			rt.Fatal(err)
		}
		declare(late)
		_, err = a.Commit(now)
		if wrong == "" || !checked(wrong, all, early) {
			if err != nil {
				rt.Fatal(err)
			}
			if err := in.Delete(t.Context(), "image"); err != nil {
				rt.Fatal(err)
			}
			return
		}
		wantIs(t, err, backends.ErrMismatch)
		wantError(t, err, "add", "image")
		if err != nil && (!strings.Contains(err.Error(), wrong+" is declared ")) {
			rt.Errorf("error %q, want one about %s", err, wrong)
		}
		wantNames(t, store)
	})
}

// checked tells whether a declaration can be checked: the store computes its
// algorithm by itself, or it was told to before the first byte.
func checked(key string, all, early []declaration) bool {
	is := func(key string) func(declaration) bool {
		return func(d declaration) bool { return d.key == key }
	}
	if i := slices.IndexFunc(all, is(key)); !all[i].foreign {
		return true
	}
	algoKnown := slices.ContainsFunc(early, is(backends.KeyHashingAlgo))
	return slices.ContainsFunc(early, func(d declaration) bool {
		return d.foreign && (d.key != backends.KeyMultihash || algoKnown)
	})
}

// TestDeclaredLast: of a name that is declared twice, the last value counts.
func TestDeclaredLast(t *testing.T) {
	in := instance(t, memory.New("one", 0))
	for _, d := range declarations([]byte("bytes"), false) {
		a := begin(t, in, d.key)
		for _, value := range []string{d.wrong, d.right} {
			if _, err := a.Declare(d.key, value); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Write([]byte("bytes")); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Commit(now); err != nil {
			t.Error(err)
		}
	}
}

// TestDeclareNonsense: what can't be a declaration at all.
func TestDeclareNonsense(t *testing.T) {
	a := begin(t, instance(t, memory.New("one", 0)), "image")
	for _, test := range []struct {
		key, value string
		known      bool
	}{
		{backends.KeySize, "-1", true},
		{backends.KeySize, "1e3", true},
		{backends.KeySize, "", true},
		{backends.KeyChecksum, "abc", true},
		{backends.KeyChecksum, strings.Repeat("g", 32), true},
		{backends.KeyHashingAlgo, "rot13", true},
		{backends.KeyHashingAlgo, "shake_128", true},
		{"user.checksum.sha256", md5Of(nil), true},
		{"user.checksum.rot13", "abc", false},
		{backends.KeyOf, "5 1.000000000", false},
		{"user.glance.store", "one", false},
		{"user.comment", "hello", false},
		{"", "", false},
	} {
		known, err := a.Declare(test.key, test.value)
		if known != test.known {
			t.Errorf("%s=%s: known %v", test.key, test.value, known)
		}
		if !test.known {
			if err != nil {
				t.Errorf("%s=%s: %v", test.key, test.value, err)
			}
			continue
		}
		wantIs(t, err, backends.ErrInvalid)
		wantError(t, err, "declare", "image")
	}
	if _, err := a.Commit(now); err != nil { // none of them counts
		t.Error(err)
	}
}

// TestDeclaredLate: a digest that was not computed is not checked, and the
// log says so.
func TestDeclaredLate(t *testing.T) {
	var log bytes.Buffer
	cfg := configure(t, "", "one:memory")
	cfg.Log.Logger.SetOutput(&log)
	cfg.Log.Logger.SetFormatter(&logrus.JSONFormatter{})
	in := mustOpen(t, cfg, memory.Driver()).Instances()[0]
	a := begin(t, in, "image")
	if err := a.Write([]byte("bytes")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Declare("user.checksum.sha1", sha1Of([]byte("other"))); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Commit(now); err != nil {
		t.Error(err)
	}
	for _, want := range []string{`"level":"info"`, "user.checksum.sha1 is not checked", `"image":"image"`, `"store":"one"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not have %s: %s", want, &log)
		}
	}
}
