package digest

import (
	"bytes"
	"hash"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"glancefs/tests/need"
)

// TestPair compares a pair with Go's two hashes: writes of any length, from any
// address, and sums in between, which change nothing.
func TestPair(t *testing.T) {
	needPairs(t)
	data := make([]byte, 64<<10)
	rapid.Check(t, func(t *rapid.T) {
		random := rapid.Uint64().Draw(t, "random")
		for i := range data {
			random = random*6364136223846793005 + 1442695040888963407 // Knuth, MMIX
			data[i] = byte(random >> 56)
		}
		p, want := newPair(), newPair()
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				begin := rapid.IntRange(0, 1<<10).Draw(t, "begin")
				n := rapid.OneOf(rapid.IntRange(0, 3*pairSize), rapid.IntRange(0, len(data)-begin)).Draw(t, "n")
				b := data[begin : begin+n]
				if got, err := p.Write(b); got != n || err != nil {
					t.Fatalf("wrote %d of %d bytes, %v", got, n, err)
				}
				want.md5.Write(b)
				want.sha512.Write(b)
			},
			"": func(t *rapid.T) { wantSame(t, p, want) },
		})
	})
}

// TestPairLong goes through the lengths that no longer fit into 32 bits, as
// bytes and as bits.
func TestPairLong(t *testing.T) {
	needPairs(t)
	for _, length := range []uint64{1<<29 - pairSize, 1<<32 - pairSize, 1 << 40} {
		p, want := newPair(), newPair()
		for _, h := range []hash.Hash{p.md5, p.sha512, want.md5, want.sha512} {
			setState(h, stateOf(h), int(length))
		}
		data := bytes.Repeat([]byte{0xa5}, 5*pairSize+7)
		p.Write(data)
		want.md5.Write(data)
		want.sha512.Write(data)
		wantSame(t, p, want)
	}
}

// TestPairsFit: where the processor can do it, the hashes of an add are one
// lane, and with another one two.
func TestPairsFit(t *testing.T) {
	if pairsFit() != hasPairs {
		t.Errorf("a pair computes something else than Go's hashes (%s)", runtime.Version())
	}
	for _, algos := range [][]string{{"md5", "sha512"}, {"sha512", "sha256", "md5"}} {
		s, err := NewStream(algos...)
		if err != nil {
			t.Fatal(err)
		}
		want := len(algos)
		if hasPairs {
			want--
		}
		if len(s.lanes) != want {
			t.Errorf("%v: %d lanes, want %d", algos, len(s.lanes), want)
		}
	}
}

func needPairs(t *testing.T) {
	t.Helper()
	if !hasPairs {
		need.Missing(t, "AVX, BMI1 and BMI2", "an amd64 processor that has them, and no tag purego")
	}
}

func wantSame(t rapid.TB, got, want *pair) {
	t.Helper()
	if !bytes.Equal(got.md5.Sum(nil), want.md5.Sum(nil)) {
		t.Error("another md5")
	}
	if !bytes.Equal(got.sha512.Sum(nil), want.sha512.Sum(nil)) {
		t.Error("another sha512")
	}
}
