package backends_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"math/rand"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// begin begins an add that has to begin.
func begin(t testing.TB, in *backends.Instance, name string) *backends.Add {
	t.Helper()
	add, err := in.Add(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := add.Abort(); err != nil { // of one that has ended: nothing
			t.Errorf("abort at the end: %v", err)
		}
	})
	return add
}

func md5Of(p []byte) string {
	sum := md5.Sum(p)
	return hex.EncodeToString(sum[:])
}

func sha256Of(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

// recordOf is the record of an image whose store computes sha256.
func recordOf(p []byte) *backends.Record {
	return &backends.Record{
		Size: int64(len(p)), Mtime: now,
		Checksum: md5Of(p), Multihash: sha256Of(p), HashingAlgo: "sha256",
	}
}

// piece is a write, or a gap.
type piece struct {
	size int
	gap  bool
}

// pieces draws a way to write an image of at most some MiB.
func pieces() *rapid.Generator[[]piece] {
	size := rapid.OneOf(
		rapid.IntRange(1, 200),
		rapid.IntRange(1, backends.ChunkSize*5/2),
		rapid.SampledFrom([]int{backends.ChunkSize - 1, backends.ChunkSize, backends.ChunkSize + 1, 2 * backends.ChunkSize}),
	)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) piece {
		return piece{size.Draw(t, "size"), rapid.IntRange(0, 3).Draw(t, "gap") == 0}
	}), 0, 6)
}

// TestAddDigests: however an image is cut, the store gets its bytes, and the
// record their digests.
func TestAddDigests(t *testing.T) {
	source := make([]byte, 16<<20)
	rand.New(rand.NewSource(1)).Read(source)
	in := instance(t, memory.New("one", 0))
	rapid.Check(t, func(rt *rapid.T) {
		add, err := in.Add(context.Background(), "image")
		if err != nil {
			rt.Fatal(err)
		}
		var want []byte
		scratch := make([]byte, 0, 3*backends.ChunkSize)
		for _, p := range pieces().Draw(rt, "pieces") {
			if p.gap {
				err = add.Zeros(int64(p.size))
				want = append(want, make([]byte, p.size)...)
			} else {
				scratch = append(scratch[:0], source[len(want):len(want)+p.size]...)
				err = add.Write(scratch)
				clear(scratch) // it is the caller's again
				want = append(want, source[len(want):len(want)+p.size]...)
			}
			if err != nil {
				rt.Fatal(err)
			}
			if add.Size() != int64(len(want)) {
				rt.Fatalf("size %d, want %d", add.Size(), len(want))
			}
		}
		img, err := add.Commit(now)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(recordOf(want), img.Record); diff != "" || img.Size != int64(len(want)) || !img.Mtime.Equal(now) {
			rt.Fatalf("image %+v; record (-want +got):\n%s", img, diff)
		}
		if !bytes.Equal(content(t, in.Store(), "image"), want) {
			rt.Fatal("the store has other bytes")
		}
		if err := in.Delete(context.Background(), "image"); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestAddMtime: without a time it is the time of the commit.
func TestAddMtime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := instance(t, memory.New("one", 0))
		a := begin(t, in, "image")
		time.Sleep(time.Hour)
		img, err := a.Commit(time.Time{})
		if err != nil || !img.Mtime.Equal(time.Now()) {
			t.Errorf("mtime %v at %v, %v", img.Mtime, time.Now(), err)
		}
	})
}

// TestAddInvisible: nothing is visible before the commit, nor after an abort.
func TestAddInvisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New("one", 1<<20)
		in := instance(t, store)
		a := begin(t, in, "image")
		if err := a.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		wantNames(t, store)
		for range 3 {
			if err := a.Abort(); err != nil {
				t.Error(err)
			}
		}
		wantNames(t, store)
		if space, _ := store.Space(t.Context()); space.Free != 1<<20 {
			t.Errorf("space left: %+v", space)
		}
		wantIs(t, a.Write([]byte("more")), context.Canceled)
		_, err := a.Commit(now)
		wantIs(t, err, context.Canceled)
		wantError(t, err, "add", "image")
		wantNames(t, store)
	})
}

// TestAddExists: of two adds of one name the first to commit wins.
func TestAddExists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New("one", 0)
		in := instance(t, store)
		a, b := begin(t, in, "image"), begin(t, in, "image")
		for add, text := range map[*backends.Add]string{a: "first", b: "second"} {
			if err := add.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := a.Commit(now); err != nil {
			t.Fatal(err)
		}
		wantIs(t, a.Write([]byte("more")), context.Canceled) // it has ended
		_, err := b.Commit(now)
		wantIs(t, err, fs.ErrExist)
		wantError(t, err, "add", "image")
		_, err = in.Add(t.Context(), "image")
		wantIs(t, err, fs.ErrExist)
		if got := content(t, store, "image"); string(got) != "first" {
			t.Errorf("content %q", got)
		}
		if err := a.Abort(); err != nil { // after the commit: nothing
			t.Error(err)
		}
		wantNames(t, store, "image")
	})
}
