package storetest

import (
	"io/fs"

	"glancefs/backends"
)

var changeTests = []test{
	{name: "what is not there", run: func(s *suite) { s.wantAbsent("a") }},
	{name: "delete", run: changeDelete},
	{name: "rename onto another", run: changeRenameOnto, needs: []need{renamer}},
	{name: "incarnation", run: changeIncarnation},
}

func changeDelete(s *suite) {
	data := randomBytes(1000, 1)
	s.add("a", data)
	s.add("b", data)
	s.must("delete", s.store.Delete(s.ctx, "a"))
	s.wantAbsent("a")
	s.wantImage("b", data)
}

// changeRenameOnto renames an image onto another one and onto itself: both
// are fs.ErrExist and change nothing.
func changeRenameOnto(s *suite) {
	renamer := as[backends.Renamer](s)
	a, b := randomBytes(1000, 1), randomBytes(2000, 2)
	s.add("a", a)
	s.add("b", b)
	s.want("rename onto another image", renamer.Rename(s.ctx, "a", "b"), fs.ErrExist)
	s.want("rename onto itself", renamer.Rename(s.ctx, "a", "a"), fs.ErrExist)
	s.wantImage("a", a)
	s.wantImage("b", b)
}

// changeIncarnation adds one content by one name many times: each is another
// incarnation, and so is that of an equal image by another name.
func changeIncarnation(s *suite) {
	data := randomBytes(1000, 1)
	seen := map[string]bool{s.add("b", data).Incarnation: true}
	for i := range 5 {
		img := s.add("a", data)
		if seen[img.Incarnation] {
			s.Fatalf("add %d: the incarnation %s comes again", i, img.Incarnation)
		}
		seen[img.Incarnation] = true
		s.wantSame("commit", img, s.stat("a"))
		s.must("delete", s.store.Delete(s.ctx, "a"))
	}
}
