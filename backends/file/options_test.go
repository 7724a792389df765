package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"glancefs/backends"
)

// TestFaults configures stores in bad ways: each fault is reported, and what
// can be read is.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	notDir := filepath.Join(dir, "file")
	write(t, notDir, "")
	badJSON := filepath.Join(dir, "metadata.json")
	write(t, badJSON, "{")

	both := in(dir, dir+":3")
	both.Datadir, both.set = dir, []string{"filesystem_store_datadir"}
	many := in("relative:1", dir+":x", ":5", dir+":7", dir+":8")
	many.FilePerm = 688
	many.MetadataFile = badJSON

	for name, c := range map[string]struct {
		config *config
		want   []string // in the faults, in any order
		none   bool     // there is not even a store to read
	}{
		"empty":          {in(""), []string{"filesystem_store_datadir is empty"}, true},
		"relative":       {in("images"), []string{"filesystem_store_datadir = images: expected an absolute path"}, true},
		"both":           {both, []string{"filesystem_store_datadir = " + dir, "priority 0 already"}, false},
		"not a dir":      {in(notDir), []string{notDir}, false},
		"below a file":   {in(notDir + "/images"), []string{notDir + "/images can't be made"}, false},
		"perm digits":    {perm(in(dir), 688), []string{"filesystem_store_file_perm = 688"}, false},
		"perm no owner":  {perm(in(dir), 7), []string{"filesystem_store_file_perm = 7"}, false},
		"perm too large": {perm(in(dir), 10644), []string{"filesystem_store_file_perm = 10644"}, false},
		"many at once": {many, []string{
			"filesystem_store_datadirs = relative: expected an absolute", "filesystem_store_datadirs = " + dir + ":x: expected an integer",
			"filesystem_store_datadirs = : expected an absolute", "priority 7 already",
			"filesystem_store_file_perm = 688", "filesystem_store_metadata_file = " + badJSON,
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := c.config.open(t)
			if (s == nil) != c.none {
				t.Errorf("store: %v, want none: %v", s, c.none)
			}
			if !errors.Is(err, backends.ErrMisconfigured) {
				t.Fatalf("error %v, want ErrMisconfigured", err)
			}
			faults := flatten(err)
			for _, want := range c.want {
				found := false
				for _, fault := range faults {
					found = found || errors.Is(fault, backends.ErrMisconfigured) && strings.Contains(fault.Error(), want)
				}
				if !found {
					t.Errorf("no fault is %q", want)
				}
			}
			if len(faults) != len(c.want) {
				t.Errorf("%d faults, want %d:\n%v", len(faults), len(c.want), err)
			}
		})
	}
}

// flatten returns the errors that were joined.
func flatten(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || errors.Join(joined.Unwrap()...).Error() != err.Error() {
		return []error{err}
	}
	var all []error
	for _, err := range joined.Unwrap() {
		all = append(all, flatten(err)...)
	}
	return all
}

func perm(c *config, digits int) *config {
	c.FilePerm = digits
	return c
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestReadableInSpiteOfFaults reads from a store that can't be written to.
func TestReadableInSpiteOfFaults(t *testing.T) {
	dir := t.TempDir()
	add(t, in(dir).must(t), "a", []byte("hello"))
	s, err := perm(in(dir), 688).open(t)
	if err == nil {
		t.Fatal("no fault")
	}
	if img := stat(t, s, "a"); img.Size != 5 || img.Record == nil {
		t.Fatalf("got %+v", img)
	}
}

func TestDatadirs(t *testing.T) {
	for name, c := range map[string]struct {
		values []string
		want   []string
	}{
		"priorities":       {[]string{"/a:1", "/b:300", "/c", "/d:-5", "/e: 20 "}, []string{"/b", "/e", "/a", "/c", "/d"}},
		"colons":           {[]string{"/a:b:1", "/c:"}, []string{"/a:b", "/c"}},
		"same, one order":  {[]string{"/a:1", "/b:1"}, []string{"/a", "/b"}},
		"same, other":      {[]string{"/b:1", "/a:1"}, []string{"/b", "/a"}},
		"twice":            {[]string{"/a:1", "/a/:1"}, []string{"/a"}},
		"with odd slashes": {[]string{"/a//b/:1"}, []string{"/a/b"}},
	} {
		t.Run(name, func(t *testing.T) {
			dirs, err := parseDatadirs(c.values, in("/").opening.Log)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range dirs {
				got = append(got, d.path)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDefaultDatadir looks at where the images are when nothing says so.
func TestDefaultDatadir(t *testing.T) {
	for name, c := range map[string]struct {
		reserved bool
		datadirs []string
		want     string
	}{
		"plain":         {false, nil, "/var/lib/glance/images"},
		"reserved":      {true, nil, "/var/lib/glance/os_glance_staging_store"},
		"datadirs only": {false, []string{"/x:5"}, "/x"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := options{Datadir: "/var/lib/glance/images", Datadirs: c.datadirs}
			opening := backends.Opening{Name: "os_glance_staging_store", Reserved: c.reserved, IsSet: func(string) bool { return false }}
			dirs, err := opts.datadirs(opening)
			if err != nil || len(dirs) != 1 || dirs[0].path != c.want {
				t.Errorf("got %v, %v, want %s", dirs, err, c.want)
			}
		})
	}
}

// TestReservedMissing opens a reserved store that is not there: it is not
// made.
func TestReservedMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	c := in(dir)
	c.opening.Reserved = true
	s, err := c.open(t)
	if s != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v, %v, want no store and fs.ErrNotExist", s, err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("lstat: %v, want fs.ErrNotExist", err)
	}
}

// TestReadOnly opens a datadir read-only: not even what a crash left is
// removed.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	writable := in(dir).must(t)
	add(t, writable, "image", []byte("hello"))
	left := leaveBehind(t, writable.dirs[0], bootID())
	c := in(dir)
	c.opening.ReadOnly = true
	s := c.must(t)
	_, createErr := s.Create(unlimited, "a")
	for call, err := range map[string]error{
		"create":    createErr,
		"delete":    s.Delete(unlimited, "image"),
		"rename":    s.Rename(unlimited, "image", "a"),
		"set mtime": s.SetMtime(unlimited, "image", someTime),
	} {
		if !errors.Is(err, backends.ErrReadOnly) {
			t.Errorf("%s: %v, want ErrReadOnly", call, err)
		}
	}
	if img := stat(t, s, "image"); img.Record == nil || img.Mtime.Equal(someTime) {
		t.Errorf("the image has changed: %+v", img)
	}
	if _, err := os.Lstat(left); err != nil {
		t.Errorf("what a crash left: %v", err)
	}

	missing := filepath.Join(dir, "missing")
	c = in(missing)
	c.opening.ReadOnly = true
	s = c.must(t)
	if err := s.List(unlimited, nil); !errors.Is(err, backends.ErrUnavailable) {
		t.Errorf("list: %v, want ErrUnavailable", err)
	}
	if _, err := os.Lstat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("lstat: %v, want fs.ErrNotExist", err)
	}
}
