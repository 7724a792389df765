package storetest

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"glancefs/backends"
)

var raceTests = []test{
	{name: "two creates, the first commits", run: func(s *suite) { raceTwo(s, s.store, true) }},
	{name: "two creates, the second commits", run: func(s *suite) { raceTwo(s, s.store, false) }},
	{name: "two hosts, the first commits", run: func(s *suite) { raceTwo(s, s.cfg.Reopen(s.t, s.store), true) }, needs: []need{reopen}},
	{name: "two hosts, the second commits", run: func(s *suite) { raceTwo(s, s.cfg.Reopen(s.t, s.store), false) }, needs: []need{reopen}},
	{name: "many commits at once", run: raceCommits},
	{name: "commit and rename", run: raceRename, needs: []need{renamer}},
	{name: "many adds at once", run: raceAdds},
	{name: "start during an add", run: raceStart, needs: []need{reopen}},
}

// raceTwo adds one name twice, once through another store. Where the second
// create is not refused, the second commit is, and the image of the first is
// what it was.
func raceTwo(s *suite, other backends.Store, firstWins bool) {
	first, second := randomBytes(backends.ChunkSize+1, 1), randomBytes(backends.ChunkSize+2, 2)
	w1 := s.create("a")
	s.append(w1, first)
	w2, err := other.Create(s.ctx, "a")
	if err != nil {
		s.want("second create", err, fs.ErrExist)
		s.commit(w1, first)
		s.wantImage("a", first)
		return
	}
	s.Cleanup(func() { s.must("abort", w2.Abort(s.ctx)) })
	s.append(w2, second)

	winner, loser, won, lost := w1, w2, first, second
	if !firstWins {
		winner, loser, won, lost = w2, w1, second, first
	}
	s.commit(winner, won)
	_, err = loser.Commit(s.ctx, recordOf(lost, time.Time{}))
	s.want("second commit", err, fs.ErrExist)
	s.wantImage("a", won)
	s.must("abort", loser.Abort(s.ctx))
	s.wantImage("a", won)
	_, err = s.store.Create(s.ctx, "a")
	s.want("create of a name that exists", err, fs.ErrExist)
}

// raceCommits commits adds of one name all at once: exactly one wins.
func raceCommits(s *suite) {
	const adds = 8
	var writers []backends.Writer
	var images [][]byte
	for i := range adds {
		w, err := s.store.Create(s.ctx, "a")
		if errors.Is(err, fs.ErrExist) {
			break // a store that refuses the second create
		}
		s.must("create", err)
		s.Cleanup(func() { s.must("abort", w.Abort(s.ctx)) })
		data := randomBytes(10_000+i, uint64(i))
		s.append(w, data)
		writers, images = append(writers, w), append(images, data)
	}
	errs := make([]error, len(writers))
	var group sync.WaitGroup
	for i, w := range writers {
		group.Go(func() { _, errs[i] = w.Commit(s.ctx, recordOf(images[i], time.Time{})) })
	}
	group.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err != nil:
			s.want("commit", err, fs.ErrExist)
		case winner >= 0:
			s.Fatalf("commits %d and %d of one name both won", winner, i)
		default:
			winner = i
		}
	}
	if winner < 0 {
		s.Fatal("no commit won")
	}
	s.wantImage("a", images[winner])
}

// raceRename commits an add of the name to which an image is being renamed.
func raceRename(s *suite) {
	renamer := as[backends.Renamer](s)
	old, added := randomBytes(1000, 1), randomBytes(2000, 2)
	for range s.cfg.times(20) {
		s.add("old", old)
		w := s.create("new")
		s.append(w, added)
		var commitErr, renameErr error
		var group sync.WaitGroup
		group.Go(func() { _, commitErr = w.Commit(s.ctx, recordOf(added, time.Time{})) })
		group.Go(func() { renameErr = renamer.Rename(s.ctx, "old", "new") })
		group.Wait()
		switch {
		case commitErr == nil:
			s.want("rename", renameErr, fs.ErrExist)
			s.wantImage("new", added)
			s.wantImage("old", old)
			s.must("delete", s.store.Delete(s.ctx, "old"))
		default:
			s.want("commit", commitErr, fs.ErrExist)
			s.must("rename", renameErr)
			s.wantImage("new", old)
			s.wantGone("old")
		}
		s.must("delete", s.store.Delete(s.ctx, "new"))
		s.must("abort", w.Abort(s.ctx))
	}
}

func raceAdds(s *suite) {
	const adds = 16
	images := make(map[string][]byte)
	errs := make(chan error, adds)
	for i := range adds {
		name, data := fmt.Sprintf("image-%d", i), randomBytes(200_000+i, uint64(i))
		images[name] = data
		go func() { errs <- addInPieces(s, name, data) }()
	}
	for range adds {
		s.must("one of many adds", <-errs)
	}
	listed := s.list()
	if len(listed) != adds {
		s.Fatalf("%d images are listed, want %d", len(listed), adds)
	}
	for name, data := range images {
		s.wantSame("list", listed[name], s.wantStored(name, data))
	}
}

// addInPieces adds an image from any goroutine.
func addInPieces(s *suite, name string, data []byte) error {
	const piece = 70_000
	w, err := s.store.Create(s.ctx, name)
	if err != nil {
		return err
	}
	for rest := data; err == nil && len(rest) > 0; rest = rest[min(piece, len(rest)):] {
		err = w.Append(s.ctx, backends.Chunk{Data: rest[:min(piece, len(rest))]})
	}
	if err == nil {
		_, err = w.Commit(s.ctx, recordOf(data, time.Time{}))
	}
	return errors.Join(err, w.Abort(s.ctx))
}

// raceStart opens the images once more while an add is under way: what it
// clears away at its start is not that add.
func raceStart(s *suite) {
	data := randomBytes(2*backends.ChunkSize, 1)
	w := s.create("a")
	s.append(w, data[:backends.ChunkSize])
	other := s.cfg.Reopen(s.t, s.store)
	s.append(w, data[backends.ChunkSize:])
	s.commit(w, data)
	s.wantImage("a", data)
	s.use(other)
	s.wantImage("a", data)
}
