package digest

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"github.com/emmansun/gmsm/sm3"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/blake2s"
	"golang.org/x/crypto/ripemd160"
)

// ErrUnknown is what errors.Is finds in the error for a name that is no
// hashing algorithm (glance_store: UnknownHashingAlgo).
var ErrUnknown = errors.New("unknown hashing algorithm")

// constructors holds hashlib.algorithms_guaranteed without its XOFs, and
// those of hashlib.algorithms_available that OpenSSL 3 adds to it.
var constructors = map[string]func() hash.Hash{
	"blake2b":    unkeyed(blake2b.New512),
	"blake2s":    unkeyed(blake2s.New256),
	"md5":        md5.New,
	"md5-sha1":   newMD5SHA1,
	"ripemd160":  ripemd160.New,
	"sha1":       sha1.New,
	"sha224":     sha256.New224,
	"sha256":     sha256.New,
	"sha384":     sha512.New384,
	"sha3_224":   func() hash.Hash { return sha3.New224() },
	"sha3_256":   func() hash.Hash { return sha3.New256() },
	"sha3_384":   func() hash.Hash { return sha3.New384() },
	"sha3_512":   func() hash.Hash { return sha3.New512() },
	"sha512":     sha512.New,
	"sha512_224": sha512.New512_224,
	"sha512_256": sha512.New512_256,
	"sm3":        sm3.New,
}

// xofs are hashlib's extendable-output functions.
var xofs = []string{"shake_128", "shake_256"}

// unkeyed drops the key of a BLAKE2 constructor, and with it the error, which
// only a key that is too long can cause.
func unkeyed(newKeyed func(key []byte) (hash.Hash, error)) func() hash.Hash {
	return func() hash.Hash {
		h, err := newKeyed(nil)
		if err != nil {
			panic(err)
		}
		return h
	}
}

// New returns a fresh hash of the algorithm, or an error that is ErrUnknown.
func New(algo string) (hash.Hash, error) {
	construct, ok := constructors[algo]
	if !ok {
		return nil, unknown(algo)
	}
	return construct(), nil
}

// Check returns the error that New would return.
func Check(algo string) error {
	_, err := New(algo)
	return err
}

// Algorithms returns the names that New takes, sorted.
func Algorithms() []string {
	return slices.Sorted(maps.Keys(constructors))
}

// HexLen returns the number of hex digits of a digest, 128 for sha512, and 0
// for an unknown algorithm.
func HexLen(algo string) int {
	h, err := New(algo)
	if err != nil {
		return 0
	}
	return 2 * h.Size()
}

// ValidHex returns an error when digits can't be a digest of the algorithm
// written in hex: ErrUnknown, the wrong length, or a character that is no hex
// digit. Both cases are good.
func ValidHex(algo, digits string) error {
	h, err := New(algo)
	if err != nil {
		return err
	}
	if want := 2 * h.Size(); len(digits) != want {
		return fmt.Errorf("%s digest: %d hex digits expected, got %d", algo, want, len(digits))
	}
	for _, r := range digits {
		if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return fmt.Errorf("%s digest: %q is not a hex digit", algo, r)
		}
	}
	return nil
}

// unknownError is ErrUnknown with the whole message in words of its own.
type unknownError string

func (e unknownError) Error() string { return string(e) }
func (e unknownError) Unwrap() error { return ErrUnknown }

// unknown says why algo is no hashing algorithm, and which name was probably
// meant: SHA512, SHA-512 and sha3-256 are how others write them.
func unknown(algo string) error {
	looksLike := func(name string) bool { return plain(name) == plain(algo) }
	if slices.ContainsFunc(xofs, looksLike) {
		return unknownError(algo + " has no fixed length and can't be a hashing algorithm")
	}
	names := Algorithms()
	if i := slices.IndexFunc(names, looksLike); i >= 0 {
		return unknownError(fmt.Sprintf("%v %q (did you mean %q?)", ErrUnknown, algo, names[i]))
	}
	return unknownError(fmt.Sprintf("%v %q (known: %s)", ErrUnknown, algo, strings.Join(names, ", ")))
}

// plain strips a name of what spellings differ in.
func plain(name string) string {
	return strings.NewReplacer("-", "", "_", "", "/", "").Replace(strings.ToLower(name))
}
