package backends

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"glancefs/backends/signature"
	"glancefs/digest"
)

// The names by which an image under way can be declared to be something,
// beside the keys of its record. KeySize is declared only; KeyAlgoPrefix and
// the name of an algorithm is the de-facto standard name of a digest.
const (
	KeySize       = "user.glance.size"
	KeyAlgoPrefix = "user.checksum."
)

// declared is what an image under way was declared to be.
type declared struct {
	size      int64                  // -1: not declared
	digests   map[string]expectation // by the key that declared it
	multihash string                 // in the algorithm of hashing, else the store's
	hashing   string
	signature signature.Signature
}

// expectation is a digest that an image must have.
type expectation struct {
	algo, sum string // sum in lower-case hex
}

// set takes one declaration. known is false for a name that declares
// nothing.
func (d *declared) set(key, value string) (known bool, err error) {
	algo, isAlgo := strings.CutPrefix(key, KeyAlgoPrefix)
	switch {
	case key == KeySize:
		size, err := strconv.ParseInt(value, 10, 64)
		if err != nil || size < 0 {
			return true, fmt.Errorf("%w: %s: %q is not a size in bytes", ErrInvalid, key, value)
		}
		d.size = size
	case key == KeyHashingAlgo:
		if err := digest.Check(value); err != nil {
			return true, fmt.Errorf("%w: %s: %w", ErrInvalid, key, err)
		}
		d.hashing = value
	case key == KeyMultihash:
		d.multihash = strings.ToLower(value)
	case key == KeyChecksum:
		return true, d.expect(key, "md5", value)
	case isAlgo && digest.Check(algo) == nil:
		return true, d.expect(key, algo, value)
	default:
		return false, nil
	}
	return true, nil
}

// expect notes a digest that what says the image must have.
func (d *declared) expect(what, algo, sum string) error {
	if err := digest.ValidHex(algo, sum); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrInvalid, what, err)
	}
	if d.digests == nil {
		d.digests = make(map[string]expectation)
	}
	d.digests[what] = expectation{algo, strings.ToLower(sum)}
	return nil
}

// expected returns all digests that were declared, the multihash among them.
func (d *declared) expected(storeAlgo string) map[string]expectation {
	if d.multihash == "" {
		return d.digests
	}
	all := map[string]expectation{KeyMultihash: {cmp.Or(d.hashing, storeAlgo), d.multihash}}
	maps.Copy(all, d.digests)
	return all
}

// check compares what was declared with what came: the size, and the digests
// that were computed. unchecked lists the declarations of digests that were
// not.
func (d *declared) check(size int64, sums map[string]string, storeAlgo string) (unchecked []string, err error) {
	if d.size >= 0 && d.size != size {
		return nil, fmt.Errorf("%w: %s is declared %d, but %d bytes came", ErrMismatch, KeySize, d.size, size)
	}
	expected := d.expected(storeAlgo)
	for _, what := range slices.Sorted(maps.Keys(expected)) {
		e := expected[what]
		sum, computed := sums[e.algo]
		switch {
		case !computed:
			unchecked = append(unchecked, what)
		case sum != e.sum:
			return nil, fmt.Errorf("%w: %s is declared %s, but the %s computed is %s%s", ErrMismatch, what, e.sum, e.algo, sum, cure(what))
		}
	}
	return unchecked, nil
}

// cure is a hint for a mismatch: cp --preserve=xattr and mv declare what the
// xattrs of a local file say, which may have been edited since.
func cure(what string) string {
	if strings.HasPrefix(what, "user.") {
		return " (a stale xattr of a local file is removed with setfattr -x " + what + " FILE)"
	}
	return ""
}

// require enforces the option require_declared.
func (d *declared) require(what string, unchecked []string, storeAlgo string) error {
	checked := len(d.expected(storeAlgo)) - len(unchecked)
	if d.signature.Asked() {
		checked++ // it is of a digest, and it was verified
	}
	switch {
	case what == "digest" && checked == 0:
		return fmt.Errorf("%w: the store takes only images whose digest is declared (require_declared = digest)", ErrMismatch)
	case what == "size" && d.size < 0 && checked == 0:
		return fmt.Errorf("%w: the store takes only images whose size or digest is declared (require_declared = size)", ErrMismatch)
	}
	return nil
}
