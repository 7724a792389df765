package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"glancefs/tests/need"
)

const surfaceFile = "../backends/GLANCE_STORE.md"

// readSurface reads the table that compares glance_store's functions with
// ours.
func readSurface(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(surfaceFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSurface: each row of the table has its three columns, a verdict, and
// tests, and each test that it names exists.
func TestSurface(t *testing.T) {
	text := readSurface(t)
	compared, exceptions, ok := strings.Cut(text, "\n## Exceptions\n")
	if !ok {
		t.Fatal("there are no exceptions")
	}
	verdict := regexp.MustCompile(`^\| .+ \| (Done|Different)[:,. ].* \| (.+) \|$|^\| .+ \| Done \| (.+) \|$`)
	rows := 0
	for line := range strings.Lines(compared) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| glance_store |") {
			continue
		}
		rows++
		m := verdict.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("no verdict, or no test: %s", line)
		} else if !testName.MatchString(m[2] + m[3]) {
			t.Errorf("no test in the last column: %s", line)
		}
	}
	if rows < 50 {
		t.Errorf("%d rows only", rows)
	}
	for _, name := range testName.FindAllStringSubmatch(compared+exceptions, -1) {
		if !hasTest(t, name[1], name[2]) {
			t.Errorf("there is no test %s in %s", name[2], name[1])
		}
	}
}

// testName matches a test as the table names it: folder, function.
var testName = regexp.MustCompile("`([a-z/]+) (Test\\w+)`")

// hasTest tells whether a folder has a test of that name.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^func ` + name + `\(t \*testing\.T\)`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if declared.Match(text) {
			return true
		}
	}
	return false
}

// publicNames prints the public functions, classes and methods of the modules
// that the table is about.
const publicNames = `
import importlib, inspect
for name in "multi_backend backend location capabilities driver exceptions".split():
    module = importlib.import_module("glance_store." + name)
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        print(name)
        if inspect.isclass(value) and value.__name__ in ("Store", "StoreCapability", "Location", "StoreLocation"):
            for name, value in vars(value).items():
                if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, (property, staticmethod))):
                    print(name)
`

// TestSurfaceComplete: no public name of the real glance_store is left out.
func TestSurfaceComplete(t *testing.T) {
	need.PythonModule(t, "glance_store", "python3-glance-store")
	out, err := exec.Command(need.Python, "-c", publicNames).Output()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(out))
	if len(names) < 70 {
		t.Fatalf("%d names only: %q", len(names), names)
	}
	text := readSurface(t)
	for _, name := range names {
		if !regexp.MustCompile("`(\\w+\\.)?" + name + "`").MatchString(text) {
			t.Errorf("%s does not say what became of %s", filepath.Base(surfaceFile), name)
		}
	}
}
