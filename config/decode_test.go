package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const fallbackText = `
[DEFAULT]
a = DEFAULT's
[backend_defaults]
a = common
new = common $a
n = 5
multi = common 1
multi = common 2
flag = no
choice = green
dict =
key = $b
[fast]
b = own
new =
n =
multi = own
big = $n
[slow]
old = old own
list =
wait = 3
`

func TestDecodeFallback(t *testing.T) {
	c := mustParse(t, fallbackText)
	tests := map[string]everything{
		"fast": {
			A: "common", B: "own", Ref: "<common>", Choice: "green", Key: "bee", New: "",
			numbers: numbers{N: 5, Big: 5, Wait: 1500 * time.Millisecond},
			List:    []string{"x", "y"}, Multi: []string{"own"}, Dict: map[string]string{},
		},
		"slow": {
			A: "common", B: "bee", Ref: "<common>", Choice: "green", Key: "bee", New: "old own",
			numbers: numbers{N: 5, Wait: 3 * time.Second},
			Multi:   []string{"common 1", "common 2"}, Dict: map[string]string{},
		},
		"nosuch": {
			A: "common", B: "bee", Ref: "<common>", Choice: "green", Key: "bee", New: "common common",
			numbers: numbers{N: 5, Wait: 1500 * time.Millisecond},
			List:    []string{"x", "y"}, Multi: []string{"common 1", "common 2"}, Dict: map[string]string{},
		},
	}
	for group, want := range tests {
		t.Run(group, func(t *testing.T) {
			got := everything{A: "stale", Flag: true, Multi: []string{"stale"}, Olds: []string{"stale"}, NoOption: "kept"}
			if err := c.Decode(group, []string{"nosuch", "backend_defaults"}, &got).Err(); err != nil {
				t.Fatal(err)
			}
			want.NoOption = "kept"
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(everything{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeFallbackAgrees(t *testing.T) {
	// A reference to an option that only the fallback sets is empty in
	// glance_store and useless, so it is not compared.
	text := strings.NewReplacer("big = $n\n", "").Replace(fallbackText)
	path := writeFile(t, "x.conf", text)
	agree(t, startOslo(t), []Location{{Path: path}}, &struct {
		B     string            `option:"b" default:"bee"`
		Key   Secret            `option:"key"`
		New   string            `option:"new" deprecated:"old"`
		N     int               `option:"n" default:"7"`
		Flag  bool              `option:"flag" default:"yes"`
		List  []string          `option:"list" default:"x"`
		Multi []string          `option:"multi" multi:"true" default:"one"`
		Dict  map[string]string `option:"dict" default:"k:v"`
		Wait  time.Duration     `option:"wait" default:"1.5"`
		A     string            `option:"a"`
	}{}, []string{"fast", "slow"}, "backend_defaults")
}

// An option that no struct declares is inserted as it is written, and a
// problem names the file and the text of the value at fault.
func TestReferenceToUndeclared(t *testing.T) {
	root := writeTree(t, map[string]string{
		"1.conf": "[DEFAULT]\nstate_path = /var/lib/glance\nyes = YES\n[other]\nsub = images\n",
		"2.conf": "[fast]\ndir = ${state_path}/${other.sub}\nflag = $yes\nmulti = $state_path\nmulti = $nosuch\n",
		"3.conf": "[fast]\nmulti = fine\n",
	})
	c, err := Load(Location{Path: root, Dir: true})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Dir   string   `option:"dir"`
		Flag  bool     `option:"flag"`
		Multi []string `option:"multi" multi:"true"`
	}
	problems := c.Decode("fast", nil, &got)
	if got.Dir != "/var/lib/glance/images" || !got.Flag {
		t.Errorf("got %+v", got)
	}
	want := Problems{{root + "/2.conf", "fast", "multi", `"$nosuch" refers to "nosuch", which is not set (a plain "$" is written "$$")`}}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestNumbers(t *testing.T) {
	const tooMuch = "9223372036854775808"
	var got struct {
		I int           `option:"i" default:"1"`
		J int64         `option:"j" default:"2"`
		F float64       `option:"f" default:"3" min:"-1"`
		W time.Duration `option:"w" default:"4" min:"0" max:"1e9"`
		V time.Duration `option:"v" default:"5"`
	}
	c := mustParse(t, "[g]\ni="+tooMuch+"\nj=-9223372036854775809\nf=nan\nw=-1\nv="+tooMuch+"\n"+
		"[h]\ni=9223372036854775807\nf=-1.0\nw=1000000000\nv=-.5\n"+
		"[i]\nf=inf\nv=1e10\nw=1000000001\n")
	var messages []string
	for _, group := range []string{"g", "h", "i"} {
		for _, p := range c.Decode(group, nil, &got) {
			messages = append(messages, p.Error())
		}
		messages = append(messages, fmt.Sprint(got))
	}
	want := []string{
		`x.conf: [g] i: "9223372036854775808" is not an integer`,
		`x.conf: [g] j: "-9223372036854775809" is not an integer`,
		`x.conf: [g] f: "nan" is not a number of at least -1`,
		`x.conf: [g] w: "-1" is not a number of seconds from 0 to 1e9`,
		`x.conf: [g] v: "9223372036854775808" is not a number of seconds`,
		"{1 2 3 4s 5s}",
		"{9223372036854775807 2 -1 277777h46m40s -500ms}",
		`x.conf: [i] f: "inf" is not a number of at least -1`,
		`x.conf: [i] w: "1000000001" is not a number of seconds from 0 to 1e9`,
		`x.conf: [i] v: "1e10" is not a number of seconds`,
		"{1 2 3 4s 5s}",
	}
	if diff := cmp.Diff(want, messages); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A problem is one line of a bearable length.
func TestProblemOfLongValue(t *testing.T) {
	var got struct {
		N int `option:"n"`
	}
	c := mustParse(t, "[g]\nn = "+strings.Repeat("\u00e9", 200)+"\n  second line\n")
	want := `x.conf: [g] n: "` + strings.Repeat("\u00e9", 80) + `"… is not an integer`
	if err := c.Decode("g", nil, &got).Err(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestProblemsErr(t *testing.T) {
	if err := (Problems{}).Err(); err != nil {
		t.Errorf("no problems: %v", err)
	}
	err := Problems{{"f", "g", "o", "m"}, {"", "G", "O", "M"}}.Err()
	if want := "f: [g] o: m\n[G] O: M"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSecretIsNotShown(t *testing.T) {
	type secrets struct {
		Key  Secret `option:"key"`
		Copy int    `option:"copy"`
		Peek string `option:"peek"`
	}
	var got secrets
	c := mustParse(t, "[good]\nkey = hunter2\ncopy = $key\n[bad]\nkey = hunter2$hunter3\npeek = $key\n")
	var shown strings.Builder
	for _, p := range c.Decode("good", nil, &got) {
		fmt.Fprintln(&shown, p)
	}
	if string(got.Key) != "hunter2" {
		t.Errorf("key = %q", string(got.Key))
	}
	encoded, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&shown, "%v %+v %#v %s %q %x\n%s\n", got, got, got, got.Key, got.Key, got.Key, encoded)
	problems := c.Decode("bad", nil, &got)
	fmt.Fprintln(&shown, problems.Err())
	if strings.Contains(shown.String(), "hunter") {
		t.Errorf("a secret is shown:\n%s", shown.String())
	}
	want := Problems{
		{"x.conf", "bad", "key", `bad value: a "$" is written "$$" unless it refers to an option`},
		{"x.conf", "bad", "peek", `"$key" refers to "key", which has a bad reference`},
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestUnknown(t *testing.T) {
	root := writeTree(t, map[string]string{
		"1.conf": "[fast]\na=1\nz=1\nold=1\nn=1\n[slow]\nz=1\n",
		"2.conf": "[FAST]\nz=2\nA=2\nextra=2\n",
	})
	c, err := Load(Location{Path: root, Dir: true})
	if err != nil {
		t.Fatal(err)
	}
	type more struct {
		Extra string `option:"extra"`
	}
	want := Problems{
		{root + "/1.conf", "fast", "z", "unknown option"},
		{root + "/2.conf", "fast", "z", "unknown option"},
		{root + "/2.conf", "fast", "A", "unknown option"},
	}
	if diff := cmp.Diff(want, c.Unknown("fast", everything{}, &more{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := c.Unknown("nosuch"); got != nil {
		t.Errorf("a group that is not there: %v", got)
	}
}

func TestOptions(t *testing.T) {
	type base struct {
		Size int `option:"size" default:"8" min:"1" max:"9" help:"MiB"`
	}
	type options struct {
		base
		Kind string `option:"kind" choices:"a,b" deprecated:"sort"`
		Note string
		Key  Secret `option:"key"`
	}
	type other struct {
		Wait time.Duration `option:"wait"`
	}
	want := []Option{
		{Name: "size", Type: "integer", Default: "8", Min: "1", Max: "9", Help: "MiB"},
		{Name: "kind", Type: "string", Choices: []string{"a", "b"}, Deprecated: "sort"},
		{Name: "key", Type: "secret"},
		{Name: "wait", Type: "seconds"},
	}
	if diff := cmp.Diff(want, Options(&options{}, other{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBadTagsPanic(t *testing.T) {
	c := mustParse(t, "[g]\n")
	for name, dst := range map[string]any{
		"type": new(struct {
			X uint8 `option:"x"`
		}),
		"default": new(struct {
			X int `option:"x" default:"many"`
		}),
		"default, limit": new(struct {
			X int `option:"x" default:"5" max:"4"`
		}),
		"default, choice": new(struct {
			X string `option:"x" default:"c" choices:"a,b"`
		}),
		"limit": new(struct {
			X int `option:"x" default:"5" max:"many"`
		}),
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			c.Decode("g", nil, dst)
		})
	}
}
