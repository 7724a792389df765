package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writeTree writes files under a new folder and returns its path.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("x.conf", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// orderTree has values that tell which file won.
func orderTree(t *testing.T) string {
	t.Helper()
	return writeTree(t, map[string]string{
		"one.conf":       "[DEFAULT]\na=one\nb=one\nmulti=one\n[fast]\na=one\nold=one\nolds=one\n",
		"two.conf":       "[DEFAULT]\na=two\nmulti=two\nmulti=two again\n[Fast]\na=two\nnews=two\n",
		"dir/20.conf":    "[DEFAULT]\na=20\nmulti=20\nb=\n",
		"dir/10.conf":    "[DEFAULT]\na=10\nmulti=10\n[fast]\nnew=10\nolds=10\nnews=10\n",
		"dir/B.conf":     "[DEFAULT]\na=B\nmulti=B\n",
		"dir/a.conf":     "[DEFAULT]\na=small a\nmulti=small a\n[fast]\nold=small a\n",
		"dir/.conf":      "[DEFAULT]\na=hidden\nmulti=hidden\n",
		"dir/.a.conf":    "[DEFAULT]\na=hidden\nmulti=hidden\n",
		"dir/z.conf.bak": "not an ini file",
		"dir/sub/1.conf": "[DEFAULT]\na=below\nmulti=below\n",
		"none/README":    "no *.conf here",
	})
}

var orders = []struct {
	name      string
	locations []Location
	a         string
	multi     []string
}{
	{"one file", []Location{{Path: "one.conf"}}, "one", []string{"one"}},
	{"two files", []Location{{Path: "one.conf"}, {Path: "two.conf"}}, "two", []string{"one", "two", "two again"}},
	{"the other way", []Location{{Path: "two.conf"}, {Path: "one.conf"}}, "one", []string{"two", "two again", "one"}},
	{"twice the same", []Location{{Path: "two.conf"}, {Path: "two.conf"}}, "two", []string{"two", "two again", "two", "two again"}},
	{"a folder", []Location{{Path: "dir", Dir: true}}, "small a", []string{"10", "20", "B", "small a"}},
	{"file, folder", []Location{{Path: "one.conf"}, {Path: "dir", Dir: true}}, "small a", []string{"one", "10", "20", "B", "small a"}},
	{"folder, file", []Location{{Path: "dir", Dir: true}, {Path: "one.conf"}}, "one", []string{"10", "20", "B", "small a", "one"}},
	{"file, folder, file", []Location{{Path: "one.conf"}, {Path: "dir", Dir: true}, {Path: "two.conf"}}, "two", []string{"one", "10", "20", "B", "small a", "two", "two again"}},
	{"a folder without files", []Location{{Path: "one.conf"}, {Path: "none", Dir: true}}, "one", []string{"one"}},
}

func under(root string, locations []Location) []Location {
	var moved []Location
	for _, l := range locations {
		moved = append(moved, Location{filepath.Join(root, l.Path), l.Dir})
	}
	return moved
}

func TestLoadOrder(t *testing.T) {
	root := orderTree(t)
	for _, test := range orders {
		t.Run(test.name, func(t *testing.T) {
			c, err := Load(under(root, test.locations)...)
			if err != nil {
				t.Fatal(err)
			}
			var got everything
			if err := c.Decode("DEFAULT", nil, &got).Err(); err != nil {
				t.Fatal(err)
			}
			if got.A != test.a {
				t.Errorf("a = %q, want %q", got.A, test.a)
			}
			if diff := cmp.Diff(test.multi, got.Multi); diff != "" {
				t.Errorf("multi (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadOrderAgrees(t *testing.T) {
	o := startOslo(t)
	root := orderTree(t)
	for _, test := range orders {
		t.Run(test.name, func(t *testing.T) {
			agree(t, o, under(root, test.locations), new(everything), []string{"DEFAULT", "fast"})
		})
	}
}

var unreadable = []struct {
	location Location
	want     string
}{
	{Location{Path: "nosuch.conf"}, "open ROOT/nosuch.conf: no such file or directory"},
	{Location{Path: "nosuch", Dir: true}, "open ROOT/nosuch: no such file or directory"},
	{Location{Path: "bad"}, "read ROOT/bad: is a directory"},
	{Location{Path: "bad", Dir: true}, `ROOT/bad/2.conf:3: no "=" or ":" after the option's name`},
	{Location{Path: "folder", Dir: true}, "read ROOT/folder/x.conf: is a directory"},
	{Location{Path: "dangling", Dir: true}, "open ROOT/dangling/1.conf: no such file or directory"},
}

func unreadableTree(t *testing.T) string {
	t.Helper()
	root := writeTree(t, map[string]string{
		"bad/1.conf":          "[DEFAULT]\n",
		"bad/2.conf":          "[DEFAULT]\n\ngarbage\n",
		"folder/x.conf/empty": "",
		"dangling/README":     "",
	})
	if err := os.Symlink("nowhere", filepath.Join(root, "dangling", "1.conf")); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestLoadErrors(t *testing.T) {
	root := unreadableTree(t)
	for _, test := range unreadable {
		_, err := Load(under(root, []Location{test.location})...)
		if err == nil || strings.ReplaceAll(err.Error(), root, "ROOT") != test.want {
			t.Errorf("Load(%v): %v, want %s", test.location, err, test.want)
		}
	}
}

func TestLoadErrorsAgree(t *testing.T) {
	o := startOslo(t)
	root := unreadableTree(t)
	for _, test := range unreadable {
		agree(t, o, under(root, []Location{test.location}), new(everything), nil)
	}
}

func TestGroups(t *testing.T) {
	root := writeTree(t, map[string]string{
		"1.conf": "[fast]\n[DEFAULT]\n[Slow]\na=\n",
		"2.conf": "[FAST]\nb=1\n[default]\n[.Hidden group]\n[fast.child]\nc=\n",
	})
	one, two := filepath.Join(root, "1.conf"), filepath.Join(root, "2.conf")
	c, err := Load(Location{Path: one}, Location{Path: two})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{one, two}, c.Files()); diff != "" {
		t.Errorf("Files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"fast", "DEFAULT", "slow", "default", ".hidden group", "fast.child"}, c.Groups()); diff != "" {
		t.Errorf("Groups (-want +got):\n%s", diff)
	}
	for group, want := range map[string]bool{"Fast": true, "slow": true, "DEFAULT": true, "fas": false, "": false} {
		if got := c.HasGroup(group); got != want {
			t.Errorf("HasGroup(%q) = %v", group, got)
		}
	}
	for option, want := range map[[2]string]bool{
		{"slow", "a"}: true, {"Slow", "a"}: true, {"slow", "A"}: false, {"slow", "b"}: false,
		{"fast", "b"}: true, {"nosuch", "b"}: false, {"fast.child", "b"}: false, {"DEFAULT", "a"}: false,
	} {
		if got := c.IsSet(option[0], option[1]); got != want {
			t.Errorf("IsSet(%q) = %v", option, got)
		}
	}
}

func TestNothingLoaded(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if c.HasGroup("DEFAULT") || len(c.Files()) > 0 || len(c.Groups()) > 0 {
		t.Errorf("files %q, groups %q", c.Files(), c.Groups())
	}
}
