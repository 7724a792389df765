package file

import (
	"context"
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"testing"
	"time"

	"glancefs/backends"
)

// unlimited is the context of calls that nothing bounds.
var unlimited = context.Background()

// recordOf computes what backends.Add computes.
func recordOf(data []byte) backends.Record {
	checksum, multihash := md5.Sum(data), sha512.Sum512(data)
	return backends.Record{
		Size:        int64(len(data)),
		Checksum:    hex.EncodeToString(checksum[:]),
		Multihash:   hex.EncodeToString(multihash[:]),
		HashingAlgo: "sha512",
	}
}

// begin begins an add, which is aborted at the end.
func begin(t *testing.T, s *Store, name string, data []byte) backends.Writer {
	t.Helper()
	w, err := s.Create(unlimited, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Abort(unlimited); err != nil {
			t.Error(err)
		}
	})
	if err := w.Append(unlimited, backends.Chunk{Data: data}); err != nil {
		t.Fatal(err)
	}
	return w
}

// add adds an image.
func add(t *testing.T, s *Store, name string, data []byte) backends.Image {
	t.Helper()
	return addAt(t, s, name, data, time.Time{})
}

// addAt adds an image with an mtime.
func addAt(t *testing.T, s *Store, name string, data []byte, mtime time.Time) backends.Image {
	t.Helper()
	record := recordOf(data)
	record.Mtime = mtime
	img, err := begin(t, s, name, data).Commit(unlimited, record)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// stat returns an image that must be there.
func stat(t *testing.T, s *Store, name string) backends.Image {
	t.Helper()
	img, err := s.Stat(unlimited, name)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// names returns what is listed.
func names(t *testing.T, s *Store) []string {
	t.Helper()
	names := []string{}
	err := s.List(unlimited, func(img backends.Image) error {
		names = append(names, img.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
