package config

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"glancefs/tests/need"
)

// everything has an option of each type.
type everything struct {
	A      string `option:"a"`
	B      string `option:"b" default:"bee"`
	Ref    string `option:"ref" default:"<$a>"`
	Choice string `option:"choice" default:"red" choices:"red,green"`
	New    string `option:"new" deprecated:"old"`
	Key    Secret `option:"key"`
	Flag   bool   `option:"flag" default:"yes"`
	numbers
	List  []string          `option:"list" default:"x, y"`
	Multi []string          `option:"multi" multi:"true" default:"one"`
	Olds  []string          `option:"news" multi:"true" deprecated:"olds"`
	Dict  map[string]string `option:"dict" default:"k:v"`

	NoOption string
}

type numbers struct {
	N     int           `option:"n" default:"7" min:"-3" max:"100"`
	Big   int64         `option:"big"`
	Least int           `option:"least" min:"1"`
	F     float64       `option:"f" max:"10"`
	Wait  time.Duration `option:"wait" default:"1.5"`
}

// oslo is the real oslo.config in a Python process.
type oslo struct {
	requests *json.Encoder
	answers  *bufio.Reader
}

type osloRequest struct {
	Args     []string            `json:"args"`
	Groups   map[string][]Option `json:"groups"`
	Fallback []string            `json:"fallback"`
}

type osloAnswer struct {
	Error  string                           `json:"error"`
	Files  []map[string]map[string][]string `json:"files"`
	Values map[string]map[string]osloValue  `json:"values"`
}

type osloValue struct {
	Value any    `json:"value"`
	Error string `json:"error"`
}

func startOslo(t *testing.T) oslo {
	t.Helper()
	need.PythonModule(t, "oslo_config", "python3-oslo.config")
	cmd := exec.Command(need.Python, "testdata/oslo.py")
	cmd.Env = append(os.Environ(), "PYTHONUTF8=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // ends its loop
		if err := cmd.Wait(); err != nil {
			t.Errorf("oslo.py: %v", err)
		}
	})
	return oslo{json.NewEncoder(stdin), bufio.NewReader(stdout)}
}

func (o oslo) ask(t fataler, request osloRequest) osloAnswer {
	t.Helper()
	if err := o.requests.Encode(request); err != nil {
		t.Fatalf("oslo.py: %v", err)
	}
	line, err := o.answers.ReadBytes('\n')
	if err != nil {
		t.Fatalf("oslo.py: %v", err)
	}
	var answer osloAnswer
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatalf("oslo.py: %v in %s", err, line)
	}
	return answer
}

// fataler is what *testing.T and *rapid.T share and the comparison needs.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// agree fails unless this package and oslo.config make the same of the files:
// both or neither refuse them, at the same line; every group has the same
// options with the same texts; and dst, a pointer to a struct, gets the same
// values from each of the groups, or a problem where oslo.config has an error.
func agree(t fataler, o oslo, locations []Location, dst any, groups []string, fallback ...string) {
	t.Helper()
	request := osloRequest{Fallback: fallback, Groups: map[string][]Option{}}
	for _, l := range locations {
		flag := "--config-file"
		if l.Dir {
			flag = "--config-dir"
		}
		request.Args = append(request.Args, flag, l.Path)
	}
	for _, group := range groups {
		request.Groups[group] = Options(dst)
	}
	theirs := o.ask(t, request)

	ours, err := Load(locations...)
	switch {
	case (err != nil) != (theirs.Error != ""):
		t.Fatalf("load: %v, oslo.config: %s", err, theirs.Error)
	case err != nil:
		agreeOnLine(t, err.Error(), theirs.Error)
		return
	}
	if diff := cmp.Diff(theirs.Files, allTexts(ours)); diff != "" {
		t.Fatalf("texts (-oslo.config +ours):\n%s", diff)
	}
	for _, group := range groups {
		want := withoutMessages(theirs.Values[group])
		got, problems := decoded(t, ours, group, fallback, dst)
		for _, p := range problems {
			got[p.Option] = refused
			if strings.Contains(p.Message, errBadReference.Error()) {
				// By accident oslo.config then takes the option of this
				// name in [DEFAULT], if there is one. We refuse.
				want[p.Option] = refused
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("values of [%s] (-oslo.config +ours):\n%s\noslo.config: %v", group, diff, theirs.Values[group])
		}
	}
}

// lineNumber finds the line in both programs' errors. An option before the
// first group is found late by oslo.config, so it names a later line.
var (
	lineNumber = regexp.MustCompile(`\.conf:(\d+)[,:]`)
	foundLate  = regexp.MustCompile(`Section must be started`)
)

func agreeOnLine(t fataler, ours, theirs string) {
	t.Helper()
	line := lineNumber.FindStringSubmatch(theirs)
	if line == nil || foundLate.MatchString(theirs) {
		return
	}
	if got := lineNumber.FindStringSubmatch(ours); got == nil || got[1] != line[1] {
		t.Fatalf("line of the error: %s, oslo.config: %s", ours, theirs)
	}
}

// allTexts returns file, group, option, texts.
func allTexts(c *Config) []map[string]map[string][]string {
	var files []map[string]map[string][]string
	for _, f := range c.files {
		groups := map[string]map[string][]string{}
		for _, group := range f.groups() {
			groups[group] = map[string][]string{}
			for _, option := range f.options(group) {
				groups[group][option] = f.values(group, option)
			}
		}
		files = append(files, groups)
	}
	return files
}

const refused = "(refused)"

func withoutMessages(values map[string]osloValue) map[string]any {
	plain := map[string]any{}
	for name, v := range values {
		plain[name] = v.Value
		if v.Error != "" {
			plain[name] = refused
		}
	}
	return plain
}

// decoded returns the values of a fresh struct of dst's type as JSON would
// have them, by option name, and the problems.
func decoded(t fataler, c *Config, group string, fallback []string, dst any) (map[string]any, Problems) {
	t.Helper()
	fresh := reflect.New(reflect.TypeOf(dst).Elem())
	problems := c.Decode(group, fallback, fresh.Interface())
	values := map[string]any{}
	for _, f := range fields(fresh.Elem()) {
		values[f.Name] = plain(t, f.Interface())
	}
	return values, problems
}

func plain(t fataler, v any) any {
	t.Helper()
	switch typed := v.(type) {
	case Secret:
		v = string(typed)
	case time.Duration:
		v = typed.Seconds()
	case []string:
		v = append([]string{}, typed...) // nil too is the empty list
	case map[string]string:
		if typed == nil {
			v = map[string]string{}
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var generic any
	if err := json.Unmarshal(text, &generic); err != nil {
		t.Fatalf("%v", err)
	}
	return generic
}

// writeFile writes a file in a folder of its own and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
