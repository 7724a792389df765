package readahead_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"glancefs/backends/readahead"
)

// direct and ahead are the two ways to read from a server.
var ways = map[string]func(*testing.B, *server) func(context.Context, []byte, int64) (int, error){
	"direct": func(_ *testing.B, s *server) func(context.Context, []byte, int64) (int, error) { return s.fetch },
	"ahead": func(b *testing.B, s *server) func(context.Context, []byte, int64) (int, error) {
		return s.open(b, readahead.NewBudget(128*mib, 16*mib).Share()).ReadAt
	},
}

// BenchmarkSequential reads an image of 64 MiB from front to back, from a
// store one millisecond away whose every request gets 500 MB/s.
func BenchmarkSequential(b *testing.B) {
	random()
	for _, length := range []int64{128 * kib, mib} {
		for name, way := range ways {
			b.Run(fmt.Sprintf("%d/%s", length, name), func(b *testing.B) {
				b.SetBytes(64 * mib)
				p := make([]byte, length)
				for b.Loop() {
					s := newServer(64 * mib)
					s.rate = 500e6
					readAt := way(b, s)
					for off := int64(0); off < s.size; off += length {
						if _, err := readAt(context.Background(), p, off); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// BenchmarkRandom reads 4 KiB at random places of a store that answers at
// once: what the bookkeeping costs.
func BenchmarkRandom(b *testing.B) {
	random()
	for name, way := range ways {
		b.Run(name, func(b *testing.B) {
			s := newServer(64 * mib)
			s.latency = 0
			readAt := way(b, s)
			rnd := rand.New(rand.NewPCG(1, 2))
			p := make([]byte, 4096)
			for b.Loop() {
				if _, err := readAt(context.Background(), p, rnd.Int64N(s.size/4096)*4096); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
