package bench

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the README, the charts and the golden files anew")

// wantFile compares a file with what it should be; with -update it writes it.
func wantFile(t *testing.T, file, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what the figures say, see -update (-want +got):\n%s", file, diff)
	}
}

// TestReadme: the README and the charts say what the committed figures say.
func TestReadme(t *testing.T) {
	const readme = "../../README.md"
	var figures Report
	var growth Growth
	if err := errors.Join(Load("figures.json", &figures), Load("growth.json", &growth)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, section := range map[string]string{"figures": figures.Markdown(), "growth": growth.Markdown()} {
		if want, err = Replace(want, name, section); err != nil {
			t.Fatal(err)
		}
	}
	wantFile(t, readme, want)
	wantFile(t, "figures.svg", figures.Chart())
	wantFile(t, "growth.svg", growth.Chart())
}

// TestGolden: table and charts of an example are those that somebody looked
// at.
func TestGolden(t *testing.T) {
	r, g := example(), exampleGrowth()
	wantFile(t, "testdata/figures.md", r.Markdown())
	wantFile(t, "testdata/figures.svg", r.Chart())
	wantFile(t, "testdata/growth.md", g.Markdown())
	wantFile(t, "testdata/growth.svg", g.Chart())
	for _, svg := range []string{r.Chart(), g.Chart()} {
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%v in\n%s", err, svg)
			}
		}
	}
}

func TestReplace(t *testing.T) {
	const document = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n"
	got, err := Replace(document, "x", "new\n")
	if want := "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n"; got != want || err != nil {
		t.Errorf("%q (%v), want %q", got, err, want)
	}
	for _, bad := range []string{"", "<!-- x -->\n", "<!-- end of x -->\n<!-- x -->\n"} {
		if got, err := Replace(bad, "x", "new\n"); err == nil {
			t.Errorf("%q became %q", bad, got)
		}
	}
}
