package digest_test

import (
	"fmt"
	"testing"

	"glancefs/digest"
)

// MB/s are of the stream, not of the sum of its hashes.

func BenchmarkHash(b *testing.B) {
	p := make([]byte, 1<<20)
	for _, algo := range digest.Algorithms() {
		b.Run(algo, func(b *testing.B) {
			h, err := digest.New(algo)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				h.Write(p)
			}
		})
	}
}

// BenchmarkAdd is what an add computes, md5 and sha512, with pieces as FUSE
// delivers them: 1 MiB, or as small as the program writes.
func BenchmarkAdd(b *testing.B) {
	for _, kib := range []int{4, 64, 1024} {
		p := make([]byte, kib<<10)
		b.Run(fmt.Sprintf("sequential/%dKiB", kib), func(b *testing.B) { benchmarkSequential(b, p) })
		b.Run(fmt.Sprintf("stream/%dKiB", kib), func(b *testing.B) { benchmarkStream(b, p) })
	}
}

func benchmarkSequential(b *testing.B, p []byte) {
	md5, err := digest.New("md5")
	if err != nil {
		b.Fatal(err)
	}
	sha512, err := digest.New("sha512")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		md5.Write(p)
		sha512.Write(p)
	}
}

func benchmarkStream(b *testing.B, p []byte) {
	s, err := digest.NewStream("md5", "sha512")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(p)))
	b.ResetTimer()
	for range b.N { // not b.Loop, which would leave Sums out
		s.Write(p, func() {})
	}
	s.Sums()
}
