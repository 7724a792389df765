package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// tokens are what the two readers could see differently.
var tokens = []string{
	"[", "]", "[DEFAULT]", "[fast]", "[Fast]", "=", ":", "a", "b", "-",
	"#", ";", "\"", "'", "`", `"""`, "\\", "%(a)s", ",", "\u00e9", "\U0001f600", "\u212a",
	" ", "\t", "\n", "\n", "\n ", "\n\t", "\r\n", "\r", "\v", "\f", "\x00", "\x1c", "\x1f",
	"\u0085", "\u00a0", "\u1680", "\u180e", "\u200b", "\u2028", "\u3000", "\ufeff",
}

// values have types and references besides. No sequence of them makes a
// reference to an option that is set but not declared: that is an error in
// oslo.config only.
var valueTokens = append([]string{
	"$a", "${a}", "$b", "$ref", "${fast.a}", "$fast.b", "$nosuch", "$$", `\$`, "$", "${", "}", ".",
	"true", "Off", "no", "1", "08", "_", "+", "0x1", "e5", "1.5", "-3", "red", "green", "a:1", "b:2", ",,", " , ",
	"\n  ", "\n\t", "\n  #", "\n [",
}, tokens...)

func joined(t *rapid.T, label string, tokens []string, limit int) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(tokens), 0, limit).Draw(t, label), "")
}

// soup is text with hardly any structure.
func soup(t *rapid.T) string {
	return "[DEFAULT]\na=1\n" + joined(t, "soup", tokens, 20)
}

// assignments is text that is mostly legal and sets declared options.
func assignments(t *rapid.T) string {
	var names []string
	for _, o := range Options(everything{}) {
		if o.Type != "secret" { // its problems do not say enough for agree
			names = append(names, o.Name)
		}
	}
	groups := rapid.SampledFrom([]string{"[DEFAULT]\n", "[fast]\n", "[FAST]\r\n", "[other]\n", "", "", "", ""})
	// What a reference names is set: oslo.config knows an option that is only
	// declared in whichever group, Decode just those of its own struct.
	text := "[DEFAULT]\na=1\nb=2\nref=3\n[fast]\na=4\nb=5\nref=6\n"
	for range rapid.IntRange(1, 12).Draw(t, "lines") {
		text += groups.Draw(t, "group") +
			rapid.SampledFrom(names).Draw(t, "name") +
			rapid.SampledFrom([]string{"=", " = ", ":", "\t: ", " =: "}).Draw(t, "delimiter") +
			joined(t, "value", valueTokens, 5) +
			rapid.SampledFrom([]string{"\n", "\r\n", "\n\n", "\n# comment\n"}).Draw(t, "end")
	}
	return text
}

func TestRandomFilesAgree(t *testing.T) {
	o := startOslo(t)
	dir := t.TempDir()
	text := rapid.OneOf(rapid.Custom(soup), rapid.Custom(assignments), rapid.Custom(assignments))
	rapid.Check(t, func(t *rapid.T) {
		// Several a check: a hundred checks are rapid's default, and too few.
		for _, text := range rapid.SliceOfN(text, 1, 9).Draw(t, "files") {
			path := filepath.Join(dir, "x.conf")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			agree(t, o, []Location{{Path: path}}, new(everything), []string{"DEFAULT", "fast"})
		}
	})
}

// Two files, in both orders: the later one wins, multi-valued options gather.
func TestRandomPairsAgree(t *testing.T) {
	o := startOslo(t)
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		var locations []Location
		for _, name := range []string{"1.conf", "2.conf"} {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(rapid.Custom(assignments).Draw(t, name)), 0o600); err != nil {
				t.Fatal(err)
			}
			locations = append(locations, Location{Path: path})
		}
		agree(t, o, locations, new(everything), []string{"DEFAULT", "fast"})
		locations[0], locations[1] = locations[1], locations[0]
		agree(t, o, locations, new(everything), []string{"DEFAULT", "fast"})
	})
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/legal/*.conf", "testdata/illegal/*.conf"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	for _, test := range byteCases {
		if len(test.text) < 1<<10 {
			f.Add([]byte(test.text))
		}
	}
	f.Add([]byte("[DEFAULT]\nenabled_backends = a:file, b:rbd\n[glancefs]\nreserved_stores = c:file\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("x.conf", text)
		if err != nil {
			return
		}
		for _, group := range append(c.Groups(), "fast") {
			c.Decode(group, []string{"DEFAULT"}, new(everything))
			c.Unknown(group, everything{})
		}
		stores, err := c.Stores()
		if err == nil && len(stores) < 3 {
			t.Errorf("stores %v without an error", stores)
		}
	})
}
