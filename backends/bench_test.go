package backends_test

import (
	"context"
	"fmt"
	"testing"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// BenchmarkAdd adds an image of 16 MiB to a store that keeps nothing, in
// writes of the size that the program has: what the handle and the two hashes
// cost together.
func BenchmarkAdd(b *testing.B) {
	const size = 16 << 20
	for _, length := range []int{4 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			benchmarkAdd(b, make([]byte, length), size/length)
		})
	}
}

// BenchmarkAddSmall adds images of 64 KiB: what an add costs beside its
// bytes.
func BenchmarkAddSmall(b *testing.B) { benchmarkAdd(b, make([]byte, 64<<10), 1) }

func benchmarkAdd(b *testing.B, p []byte, writes int) {
	in := instance(b, discarding{memory.New("one", 0)})
	b.SetBytes(int64(len(p) * writes))
	b.ReportAllocs()
	for b.Loop() {
		add, err := in.Add(b.Context(), "image")
		if err != nil {
			b.Fatal(err)
		}
		for range writes {
			if err := add.Write(p); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := add.Commit(now); err != nil {
			b.Fatal(err)
		}
	}
}

// discarding is a store that forgets what it is told.
type discarding struct{ *memory.Store }

func (discarding) Create(context.Context, string) (backends.Writer, error) {
	return discardingWriter{}, nil
}

type discardingWriter struct{}

func (discardingWriter) Append(context.Context, backends.Chunk) error { return nil }

func (discardingWriter) Commit(_ context.Context, r backends.Record) (backends.Image, error) {
	return backends.Image{Size: r.Size, Record: &r}, nil
}

func (discardingWriter) Abort(context.Context) error { return nil }
