package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// goPackage is what go list tells of a package.
type goPackage struct {
	ImportPath   string
	Imports      []string // of its code
	TestImports  []string // of its tests, in the package
	XTestImports []string // and beside it
}

// listPackages lists the packages of the module. The build tag ceph only
// chooses files here: nothing is compiled.
func listPackages(t *testing.T, tags string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "-tags", tags, "glancefs/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &stderr)
	}
	var all []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		t.Fatal("no packages")
	}
	return all
}

// arrows are the imports between our packages, as path.Match patterns. The
// first rule that matches the importer holds.
var arrows = []struct {
	from string
	to   []string
}{
	{"cmd/glancefs", []string{"fsnode", "config", "backends", "backends/all", "backends/rbd"}},
	{"fsnode", []string{"backends", "digest"}},
	{"config", nil},
	{"digest", nil},
	{"backends", []string{"backends/readahead", "backends/signature", "digest"}},
	{"backends/readahead", nil},
	{"backends/signature", nil},
	{"backends/all", []string{"config", "backends", "backends/*"}},
	{"backends/storetest", []string{"backends", "digest"}},
	{"backends/*", []string{"backends"}}, // a driver: no other one, and it never hashes
	{"tests", nil},
	{"tests/ceph", []string{"tests/need"}},
	{"tests/signed", []string{"tests/need"}},
	{"tests/web", []string{"tests/need"}},
	{"tests/*", nil},
	{"tests/*/*", nil},
	{"tests/*/*/*", nil},
}

// testArrows are what tests may import beyond that. Every test may use
// storetest, the store in memory, and the packages that set a scene.
var testArrows = map[string][]string{
	"backends":    {"config"}, // options as they are in a file
	"fsnode":      {"config"},
	"tests/bench": {"digest"}, // whose speed is the limit
}

func allowedArrows(t *testing.T, from string) []string {
	t.Helper()
	for _, a := range arrows {
		if match(a.from, from) {
			return a.to
		}
	}
	t.Errorf("%s: no rule says what it may import", from)
	return nil
}

func match(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	if err != nil {
		panic(err)
	}
	return ok
}

// checkArrows checks imports of ours against patterns.
func checkArrows(t *testing.T, from string, imports, allowed []string) {
	t.Helper()
	for _, imp := range imports {
		to, ours := strings.CutPrefix(imp, "glancefs/")
		if ours && to != from && !slices.ContainsFunc(allowed, func(p string) bool { return match(p, to) }) {
			t.Errorf("%s imports %s; it may import of ours: %q", from, to, allowed)
		}
	}
}

// TestArrows holds the directions in which the packages import each other.
func TestArrows(t *testing.T) {
	for _, tags := range []string{"", "ceph,bench"} {
		for _, p := range listPackages(t, tags) {
			from := strings.TrimPrefix(p.ImportPath, "glancefs/")
			allowed := allowedArrows(t, from)
			checkArrows(t, from, p.Imports, allowed)
			inTests := slices.Concat(allowed, testArrows[from], []string{"backends/storetest", "backends/memory", "tests/need", "tests/signed", "tests/ceph", "tests/web"})
			checkArrows(t, from, p.TestImports, inTests)
			checkArrows(t, from, p.XTestImports, inTests)
		}
	}
}

// TestForeignImports holds which package may use which library.
func TestForeignImports(t *testing.T) {
	const (
		ceph   = "github.com/ceph/go-ceph/"
		fuse   = "github.com/hanwen/go-fuse/"
		logrus = "github.com/sirupsen/logrus"
		cobra  = "github.com/spf13/"
		html   = "golang.org/x/net/"
	)
	rules := []struct {
		module string
		only   []string // where it may be used; nil: see never
		never  []string
	}{
		{module: ceph, only: []string{"backends/rbd"}},
		{module: fuse, only: []string{"fsnode"}},
		{module: cobra, only: []string{"cmd/glancefs"}},
		{module: html, only: []string{"backends/http"}},
		{module: logrus, never: []string{"config", "digest"}},
		{module: "C", only: []string{"backends/rbd"}}, // one setting of malloc; the rest is go-ceph's affair
	}
	used := make(map[string]bool)
	for _, p := range listPackages(t, "ceph") {
		from := strings.TrimPrefix(p.ImportPath, "glancefs/")
		for _, imp := range p.Imports {
			for _, r := range rules {
				if imp != r.module && (r.module == "C" || !strings.HasPrefix(imp, r.module)) {
					continue
				}
				used[r.module] = true
				if r.only != nil && !slices.Contains(r.only, from) || slices.Contains(r.never, from) {
					t.Errorf("%s imports %s", from, imp)
				}
			}
		}
	}
	for _, module := range []string{ceph, fuse, logrus, cobra, html} {
		if !used[module] {
			t.Errorf("nothing imports %s…: this test checks nothing", module)
		}
	}
	for _, p := range listPackages(t, "") {
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, ceph) {
				t.Errorf("without the build tag ceph, %s imports %s", p.ImportPath, imp)
			}
		}
	}
}

// TestRbdOnlyForVersion: the command knows no driver; of rbd it asks the
// version of the library that is linked in.
func TestRbdOnlyForVersion(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.Dir}}`, "glancefs/cmd/glancefs").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSpace(string(out))
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(path.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "rbd.") && !strings.Contains(line, "rbd.LibraryVersion()") {
				t.Errorf("%s: %s", e.Name(), strings.TrimSpace(line))
			}
		}
	}
}

// TestWithoutC builds and vets everything with no C compiler and no C
// library.
func TestWithoutC(t *testing.T) {
	for _, args := range [][]string{{"build", "-o", os.DevNull, "glancefs/..."}, {"vet", "glancefs/..."}} {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v without cgo: %v\n%s", cmd, err, out)
		}
	}
}
