// Package digest turns the names of hashing algorithms into hashes, and
// computes several digests of one stream of bytes at once.
//
// # Names
//
// An algorithm is named as in Python's hashlib, since Glance stores that name
// with the image (os_hash_algo) and the option hashing_algorithm takes it:
// case matters, sha512 is known and SHA512 is not. [Algorithms] lists them:
// what every Python has, and what OpenSSL 3 adds to it on a usual Linux.
// Digests are unkeyed and of full length: blake2b has 64 bytes, blake2s 32,
// and md5-sha1, 36 bytes, is the md5 followed by the sha1.
//
// The extendable-output functions shake_128 and shake_256 are refused. They
// have no length of their own, so glance_store, which takes them, stores the
// whole image and then fails to ask for the digest.
//
// # One stream, many digests
//
// A [Stream] gives every hash a goroutine of its own (md5 and sha512 may share
// one, see below), so that two of them together take as long as the slower one
// and not their sum (but for a stream of one small piece). Pieces of the stream
// are shared with the hashes, never copied:
//
//	s, err := digest.NewStream("md5", "sha512")
//	if err != nil {
//		return err // an unknown name; nothing was started
//	}
//	defer s.Stop() // after Sums, or instead of it
//	for {
//		buf := pool.Get()
//		n, err := r.Read(buf)
//		s.Write(buf[:n], func() { pool.Put(buf) })
//		…
//	}
//	sums := s.Sums() // sums["md5"], sums["sha512"]
//
// Write runs ahead of the slowest hash by a few pieces and then waits for it,
// so what a stream holds on to is bounded: six pieces, 6 MiB where a piece is
// a FUSE write of 1 MiB.
//
// # Speed
//
// A stream is as fast as its slowest hash, most often md5, of which every
// step needs the one before it: no vector instructions help one stream, and
// more than half of a core's units idle meanwhile. So md5 and sha512, which
// Glance computes unless it is told otherwise, share a goroutine where the
// processor allows it (amd64 with AVX, BMI1, BMI2): the rounds of one stand
// between the steps of the other (function stitching, as in V. Gopal et al.,
// Fast Cryptographic Computation on Intel Architecture Processors Via Function
// Stitching, 2010). CPU seconds a GiB on a Zen 5 core, with what was tried and
// not taken:
//
//	             md5    sha512  both    sha256
//	this                        1.65            medians of six; an add of 1 GiB takes 2.35 instead of 3.98
//	Go's own     1.45   1.30    2.75    0.58    AVX2, and SHA-NI for sha256
//	OpenSSL 3.0  1.40   1.05    2.45    0.58    needs cgo
//	md5-simd     2.62                           one stream; 1.72 with 4, 0.93 with 8, 0.55 with 16
//
// The same with AVX-512 instructions for the schedule of SHA-512 takes 2 %
// less, and with the rounds in vector registers 40 % more: they take two
// cycles where general registers take one. Hashing several streams side by
// side (github.com/minio/md5-simd, AVX-512) makes the usual case, one add,
// twice as slow, and is faster from about six streams on.
package digest
