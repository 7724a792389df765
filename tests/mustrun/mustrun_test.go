package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const goMod = "module example\n\ngo 1.26\n"

const someTests = `package a

import (
	"os"
	"testing"
)

func TestGood(t *testing.T)  { t.Log("good is quiet") }
func TestSkip(t *testing.T)  { t.Skip("needs a moon: wait for the night") }
func TestEnv(t *testing.T) {
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			if os.Getenv("WANT") != name {
				t.Error("WANT is", os.Getenv("WANT"))
			}
		})
	}
}
`

const panics = "package b\n\nimport \"testing\"\n\nfunc TestPanic(t *testing.T) { println(\"before the fall\"); panic(\"fell\") }\n"
const isKilled = "package b\n\nimport (\n\t\"syscall\"\n\t\"testing\"\n)\n\nfunc TestGood(t *testing.T) {}\nfunc TestBad(t *testing.T) { t.Error(\"bad\") }\nfunc TestKill(t *testing.T) { println(\"before the end\"); syscall.Kill(syscall.Getpid(), syscall.SIGKILL) }\n"
const failsInMain = "package c\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) { m.Run(); println(\"a leak\"); os.Exit(1) }\n\nfunc TestGood(t *testing.T) {}\n"
const buildFails = "package d\n\nimport \"testing\"\n\nfunc TestGood(t *testing.T) { undefined() }\n"

func TestRun(t *testing.T) {
	for _, test := range []struct {
		name     string
		files    map[string]string
		list     string
		args     []string
		wantOK   bool
		want     []string // in this order
		wantNot  []string
		wantLast string
	}{
		{
			name:     "good",
			files:    map[string]string{"a/a_test.go": someTests},
			list:     "# what must not be forgotten\na TestGood\na TestEnv/one # one of two\n",
			args:     []string{"WANT=one", "-run", "Good|Skip|Env/one", "./..."},
			wantOK:   true,
			want:     []string{"ok   a ", "skipped: a TestSkip: needs a moon: wait for the night\n"},
			wantNot:  []string{"quiet", "FAIL"},
			wantLast: "3 passed, 0 failed, 1 skipped",
		},
		{
			name:     "two groups",
			files:    map[string]string{"a/a_test.go": someTests},
			list:     "a TestEnv/one\na TestEnv/two\n",
			args:     []string{"WANT=one", "-run", "Env/one", "./a", "--", "WANT=two", "-run", "Env/two", "./a"},
			wantOK:   true,
			wantLast: "4 passed, 0 failed, 0 skipped",
		},
		{
			name:     "failed test",
			files:    map[string]string{"a/a_test.go": someTests},
			list:     "a TestEnv\n",
			args:     []string{"WANT=one", "./a"},
			want:     []string{"WANT is one", "--- FAIL: TestEnv/two", "FAIL a ", "failed: a TestEnv/two: a_test.go:14: WANT is one\n"},
			wantNot:  []string{"quiet", "FAIL\t"},
			wantLast: "2 passed, 2 failed, 1 skipped",
		},
		{
			name:     "failed in the first group only",
			files:    map[string]string{"a/a_test.go": someTests},
			args:     []string{"WANT=two", "-run", "Env/one", "./a", "--", "WANT=one", "-run", "Env/one", "./a"},
			want:     []string{"FAIL a ", "ok   a "},
			wantLast: "2 passed, 2 failed, 0 skipped",
		},
		{
			name:     "skipped, but must run",
			files:    map[string]string{"a/a_test.go": someTests},
			list:     "a TestSkip\n",
			args:     []string{"-run", "Skip", "./a"},
			want:     []string{"FAIL: a TestSkip has to pass"},
			wantLast: "0 passed, 1 failed, 1 skipped",
		},
		{
			name:     "forgotten, but must run",
			files:    map[string]string{"a/a_test.go": someTests},
			list:     "a TestGone\n",
			args:     []string{"-run", "Good", "./a"},
			want:     []string{"FAIL: a TestGone has to pass"},
			wantLast: "1 passed, 1 failed, 0 skipped",
		},
		{
			name:     "panic",
			files:    map[string]string{"b/b_test.go": panics},
			args:     []string{"./..."},
			want:     []string{"before the fall", "panic: fell", "FAIL b ", "failed: b TestPanic: panic: fell"},
			wantLast: "0 passed, 1 failed, 0 skipped",
		},
		{
			name:     "killed",
			files:    map[string]string{"b/b_test.go": isKilled},
			args:     []string{"-run", "Good|Kill", "./..."},
			want:     []string{"before the end", "FAIL b ", "failed: b: signal: killed"},
			wantNot:  []string{"=== RUN"},
			wantLast: "1 passed, 1 failed, 0 skipped",
		},
		{
			name:     "killed after a test failed",
			files:    map[string]string{"b/b_test.go": isKilled},
			args:     []string{"./..."},
			want:     []string{"FAIL b ", "failed: b TestBad: b_test.go:9: bad\n", "failed: b: signal: killed"},
			wantLast: "1 passed, 1 failed, 0 skipped",
		},
		{
			name:     "failure outside of tests",
			files:    map[string]string{"c/c_test.go": failsInMain},
			args:     []string{"./..."},
			want:     []string{"a leak", "FAIL c ", "failed: c: "},
			wantLast: "1 passed, 1 failed, 0 skipped",
		},
		{
			name:     "build",
			files:    map[string]string{"d/d_test.go": buildFails},
			args:     []string{"-vet=off", "./..."},
			want:     []string{"undefined: undefined", "FAIL d "},
			wantLast: "0 passed, 1 failed, 0 skipped",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			inModule(t, test.files)
			list := ""
			if test.list != "" {
				list = "must_run.txt"
				write(t, list, test.list)
			}
			var out strings.Builder
			ok, err := run(&out, list, test.args)
			if err != nil {
				t.Fatal(err)
			}
			if ok != test.wantOK {
				t.Errorf("ok = %v", ok)
			}
			ordered := make([]string, len(test.want))
			for i, text := range test.want {
				ordered[i] = regexp.QuoteMeta(text)
			}
			if !regexp.MustCompile(`(?s)` + strings.Join(ordered, ".*")).MatchString(out.String()) {
				t.Errorf("want, in this order, %q", test.want)
			}
			for _, text := range test.wantNot {
				if strings.Contains(out.String(), text) {
					t.Errorf("has %q", text)
				}
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if last := lines[len(lines)-1]; last != test.wantLast {
				t.Errorf("last line %q, want %q", last, test.wantLast)
			}
			if t.Failed() {
				t.Log("output:\n" + out.String())
			}
		})
	}
}

// What is wrong with the command itself is no result.
func TestErrors(t *testing.T) {
	inModule(t, map[string]string{"a/a_test.go": someTests, "bad.txt": "a TestGood twice\n"})
	for name, args := range map[string][]string{
		"flag":    {"-nonsense", "./a"},
		"package": {"./nowhere"},
	} {
		if ok, err := run(new(strings.Builder), "", args); ok {
			t.Errorf("%s: ok, error %v", name, err)
		}
	}
	for _, list := range []string{"nowhere.txt", "bad.txt"} {
		if _, err := run(new(strings.Builder), list, []string{"-run", "Good", "./a"}); err == nil {
			t.Errorf("the list %s was accepted", list)
		}
	}
}

func TestGroups(t *testing.T) {
	got := groups(strings.Fields("A=1 -race ./... -- B=2 ./a"))
	want := [][]string{{"A=1", "-race", "./..."}, {"B=2", "./a"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// inModule makes a module of the files and makes it the working directory.
func inModule(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("GOFLAGS", "")
	write(t, "go.mod", goMod)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		write(t, name, files[name])
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
