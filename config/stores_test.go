package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	staging = Store{"os_glance_staging_store", "file", true}
	tasks   = Store{"os_glance_tasks_store", "file", true}
)

var goodStores = []struct {
	name, text string
	want       []Store
}{
	{"one", "[DEFAULT]\nenabled_backends = local:file\n", []Store{{"local", "file", false}, staging, tasks}},
	{"in order", "[DEFAULT]\nenabled_backends = z:rbd , a : file,M:http", []Store{{"z", "rbd", false}, {"a", "file", false}, {"M", "http", false}, staging, tasks}},
	{"continued", "[DEFAULT]\nenabled_backends =\n  a:file,\n  b:rbd", []Store{{"a", "file", false}, {"b", "rbd", false}, staging, tasks}},
	{"names that differ in case", "[DEFAULT]\nenabled_backends = a:file,A:file", []Store{{"a", "file", false}, {"A", "file", false}, staging, tasks}},
	{"first colon", "[DEFAULT]\nenabled_backends = a:rbd:x", []Store{{"a", "rbd:x", false}, staging, tasks}},
	{"reference", "[DEFAULT]\nkind = file\nenabled_backends = a:$kind", []Store{{"a", "file", false}, staging, tasks}},
	{"other names", "[DEFAULT]\nenabled_backends = \u00fcml\u00e4ut 1:file,.b:file,os_glance:file", []Store{{"\u00fcml\u00e4ut 1", "file", false}, {".b", "file", false}, {"os_glance", "file", false}, staging, tasks}},
	{"longest name", "[DEFAULT]\nenabled_backends = " + strings.Repeat("x", 255) + ":file", []Store{{strings.Repeat("x", 255), "file", false}, staging, tasks}},
	{"reserved", "[DEFAULT]\nenabled_backends = a:file\n[glancefs]\nreserved_stores = os_glance_tasks_store:rbd, scratch:file", []Store{{"a", "file", false}, staging, {"os_glance_tasks_store", "rbd", true}, {"scratch", "file", true}}},
	{"no more reserved", "[DEFAULT]\nenabled_backends = a:file\n[glancefs]\nreserved_stores =", []Store{{"a", "file", false}, staging, tasks}},
}

func TestStores(t *testing.T) {
	for _, test := range goodStores {
		t.Run(test.name, func(t *testing.T) {
			got, err := mustParse(t, test.text).Stores()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// oslo.config's dict has the same stores.
func TestStoresAgree(t *testing.T) {
	o := startOslo(t)
	for _, test := range goodStores {
		t.Run(test.name, func(t *testing.T) {
			want := map[string]any{}
			for _, store := range test.want {
				if !store.Reserved {
					want[store.Name] = store.Type
				}
			}
			got := askStores(t, o, test.text)
			if diff := cmp.Diff(any(want), got.Value); diff != "" {
				t.Errorf("(-ours +oslo.config):\n%s", diff)
			}
		})
	}
}

func askStores(t *testing.T, o oslo, text string) osloValue {
	t.Helper()
	dict := struct {
		Stores map[string]string `option:"enabled_backends"`
		Kind   string            `option:"kind"`
	}{}
	answer := o.ask(t, osloRequest{
		Args:   []string{"--config-file", writeFile(t, "x.conf", text)},
		Groups: map[string][]Option{"DEFAULT": Options(dict)},
	})
	return answer.Values["DEFAULT"]["enabled_backends"]
}

var badStores = []struct {
	name, value string
	want        string // without the prefix
	accepted    bool   // by oslo.config
}{
	{"comma at the end", "a:file,", `"" is not name:type`, false},
	{"comma alone", ",", "\"\" is not name:type\n\"\" is not name:type", false},
	{"no type", "a", `"a" is not name:type`, false},
	{"no type, in front", "a,b:c", `"a" is not name:type`, true},
	{"empty type", "a:", `"a:" has no type`, true},
	{"empty name", ":file", `":file": the store has no name`, false},
	{"duplicate", "a:file,b:file, a :rbd", `"a" is there twice`, false},
	{"Glance's own", "os_glance_x:file", `"os_glance_x": Glance keeps names that start with os_glance_ for itself`, true},
	{"our own", ".glancefs:file", `".glancefs:file": names that start with .glancefs are not for stores`, true},
	{"slash", "a/b:file", `"a/b:file": the store's name can't be that of a directory`, true},
	{"dot", ".:file", `".:file": the store's name can't be that of a directory`, true},
	{"dots", "..:file", `"..:file": the store's name can't be that of a directory`, true},
	{"NUL", "a\x00b:file", `"a\x00b:file": the store's name can't be that of a directory`, true},
	{"long", strings.Repeat("x", 256) + ":file", `"` + strings.Repeat("x", 80) + `"…: the store's name is longer than 255 bytes`, true},
	{"reference", "a:$nosuch", `"a:$nosuch" refers to "nosuch", which is not set (a plain "$" is written "$$")`, false},
	{"every fault", "a,b:,c:file,c:file", "\"a\" is not name:type\n\"b:\" has no type\n\"c\" is there twice", false},
}

func TestBadStores(t *testing.T) {
	for _, test := range badStores {
		t.Run(test.name, func(t *testing.T) {
			_, err := mustParse(t, "[DEFAULT]\nenabled_backends = "+test.value).Stores()
			const prefix = "x.conf: [DEFAULT] enabled_backends: "
			want := prefix + strings.ReplaceAll(test.want, "\n", "\n"+prefix)
			if err == nil || err.Error() != want {
				t.Errorf("got %v\nwant %s", err, want)
			}
		})
	}
}

// What oslo.config refuses is refused; what it accepts and we refuse is marked.
func TestBadStoresAgree(t *testing.T) {
	o := startOslo(t)
	for _, test := range badStores {
		got := askStores(t, o, "[DEFAULT]\nenabled_backends = "+test.value)
		if accepted := got.Error == ""; accepted != test.accepted {
			t.Errorf("%s: oslo.config makes %v of it", test.name, got)
		}
	}
}

func TestBadReservedStores(t *testing.T) {
	c := mustParse(t, "[DEFAULT]\nenabled_backends=a:file\n[glancefs]\nreserved_stores=a:file,b:file,b:rbd,/:file\n")
	_, err := c.Stores()
	want := `x.conf: [glancefs] reserved_stores: "b" is there twice
x.conf: [glancefs] reserved_stores: "/:file": the store's name can't be that of a directory
x.conf: [glancefs] reserved_stores: "a" is in enabled_backends already`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// The error for a missing enabled_backends has lines that work.
func TestNoStores(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":   "",
		"no option": "[DEFAULT]\n[glance_store]\nstores = file,http\n",
		"empty":     "[DEFAULT]\nenabled_backends = \n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mustParse(t, text).Stores()
			if err == nil {
				t.Fatal("no error")
			}
			message, lines, _ := strings.Cut(err.Error(), "\n\n")
			if want := "x.conf: [DEFAULT] enabled_backends names no store; for one store in a folder add"; message != want {
				t.Errorf("got %q, want %q", message, want)
			}
			stores, err := mustParse(t, lines).Stores()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Store{{"local", "file", false}, staging, tasks}, stores); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
