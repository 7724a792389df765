package digest

import (
	"crypto/md5"
	"crypto/sha1"
	"hash"
)

// md5SHA1 is OpenSSL's md5-sha1, the hash of TLS 1.1 and before: the md5
// followed by the sha1 of the same bytes.
type md5SHA1 struct {
	md5, sha1 hash.Hash
}

func newMD5SHA1() hash.Hash {
	return md5SHA1{md5: md5.New(), sha1: sha1.New()}
}

// Write adds p to both; it never fails, as neither of them does.
func (h md5SHA1) Write(p []byte) (int, error) {
	h.md5.Write(p)
	return h.sha1.Write(p)
}

func (h md5SHA1) Sum(b []byte) []byte {
	return h.sha1.Sum(h.md5.Sum(b))
}

func (h md5SHA1) Reset() {
	h.md5.Reset()
	h.sha1.Reset()
}

func (h md5SHA1) Size() int      { return md5.Size + sha1.Size }
func (h md5SHA1) BlockSize() int { return md5.BlockSize }
