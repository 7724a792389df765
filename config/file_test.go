package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

// Each file of testdata/legal reads as its golden file says, and as oslo.config
// reads it.
func TestLegalFiles(t *testing.T) {
	eachFile(t, "testdata/legal/*.conf", func(t *testing.T, path string) {
		c, err := Load(Location{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		type group struct {
			Values   map[string]any
			Problems []string
		}
		got := map[string]group{}
		for _, name := range []string{"DEFAULT", "fast"} {
			values, problems := decoded(t, c, name, nil, new(everything))
			g := group{Values: values}
			for _, p := range append(problems, c.Unknown(name, everything{})...) {
				g.Problems = append(g.Problems, p.Error())
			}
			got[name] = g
		}
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "\t")
		if err := enc.Encode(got); err != nil {
			t.Fatal(err)
		}
		golden(t, strings.TrimSuffix(path, ".conf")+".json", text.String())
	})
}

func TestLegalFilesAgree(t *testing.T) {
	o := startOslo(t)
	eachFile(t, "testdata/legal/*.conf", func(t *testing.T, path string) {
		agree(t, o, []Location{{Path: path}}, new(everything), []string{"DEFAULT", "fast"})
	})
}

// Each file of testdata/illegal is refused with the error in its golden file.
func TestIllegalFiles(t *testing.T) {
	eachFile(t, "testdata/illegal/*.conf", func(t *testing.T, path string) {
		_, err := Load(Location{Path: path})
		if err == nil {
			t.Fatal("no error")
		}
		golden(t, strings.TrimSuffix(path, ".conf")+".error", err.Error()+"\n")
	})
}

func TestIllegalFilesAgree(t *testing.T) {
	o := startOslo(t)
	eachFile(t, "testdata/illegal/*.conf", func(t *testing.T, path string) {
		agree(t, o, []Location{{Path: path}}, new(everything), nil)
	})
}

func eachFile(t *testing.T, pattern string, run func(*testing.T, string)) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no files (%v)", pattern, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { run(t, path) })
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// byteCases are files whose bytes an editor or git would change.
var byteCases = []struct {
	name, text string
	a          string // [DEFAULT] a
	wantErr    string
}{
	{name: "CRLF", text: "[DEFAULT]\r\na = one\r\n  two\r\n\r\n", a: "one\ntwo"},
	{name: "CR alone", text: "[DEFAULT]\ra=one\rb=two", a: "one"},
	{name: "no newline at the end", text: "[DEFAULT]\na=one", a: "one"},
	{name: "continuation at the end", text: "[DEFAULT]\na=one\n two", a: "one\ntwo"},
	{name: "tabs", text: "[DEFAULT]\t\na\t=\tone\ttwo\t\n\t\tthree", a: "one\ttwo\nthree"},
	{name: "other white space", text: "[DEFAULT]\u2003\n\u00a0a\u2028=\x1f\x0bone\x0c\n", a: "one"},
	{name: "white space that is no indentation", text: "[DEFAULT]\nb=x\n\x0ba=one", a: "one"},
	{name: "comment signs behind other white space", text: "[DEFAULT]\n\x0b#b=x\n\u00a0;b=x\na=one", a: "one"},
	{name: "UTF-8", text: "[DEFAULT]\na = \u00fcml\u00e4ut \U0001f600\n", a: "\u00fcml\u00e4ut \U0001f600"},
	{name: "NUL", text: "[DEFAULT]\na = x\x00y\n", a: "x\x00y"},
	{name: "very long line", text: "[DEFAULT]\na = " + strings.Repeat("x#", 1<<20) + "\n", a: strings.Repeat("x#", 1<<20)},
	{name: "very many lines", text: "[DEFAULT]\na = 0" + strings.Repeat("\n 0", 1<<16), a: "0" + strings.Repeat("\n0", 1<<16)},
	{name: "empty", text: ""},
	{name: "BOM", text: "\ufeff[DEFAULT]\na=one\n", wantErr: "x.conf:1: the file starts with a byte order mark, which oslo.config refuses: save it without"},
	{name: "BOM before a comment", text: "\ufeff# comment\n[DEFAULT]\n", wantErr: "x.conf:1: the file starts with a byte order mark, which oslo.config refuses: save it without"},
	{name: "BOM as text", text: "[DEFAULT]\na=\ufeff\n", a: "\ufeff"},
	{name: "Latin-1", text: "[DEFAULT]\n# f\xfcr\n", wantErr: "x.conf:2: the text is not UTF-8"},
	{name: "Latin-1 in the last line", text: "[DEFAULT]\na=\xe2\x80", wantErr: "x.conf:2: the text is not UTF-8"},
}

func TestBytes(t *testing.T) {
	for _, test := range byteCases {
		t.Run(test.name, func(t *testing.T) {
			c, err := Parse("x.conf", []byte(test.text))
			if err != nil || test.wantErr != "" {
				if err == nil || err.Error() != test.wantErr {
					t.Fatalf("error %v, want %s", err, test.wantErr)
				}
				return
			}
			var got everything
			if err := c.Decode("DEFAULT", nil, &got).Err(); err != nil {
				t.Fatal(err)
			}
			if got.A != test.a {
				t.Errorf("a = %q, want %q", got.A, test.a)
			}
		})
	}
}

func TestBytesAgree(t *testing.T) {
	o := startOslo(t)
	for _, test := range byteCases {
		t.Run(test.name, func(t *testing.T) {
			path := writeFile(t, "x.conf", test.text)
			agree(t, o, []Location{{Path: path}}, new(everything), []string{"DEFAULT"})
		})
	}
}
