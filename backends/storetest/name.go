package storetest

import (
	"fmt"
	"io/fs"
	"strings"

	"glancefs/backends"
)

var nameTests = []test{
	{name: "odd", run: nameOdd},
	{name: "location", run: nameLocation},
	{name: "location elsewhere", run: nameElsewhere},
	{name: "bad location", run: nameBad},
}

// oddNames are names that some layer is tempted to change. Those that differ
// only in case, normal form or escaping are different images.
var oddNames = []string{
	"a", "A", "a ", " a", " ", "a b", "a\tb", "a\nb", "\n", "\x01\x7f",
	".a", "..a", "...", "a.", "~", "-rf", "--", "*", "a*?[b]",
	"%2f", "%2F", "%", "%00", "a%20b", "a+b", "?", "#", "what?#", "?a=b&c=d", "@", "a@b", "a:b", "http:", "snap",
	`back\slash`, `quo"te`, "quo'te", "`", "$HOME", "${x}", "<a>", "{}", "|", ";",
	"ünïcödé", "u\u0308", "ü", "日本語", "🦀", "\xff\xfe", "a\x80b", "\u202e",
	"a.json", "tmp", "records", "NUL", "c0ffee00-1234-4abc-8def-0123456789ab",
	strings.Repeat("n", 255), strings.Repeat("ü", 127),
}

// nameOdd keeps an image by each odd name, all at once; the locations are as
// without images.
func nameOdd(s *suite) {
	s.each(len(oddNames), func(s *suite, i int) { s.add(oddNames[i], randomBytes(100+i, uint64(i))) })
	listed := s.list()
	if len(listed) != len(oddNames) {
		s.Errorf("%d images are listed, want %d", len(listed), len(oddNames))
	}
	s.each(len(oddNames), func(s *suite, i int) {
		s.wantSame("list", listed[oddNames[i]], s.wantStored(oddNames[i], randomBytes(100+i, uint64(i))))
	})
	nameLocation(s)
	renamer, canRename := backends.As[backends.Renamer](s.store)
	s.each(len(oddNames), func(s *suite, i int) {
		name := oddNames[i]
		if canRename {
			other := fmt.Sprint("renamed ", i)
			s.must("rename", renamer.Rename(s.ctx, name, other))
			s.must("rename back", renamer.Rename(s.ctx, other, name))
			s.wantStored(name, randomBytes(100+i, uint64(i)))
		}
		s.must("delete", s.store.Delete(s.ctx, name))
		s.wantNotFound(name)
	})
	s.wantEmpty()
}

// nameLocation asks for the locations of odd names: Name finds back.
func nameLocation(s *suite) {
	locations := make(map[string]string)
	for _, name := range oddNames {
		location, err := s.store.Location(s.ctx, name)
		s.must("location", err)
		if other, same := locations[location]; same {
			s.Fatalf("%q and %q have one location, %s", name, other, location)
		}
		locations[location] = name
		got, err := s.store.Name(s.ctx, location)
		s.must("name of "+location, err)
		if got != name {
			s.Errorf("the location of %q is %s, and its name %q", name, location, got)
		}
	}
}

// nameElsewhere asks a store for the names of another store's images.
func nameElsewhere(s *suite) {
	other := s.cfg.New(s.t)
	location, err := other.Location(s.ctx, "a")
	s.must("location", err)
	_, err = s.store.Name(s.ctx, location)
	s.want("name of "+location+", another store's", err, fs.ErrNotExist)
}

func nameBad(s *suite) {
	location, err := s.store.Location(s.ctx, "a")
	s.must("location", err)
	scheme, _, _ := strings.Cut(location, "://")
	for _, bad := range []string{"", "a", "/a", scheme, scheme + ":", scheme + "://", "unheard-of://x/a", " " + location} {
		_, err := s.store.Name(s.ctx, bad)
		s.want("name of "+bad, err, backends.ErrInvalid)
	}
}
