package digest_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"glancefs/digest"
	"glancefs/tests/need"

	"github.com/google/go-cmp/cmp"
)

// extras are the names that only hashlib.algorithms_available has.
var extras = []string{"md5-sha1", "ripemd160", "sha512_224", "sha512_256", "sm3"}

// python runs a script with Debian's Python and returns the words it prints.
func python(t *testing.T, stdin []byte, script string, args ...string) []string {
	t.Helper()
	need.PythonModule(t, "hashlib", "python3")
	cmd := exec.Command(need.Python, append([]string{"-c", script}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, stderr.String())
	}
	return strings.Fields(string(out))
}

func TestAlgorithmsAreThoseOfHashlib(t *testing.T) {
	const script = `
import hashlib, sys
extras = set(sys.argv[1:])
assert extras <= hashlib.algorithms_available, extras - hashlib.algorithms_available
assert not extras & hashlib.algorithms_guaranteed
fixed = {a for a in hashlib.algorithms_guaranteed if hashlib.new(a).digest_size}
print(*sorted(fixed | extras))
`
	want := python(t, nil, script, extras...)
	if diff := cmp.Diff(want, digest.Algorithms()); diff != "" {
		t.Errorf("Algorithms() (-hashlib +ours):\n%s", diff)
	}
}

// TestDigestsAreThoseOfHashlib covers the padding of 64 and 128 byte blocks,
// and writes that are no multiple of them.
func TestDigestsAreThoseOfHashlib(t *testing.T) {
	const script = `
import hashlib, sys
sizes = [int(s) for s in sys.argv[1].split(",")]
data = sys.stdin.buffer.read()
for algo in sys.argv[2:]:
    for size in sizes:
        print(hashlib.new(algo, data[:size], usedforsecurity=False).hexdigest())
`
	const mib = 1 << 20
	sizes := []int{0, 1, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 127, 128, 129, mib - 1, mib, mib + 1}
	data := make([]byte, mib+1)
	rand.NewChaCha8([32]byte{}).Read(data)

	args := make([]string, len(sizes))
	for i, size := range sizes {
		args[i] = strconv.Itoa(size)
	}
	algos := digest.Algorithms()
	want := python(t, data, script, append([]string{strings.Join(args, ",")}, algos...)...)
	if len(want) != len(algos)*len(sizes) {
		t.Fatalf("python gave %d digests for %d algorithms and %d sizes", len(want), len(algos), len(sizes))
	}
	for a, algo := range algos {
		t.Run(algo, func(t *testing.T) {
			for i, size := range sizes {
				want := want[a*len(sizes)+i]
				if got := hashInSplits(t, algo, data[:size]); got != want {
					t.Errorf("%d bytes: got %s, hashlib has %s", size, got, want)
				}
				if digest.HexLen(algo) != len(want) {
					t.Errorf("HexLen is %d, hashlib's digest has %d digits", digest.HexLen(algo), len(want))
				}
			}
		})
	}
}

// hashInSplits hashes p in two halves cut anywhere, after a first run that
// Reset has to undo.
func hashInSplits(t *testing.T, algo string, p []byte) string {
	t.Helper()
	h, err := digest.New(algo)
	if err != nil {
		t.Fatal(err)
	}
	h.Write([]byte("something else"))
	h.Reset()
	for len(p) > 0 {
		n := 1 + rand.IntN(len(p))
		if wrote, err := h.Write(p[:n]); wrote != n || err != nil {
			t.Fatalf("Write of %d bytes: %d, %v", n, wrote, err)
		}
		p = p[n:]
	}
	prefix := []byte{0xab}
	return strings.TrimPrefix(hex.EncodeToString(h.Sum(prefix)), "ab")
}

func TestUnknownAlgorithms(t *testing.T) {
	known := "known: " + strings.Join(digest.Algorithms(), ", ")
	for algo, want := range map[string]string{
		"":            `unknown hashing algorithm "" (` + known + `)`,
		"-":           `unknown hashing algorithm "-" (` + known + `)`,
		"whirlpool":   `unknown hashing algorithm "whirlpool" (` + known + `)`,
		"sha512 ":     `unknown hashing algorithm "sha512 " (` + known + `)`,
		"SHA512":      `unknown hashing algorithm "SHA512" (did you mean "sha512"?)`,
		"sha-512":     `unknown hashing algorithm "sha-512" (did you mean "sha512"?)`,
		"SHA512/256":  `unknown hashing algorithm "SHA512/256" (did you mean "sha512_256"?)`,
		"sha3-224":    `unknown hashing algorithm "sha3-224" (did you mean "sha3_224"?)`,
		"MD5_SHA1":    `unknown hashing algorithm "MD5_SHA1" (did you mean "md5-sha1"?)`,
		"shake_128":   `shake_128 has no fixed length and can't be a hashing algorithm`,
		"SHAKE256":    `SHAKE256 has no fixed length and can't be a hashing algorithm`,
		"sha512\x00":  `unknown hashing algorithm "sha512\x00" (` + known + `)`,
		"md5, sha512": `unknown hashing algorithm "md5, sha512" (` + known + `)`,
	} {
		t.Run(algo, func(t *testing.T) {
			h, errNew := digest.New(algo)
			if h != nil {
				t.Error("New returned a hash")
			}
			s, errStream := digest.NewStream("md5", algo)
			if s != nil {
				t.Error("NewStream returned a stream")
			}
			errs := map[string]error{
				"New": errNew, "NewStream": errStream,
				"Check": digest.Check(algo), "ValidHex": digest.ValidHex(algo, "00"),
			}
			for from, err := range errs {
				if fmt.Sprint(err) != want {
					t.Errorf("%s:\n got %v\nwant %s", from, err, want)
				}
				if !errors.Is(err, digest.ErrUnknown) {
					t.Errorf("%s: the error is not ErrUnknown", from)
				}
			}
			if n := digest.HexLen(algo); n != 0 {
				t.Errorf("HexLen = %d, want 0", n)
			}
		})
	}
}

func TestKnownAlgorithms(t *testing.T) {
	if !slices.IsSorted(digest.Algorithms()) {
		t.Errorf("not sorted: %q", digest.Algorithms())
	}
	for _, algo := range digest.Algorithms() {
		if err := digest.Check(algo); err != nil {
			t.Error(err)
		}
	}
}

func TestValidHex(t *testing.T) {
	for _, c := range []struct{ algo, digits, want string }{
		{"md5", "d41d8cd98f00b204e9800998ecf8427e", "<nil>"},
		{"md5", "D41D8CD98F00B204E9800998ECF8427E", "<nil>"},
		{"md5", "0123456789abcdefABCDEF0123456789", "<nil>"},
		{"md5", "", "md5 digest: 32 hex digits expected, got 0"},
		{"md5", "d41d8cd98f00b204e9800998ecf8427", "md5 digest: 32 hex digits expected, got 31"},
		{"sha512", "d41d8cd98f00b204e9800998ecf8427e", "sha512 digest: 128 hex digits expected, got 32"},
		{"md5", "d41d8cd98f00b204e9800998ecf8427g", "md5 digest: 'g' is not a hex digit"},
		{"md5", " 41d8cd98f00b204e9800998ecf8427e", "md5 digest: ' ' is not a hex digit"},
		{"md5", "d41d8cd98f00b204e9800998ecf842ü", "md5 digest: 'ü' is not a hex digit"},
	} {
		if got := fmt.Sprint(digest.ValidHex(c.algo, c.digits)); got != c.want {
			t.Errorf("ValidHex(%s, %q):\n got %s\nwant %s", c.algo, c.digits, got, c.want)
		}
	}
}
