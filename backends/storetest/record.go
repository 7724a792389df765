package storetest

import (
	"fmt"
	"io/fs"
	"time"

	"glancefs/backends"
)

var recordTests = []test{
	{name: "mtime", run: recordMtime},
	{name: "survives", run: recordSurvives, needs: []need{reopen}},
	{name: "stale", run: recordStale, needs: []need{change}},
	{name: "kept later", run: recordKept, needs: []need{recorder, change, reopen}},
	{name: "new mtime", run: recordNewMtime, needs: []need{mtimes}},
	{name: "new mtime of a stale one", run: recordStaleNewMtime, needs: []need{mtimes, change}},
	{name: "rename", run: recordRename, needs: []need{renamer, reopen}},
}

// someTimes are modification times with and without fractions, before and
// after 2038.
var someTimes = []time.Time{
	time.Unix(1, 0),
	time.Unix(1234567890, 123456789),
	time.Unix(1<<31+1, 999999999),
}

// wantMtime checks the mtime of an image with a record. Services differ in
// how finely they keep it; the record has what they keep.
func (s *suite) wantMtime(img backends.Image, want time.Time) {
	s.Helper()
	if off := want.Sub(img.Mtime); off < 0 || off >= time.Second {
		s.Fatalf("%q: mtime is %v, want %v", img.Name, img.Mtime, want)
	}
}

func recordMtime(s *suite) {
	for i, mtime := range someTimes {
		name, data := fmt.Sprintf("image-%d", i), randomBytes(1000, uint64(i))
		w := s.create(name)
		s.append(w, data)
		img, err := w.Commit(s.ctx, recordOf(data, mtime))
		s.must("commit", err)
		s.wantMtime(img, mtime)
		s.wantSame("commit", img, s.stat(name))
		s.wantImage(name, data)
	}
}

// recordSurvives opens the images again: they are as they were, incarnation
// included.
func recordSurvives(s *suite) {
	images := map[string][]byte{"empty": {}, "some": randomBytes(backends.ChunkSize+5, 1)}
	before := make(map[string]backends.Image)
	for name, data := range images {
		before[name] = s.add(name, data)
	}
	s.use(s.cfg.Reopen(s.t, s.store))
	for name, data := range images {
		s.wantImage(name, data)
		s.wantSame("reopen", s.stat(name), before[name])
	}
}

func recordStale(s *suite) {
	s.add("a", randomBytes(1000, 1))
	s.cfg.Change(s.t, s.store, "a")
	if r := s.stat("a").Record; r != nil {
		s.Fatalf("the content has changed, and the record is still %+v", *r)
	}
	if !s.stat("a").Stale {
		s.Fatalf("the content has changed, and the record is not told to be stale")
	}
}

// recordKept keeps a record with an image whose record is of no use, and
// refuses one for what the image no longer is.
func recordKept(s *suite) {
	recorder := as[backends.Recorder](s)
	before := s.add("a", randomBytes(1000, 1))
	s.cfg.Change(s.t, s.store, "a")
	s.want("keep a record of what was", recorder.KeepRecord(s.ctx, before, *before.Record), backends.ErrBusy)
	now := s.stat("a")
	s.must("keep a record", recorder.KeepRecord(s.ctx, now, recordOf(randomBytes(1000, 2), now.Mtime)))
	s.use(s.cfg.Reopen(s.t, s.store))
	after := s.stat("a")
	if after.Record == nil || after.Stale || after.Record.Checksum == before.Record.Checksum {
		s.Fatalf("after a record was kept: %+v, stale: %v", after.Record, after.Stale)
	}
	before.Name = "none"
	s.want("keep a record of no image", as[backends.Recorder](s).KeepRecord(s.ctx, before, *before.Record), fs.ErrNotExist)
}

func recordNewMtime(s *suite) {
	setter := as[backends.MtimeSetter](s)
	data := randomBytes(1000, 1)
	old := s.add("a", data)
	for _, mtime := range someTimes {
		s.must("set mtime", setter.SetMtime(s.ctx, "a", mtime))
		s.wantMtime(s.stat("a"), mtime)
		s.wantImage("a", data)
		s.wantSameIncarnation(old, s.stat("a"))
	}
}

// recordStaleNewMtime gives a stale record the mtime that it would need to
// be valid, by our own hand: it stays stale.
func recordStaleNewMtime(s *suite) {
	setter := as[backends.MtimeSetter](s)
	old := s.add("a", randomBytes(1000, 1))
	s.cfg.Change(s.t, s.store, "a")
	for _, mtime := range append(someTimes, s.stat("a").Mtime) {
		s.must("set mtime", setter.SetMtime(s.ctx, "a", mtime))
		if r := s.stat("a").Record; r != nil {
			s.Fatalf("set mtime made a stale record valid: %+v, of mtime %v", *r, old.Mtime)
		}
	}
}

func recordRename(s *suite) {
	renamer := as[backends.Renamer](s)
	data := randomBytes(1000, 1)
	old := s.add("a", data)
	s.must("rename", renamer.Rename(s.ctx, "a", "b"))
	s.wantImage("b", data)
	s.wantAbsent("a")
	s.wantSameIncarnation(old, s.stat("b"))
	s.use(s.cfg.Reopen(s.t, s.store))
	s.wantImage("b", data)
}

// wantSameIncarnation checks that a change of an image's attributes is none
// of its content.
func (s *suite) wantSameIncarnation(old, now backends.Image) {
	s.Helper()
	if !s.cfg.LooseIncarnation && old.Incarnation != now.Incarnation {
		s.Fatalf("%q: the incarnation was %s and is %s", now.Name, old.Incarnation, now.Incarnation)
	}
}
