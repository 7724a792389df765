package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"

	"glancefs/backends"
)

var readTests = []test{
	{name: "any offset", run: readAnyOffset},
	{name: "beyond the end", run: readBeyond},
	{name: "in parallel", run: readParallel},
	{name: "after delete", run: readDeleted, needs: []need{readable}},
	{name: "after rename", run: readRenamed, needs: []need{renamer}},
	{name: "holes", run: readHoles},
	{name: "local file", run: readLocal},
}

func readAnyOffset(s *suite) {
	data := randomBytes(3*backends.ChunkSize+77, 1)
	s.add("a", data)
	r := s.open("a")
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		s.must("read", readSome(s, r, data, random))
	}
}

// readSome reads a random piece of data and compares, from any goroutine.
func readSome(s *suite, r backends.Reader, data []byte, random *rand.Rand) error {
	off := random.IntN(len(data) + 1)
	p := make([]byte, random.IntN(300_000))
	n, err := r.ReadAt(s.ctx, p, int64(off))
	if err != nil {
		return err
	}
	if want := data[off:min(off+len(p), len(data))]; !bytes.Equal(p[:n], want) {
		return fmt.Errorf("reading %d bytes at %d of %d gave %d bytes, and not those", len(p), off, len(data), n)
	}
	return nil
}

func readBeyond(s *suite) {
	const size = 1000
	s.add("a", randomBytes(size, 1))
	s.add("empty", nil)
	for _, c := range []struct {
		name string
		off  int64
		want int
	}{{"a", size - 1, 1}, {"a", size, 0}, {"a", size + 1, 0}, {"a", 1 << 40, 0}, {"empty", 0, 0}, {"empty", 5, 0}} {
		n, err := s.open(c.name).ReadAt(s.ctx, make([]byte, 10), c.off)
		s.must("read", err)
		if n != c.want {
			s.Errorf("reading %q at %d gave %d bytes, want %d", c.name, c.off, n, c.want)
		}
	}
}

func readParallel(s *suite) {
	const readers = 8
	data := randomBytes(2*backends.ChunkSize+5, 1)
	s.add("a", data)
	r := s.open("a")
	errs := make(chan error, readers)
	for i := range readers {
		go func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			var err error
			for n := 0; err == nil && n < 50; n++ {
				err = readSome(s, r, data, random)
			}
			errs <- err
		}()
	}
	for range readers {
		s.must("read in parallel", <-errs)
	}
}

// readDeleted deletes an image under its reader, and adds another one by the
// same name: the reader's is still the first.
func readDeleted(s *suite) {
	data := randomBytes(backends.ChunkSize+5, 1)
	s.add("a", data)
	r := s.open("a")
	s.must("delete", s.store.Delete(s.ctx, "a"))
	s.wantBytes(r, data)
	s.add("a", randomBytes(backends.ChunkSize+5, 2))
	s.wantBytes(r, data)
}

func readRenamed(s *suite) {
	renamer := as[backends.Renamer](s)
	data := randomBytes(backends.ChunkSize+5, 1)
	s.add("a", data)
	r := s.open("a")
	s.must("rename", renamer.Rename(s.ctx, "a", "b"))
	s.wantBytes(r, data)
}

// readHoles walks over the holes of an image that has some if the store
// provisions thinly: in a hole there is nothing but zeros.
func readHoles(s *suite) {
	const run = backends.ChunkSize
	data := append(make([]byte, run), randomBytes(run, 1)...)
	data = append(data, make([]byte, run)...)
	s.add("a", data)
	finder, ok := s.open("a").(backends.HoleFinder)
	if !ok {
		s.Logf("left out: this Reader is no backends.HoleFinder")
		return
	}
	end := int64(len(data))
	for off := int64(0); off < end; {
		start, err := finder.SeekData(s.ctx, off)
		if errors.Is(err, syscall.ENXIO) {
			start = end
		} else {
			s.must("seek data", err)
		}
		if !backends.IsZero(data[off:start]) {
			s.Fatalf("bytes %d to %d are said to be a hole and are not zero", off, start)
		}
		if start == end {
			break
		}
		off, err = finder.SeekHole(s.ctx, start)
		s.must("seek hole", err)
		if off <= start || off > end {
			s.Fatalf("the data at %d is said to end at %d", start, off)
		}
	}
	_, err := finder.SeekData(s.ctx, end)
	s.want("seek data at the end", err, syscall.ENXIO)
}

func readLocal(s *suite) {
	data := randomBytes(backends.ChunkSize+5, 1)
	s.add("a", data)
	local, ok := s.open("a").(backends.LocalFiler)
	if !ok {
		s.Logf("left out: this Reader is no backends.LocalFiler")
		return
	}
	fd, ok := local.LocalFile()
	if !ok {
		s.Logf("left out: there is no local file")
		return
	}
	got := make([]byte, len(data)+1)
	n, err := syscall.Pread(int(fd), got, 0)
	s.must("pread", err)
	if !bytes.Equal(got[:n], data) {
		s.Fatalf("the local file has %d bytes, which are not the %d bytes that were added", n, len(data))
	}
}
