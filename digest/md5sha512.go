package digest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha512"
	"encoding"
	"encoding/binary"
	"hash"
	"sync"
)

// pair is md5 and sha512 of the same bytes. Whole blocks of SHA-512, two of
// MD5's each, go through both at once (hashPairs), which takes little longer
// than MD5 alone. What is left over goes to Go's own hashes, which have the
// state, and give the digests.
type pair struct {
	md5, sha512 hash.Hash
	odd         int // bytes after the last whole block
}

// pairSize is the block of SHA-512, in bytes, and two of MD5.
const pairSize = sha512.BlockSize

func newPair() *pair { return &pair{md5: md5.New(), sha512: sha512.New()} }

// pairsFit tells whether this processor has what hashPairs needs, and gets the
// same with it as Go does: nothing promises that the state of a hash keeps its
// layout.
var pairsFit = sync.OnceValue(func() bool {
	if !hasPairs {
		return false
	}
	p := bytes.Repeat([]byte("glance"), pairSize)
	one, other := newPair(), newPair()
	one.Write(p)
	other.apart(p)
	return bytes.Equal(one.md5.Sum(nil), other.md5.Sum(nil)) && bytes.Equal(one.sha512.Sum(nil), other.sha512.Sum(nil))
})

// Write adds p to both; it never fails, as neither of them does.
func (h *pair) Write(p []byte) (int, error) {
	n := len(p)
	if h.odd > 0 {
		p = p[h.apart(p[:min(pairSize-h.odd, n)]):]
	}
	if whole := len(p) &^ (pairSize - 1); whole > 0 {
		h.together(p[:whole])
		p = p[whole:]
	}
	h.apart(p)
	return n, nil
}

// apart adds p to one hash after the other, and returns its length.
func (h *pair) apart(p []byte) int {
	h.md5.Write(p)
	h.sha512.Write(p)
	h.odd = (h.odd + len(p)) % pairSize
	return len(p)
}

// together adds p, whole blocks after whole blocks, to both hashes at once.
func (h *pair) together(p []byte) {
	m, s := stateOf(h.md5), stateOf(h.sha512)
	var five [4]uint32
	var sha [8]uint64
	binary.Decode(m[magicSize:], binary.BigEndian, &five)
	binary.Decode(s[magicSize:], binary.BigEndian, &sha)
	hashPairs(&five, &sha, &p[0], len(p))
	binary.Encode(m[magicSize:], binary.BigEndian, five)
	binary.Encode(s[magicSize:], binary.BigEndian, sha)
	setState(h.md5, m, len(p))
	setState(h.sha512, s, len(p))
}

// magicSize is what the state of a hash in Go begins with. The state proper
// follows, then the bytes of the last block, and the length of all.
const magicSize = 4

// stateOf returns the state of a hash of Go's.
func stateOf(h hash.Hash) []byte {
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic(err) // not of these hashes
	}
	return state
}

// setState sets the state of a hash, which has got n more bytes.
func setState(h hash.Hash, state []byte, n int) {
	length := state[len(state)-8:]
	binary.BigEndian.PutUint64(length, binary.BigEndian.Uint64(length)+uint64(n))
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		panic(err) // it has the form of the one we were given
	}
}
