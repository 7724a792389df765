package storetest

import (
	"fmt"
	"io/fs"
	"time"

	"glancefs/backends"
)

var addTests = []test{
	{name: "sizes", run: addSizes},
	{name: "odd pieces", run: addOddPieces},
	{name: "zeros", run: addZeros},
	{name: "empty chunks", run: addEmptyChunks},
	{name: "invisible before the commit", run: addInvisible},
	{name: "what commit tells", run: addTells},
	{name: "full", run: addFull, needs: []need{full}},
	{name: "again after a delete", run: addAgain},
}

func addSizes(s *suite) {
	for i, size := range []int{0, 1, 4095, 4096, 65537, backends.ChunkSize - 1, backends.ChunkSize, backends.ChunkSize + 1, 5*backends.ChunkSize + 12345} {
		name := fmt.Sprintf("image-%d", size)
		data := randomBytes(size, uint64(i))
		s.add(name, data)
		s.wantImage(name, data)
	}
}

func addOddPieces(s *suite) {
	data := randomBytes(3*backends.ChunkSize+7, 1)
	for _, piece := range []int{997, 65536, 300_001, backends.ChunkSize - 1} {
		name := fmt.Sprintf("pieces-%d", piece)
		w := s.create(name)
		s.appendPieces(w, data, piece)
		s.commit(w, data)
		s.wantImage(name, data)
	}
}

// addZeros adds images with runs of zeros at all ends, which a store that
// provisions thinly leaves out.
func addZeros(s *suite) {
	const run = 300_000
	some, zeros := randomBytes(run, 2), make([]byte, run)
	for name, parts := range map[string][][]byte{
		"only":   {zeros},
		"first":  {zeros, some},
		"last":   {some, zeros},
		"middle": {some, zeros, some},
		"many":   {zeros, some, zeros, zeros, some, zeros},
	} {
		w := s.create(name)
		var data []byte
		for _, part := range parts {
			data = append(data, part...)
			s.append(w, part)
		}
		s.commit(w, data)
		s.wantImage(name, data)
	}
}

func addEmptyChunks(s *suite) {
	w := s.create("a")
	s.must("append nothing", w.Append(s.ctx, backends.Chunk{}))
	data := randomBytes(10, 3)
	s.append(w, data)
	s.must("append nothing", w.Append(s.ctx, backends.Chunk{}))
	s.commit(w, data)
	s.wantImage("a", data)
}

func addInvisible(s *suite) {
	data := randomBytes(2*backends.ChunkSize, 4)
	w := s.create("a")
	s.wantAbsent("a")
	s.append(w, data)
	s.wantAbsent("a")
	s.commit(w, data)
	s.wantImage("a", data)
}

// addTells checks what Commit returns, and the mtime of an add without one.
func addTells(s *suite) {
	before := time.Now()
	img := s.add("a", randomBytes(1000, 5))
	s.wantSame("commit", img, s.stat("a"))
	if img.Incarnation == "" {
		s.Error("the image has no incarnation")
	}
	if img.Allocated < -1 {
		s.Errorf("allocated %d bytes", img.Allocated)
	}
	// A service's clock need not be ours.
	if age := img.Mtime.Sub(before).Abs(); age > 10*time.Minute {
		s.Errorf("the mtime of an add without one is %v away from now", age)
	}
}

// addFull fills a store: the Append that met the end says so, nothing is
// left of the image, and a smaller one still has room.
func addFull(s *suite) {
	s.use(s.cfg.Full(s.t))
	small := randomBytes(100_000, 6)
	s.add("small", small)

	w := s.create("large")
	var err error
	for i := 0; err == nil && i < 16; i++ {
		err = w.Append(s.ctx, backends.Chunk{Data: randomBytes(backends.ChunkSize, uint64(i))})
	}
	s.want("append to a full store", err, backends.ErrFull)
	s.must("abort", w.Abort(s.ctx))
	s.wantGone("large")
	s.wantImage("small", small)

	s.add("another", small)
	s.wantImage("another", small)
}

func addAgain(s *suite) {
	for i := range 3 {
		data := randomBytes(1000+i, uint64(i))
		s.add("a", data)
		s.wantImage("a", data)
		s.must("delete", s.store.Delete(s.ctx, "a"))
		s.wantAbsent("a")
	}
}

// wantAbsent checks that a name means nothing, to no call.
func (s *suite) wantAbsent(name string) {
	s.Helper()
	s.wantGone(name)
	s.want("delete", s.store.Delete(s.ctx, name), fs.ErrNotExist)
	if r, ok := backends.As[backends.Renamer](s.store); ok {
		s.want("rename", r.Rename(s.ctx, name, "renamed"), fs.ErrNotExist)
	}
	if m, ok := backends.As[backends.MtimeSetter](s.store); ok {
		s.want("set mtime", m.SetMtime(s.ctx, name, time.Unix(1, 0)), fs.ErrNotExist)
	}
}
