package storetest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"glancefs/backends"
)

// randomBytes returns size bytes that no compression makes smaller; the same
// ones for the same seed.
func randomBytes(size int, seed uint64) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(data) // never fails
	return data
}

// recordOf computes what backends.Add computes.
func recordOf(data []byte, mtime time.Time) backends.Record {
	checksum, multihash := md5.Sum(data), sha512.Sum512(data)
	return backends.Record{
		Size:        int64(len(data)),
		Mtime:       mtime,
		Checksum:    hex.EncodeToString(checksum[:]),
		Multihash:   hex.EncodeToString(multihash[:]),
		HashingAlgo: "sha512",
	}
}

// create begins an add, which is aborted when the test ends.
func (s *suite) create(name string) backends.Writer {
	s.Helper()
	w, err := s.store.Create(s.ctx, name)
	s.must("create", err)
	s.Cleanup(func() { s.must("abort at the end of the test", w.Abort(s.ctx)) })
	return w
}

// append appends data in chunks of at most backends.ChunkSize.
func (s *suite) append(w backends.Writer, data []byte) {
	s.Helper()
	s.appendPieces(w, data, backends.ChunkSize)
}

// appendPieces appends data in chunks of at most size bytes.
func (s *suite) appendPieces(w backends.Writer, data []byte, size int) {
	s.Helper()
	for len(data) > 0 {
		n := min(size, len(data))
		s.must("append", w.Append(s.ctx, backends.Chunk{Data: data[:n:n]}))
		data = data[n:]
	}
}

// commit commits the add of data, with no mtime set.
func (s *suite) commit(w backends.Writer, data []byte) backends.Image {
	s.Helper()
	img, err := w.Commit(s.ctx, recordOf(data, time.Time{}))
	s.must("commit", err)
	return img
}

// add adds an image.
func (s *suite) add(name string, data []byte) backends.Image {
	s.Helper()
	w := s.create(name)
	s.append(w, data)
	return s.commit(w, data)
}

// stat returns an image that must be there.
func (s *suite) stat(name string) backends.Image {
	s.Helper()
	img, err := s.store.Stat(s.ctx, name)
	s.must("stat", err)
	return img
}

// open opens an image until the test ends.
func (s *suite) open(name string) backends.Reader {
	s.Helper()
	r, err := s.store.Open(s.ctx, name)
	s.must("open", err)
	s.Cleanup(func() { s.must("close", r.Close()) })
	return r
}

// wantBytes reads all of r, in chunks, and compares.
func (s *suite) wantBytes(r backends.Reader, want []byte) {
	s.Helper()
	got := make([]byte, 0, len(want))
	p := make([]byte, backends.ChunkSize)
	for {
		n, err := r.ReadAt(s.ctx, p, int64(len(got)))
		s.must("read", err)
		if n == 0 {
			break
		}
		got = append(got, p[:n]...)
	}
	if !bytes.Equal(got, want) {
		s.Fatalf("%q: read %d bytes, which are not the %d bytes that were added", r.Image().Name, len(got), len(want))
	}
}

// wantImage checks that an image is there, complete, with its record, and
// that Stat, Open and List agree on it.
func (s *suite) wantImage(name string, data []byte) {
	s.Helper()
	s.wantSame("list", s.list()[name], s.wantStored(name, data))
}

// wantStored is wantImage without a look at the list, which takes long where
// there are many images. It returns what Stat does.
func (s *suite) wantStored(name string, data []byte) backends.Image {
	s.Helper()
	img := s.stat(name)
	if img.Name != name || img.Size != int64(len(data)) {
		s.Fatalf("stat: got %q of %d bytes, want %q of %d", img.Name, img.Size, name, len(data))
	}
	if img.Record == nil {
		s.Fatalf("stat %q: no record", name)
	}
	if diff := cmp.Diff(recordOf(data, img.Mtime), *img.Record); diff != "" {
		s.Fatalf("stat %q: record (-want +got):\n%s", name, diff)
	}
	r := s.open(name)
	s.wantSame("open", r.Image(), img)
	s.wantBytes(r, data)
	return img
}

// wantSame checks that two images are the same, as far as every call tells
// it: a listing may leave the record out, and filesystems allocate late.
func (s *suite) wantSame(what string, got, want backends.Image) {
	s.Helper()
	ignore := cmpopts.IgnoreFields(backends.Image{}, "Allocated")
	if what == "list" {
		ignore = cmpopts.IgnoreFields(backends.Image{}, "Allocated", "Record")
	}
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		s.Fatalf("%s %q tells something else than stat (-stat +%s):\n%s", what, want.Name, what, diff)
	}
}
