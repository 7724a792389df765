//go:build bench

package bench

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glancefs/digest"
)

// source is a file to add, or an image to read.
type source struct {
	path string
	size int64
	sums map[string]string // md5, sha256 and sha512
}

// A stream is what one process works on, one after the other.
type stream []source

func (s source) name() string { return filepath.Base(s.path) }

// makeStreams makes n streams of some files of random bytes.
func makeStreams(t *testing.T, dir, prefix string, n, files int, size int64) []stream {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	streams := make([]stream, n)
	for i := range streams {
		for j := range files {
			f, err := makeSource(filepath.Join(dir, fmt.Sprintf("%s-%d-%05d", prefix, i, j)), size)
			if err != nil {
				t.Fatal(err)
			}
			streams[i] = append(streams[i], f)
		}
	}
	return streams
}

func makeSource(path string, size int64) (source, error) {
	s := source{path: path, size: size, sums: make(map[string]string)}
	f, err := os.Create(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	hashes := make(map[string]hash.Hash)
	writers := []io.Writer{f}
	for _, algo := range []string{"md5", "sha256", "sha512"} {
		if hashes[algo], err = digest.New(algo); err != nil {
			return s, err
		}
		writers = append(writers, hashes[algo])
	}
	random := rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%032s", filepath.Base(path)))[:32]))
	if _, err := io.CopyBuffer(io.MultiWriter(writers...), io.LimitReader(random, size), make([]byte, 1<<20)); err != nil {
		return s, err
	}
	for algo, h := range hashes {
		s.sums[algo] = fmt.Sprintf("%x", h.Sum(nil))
	}
	return s, f.Close()
}

func flat(streams []stream) (all stream) {
	for _, s := range streams {
		all = append(all, s...)
	}
	return all
}

// paths are those of the files of each stream.
func paths(streams []stream) [][]string {
	all := make([][]string, len(streams))
	for i, s := range streams {
		for _, f := range s {
			all[i] = append(all[i], f.path)
		}
	}
	return all
}

// in are the paths that the files have in another directory.
func in(dir string, files stream) (all []string) {
	for _, f := range files {
		all = append(all, filepath.Join(dir, f.name()))
	}
	return all
}

// commands is a command for each stream: args, and its files.
func commands(args []string, files [][]string) (all [][]string) {
	for _, f := range files {
		all = append(all, append(append([]string(nil), args...), f...))
	}
	return all
}

// wantSame compares the files of that name in a directory with the sources.
func wantSame(dir string, files stream) error {
	for _, f := range files {
		if err := sameFile(filepath.Join(dir, f.name()), f.path); err != nil {
			return err
		}
	}
	return nil
}

// sameFile compares two files. A tool's mount may hang, and takes no longer
// for that than for what is measured.
func sameFile(name, want string) error {
	done := make(chan error, 1)
	go func() { done <- compare(name, want) }()
	select {
	case err := <-done:
		return err
	case <-time.After(commandLimit):
		return fmt.Errorf("%s was not read in %v", name, commandLimit)
	}
}

func compare(name, want string) error {
	a, err := os.Open(name)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(want)
	if err != nil {
		return err
	}
	defer b.Close()
	for p, q := make([]byte, 1<<20), make([]byte, 1<<20); ; {
		n, errA := io.ReadFull(a, p)
		m, errB := io.ReadFull(b, q)
		if !bytes.Equal(p[:n], q[:m]) {
			return fmt.Errorf("%s differs from %s", name, want)
		}
		if errA != nil || errB != nil {
			return errors.Join(notEnd(errA), notEnd(errB))
		}
	}
}

func notEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}

// wantDigests compares the attributes of images with the sources.
func wantDigests(dir, algo string, files stream) error {
	for _, f := range files {
		for attr, want := range map[string]string{"checksum": f.sums["md5"], "multihash": f.sums[algo], "hashing_algo": algo} {
			got, err := xattr(filepath.Join(dir, f.name()), attr)
			if err != nil || got != want {
				return fmt.Errorf("%s: %s is %q, want %q (%v)", f.name(), attr, got, want, err)
			}
		}
	}
	return nil
}

// xattr is an attribute user.glance.NAME.
func xattr(file, name string) (string, error) {
	p := make([]byte, 1024)
	n, err := unix.Getxattr(file, "user.glance."+name, p)
	return string(p[:max(n, 0)]), err
}

// copyTo copies files into a directory and onto the disk.
func copyTo(t *testing.T, dir string, files stream) {
	t.Helper()
	for _, f := range files {
		if _, err := capture("cp", f.path, dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := capture("sync", "-f", dir); err != nil {
		t.Fatal(err)
	}
}
