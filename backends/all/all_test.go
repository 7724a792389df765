package all

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"glancefs/backends"
	"glancefs/config"
)

func discard() *logrus.Entry {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return logrus.NewEntry(log)
}

// open opens the stores of a configuration.
func open(t *testing.T, text string, o Options) (*backends.Set, config.Problems, error) {
	t.Helper()
	cfg, err := config.Parse("test.conf", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	o.Log = discard()
	set, warnings, err := Open(t.Context(), cfg, o)
	if err == nil {
		t.Cleanup(func() {
			if err := set.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return set, warnings, err
}

func mustOpen(t *testing.T, text string) *backends.Set {
	t.Helper()
	set, warnings, err := open(t, text, Options{})
	if err != nil || warnings != nil {
		t.Fatalf("open: %v, warnings %v", err, warnings)
	}
	return set
}

// names returns the names of the stores in their order.
func names(set *backends.Set) []string {
	var names []string
	for _, in := range set.Instances() {
		names = append(names, in.Name())
	}
	return names
}

func TestDrivers(t *testing.T) {
	var types []string
	for _, driver := range Drivers() {
		if slices.Contains(types, driver.Type) {
			t.Errorf("two drivers of type %s", driver.Type)
		}
		types = append(types, driver.Type)
		if len(driver.Schemes) == 0 {
			t.Errorf("%s has no scheme", driver.Type)
		}
		for _, option := range config.Options(driver.Options()) {
			if option.Help == "" {
				t.Errorf("%s: the option %s has no help", driver.Type, option.Name)
			}
		}
	}
}

func TestOpen(t *testing.T) {
	set := mustOpen(t, `
[DEFAULT]
enabled_backends = b:memory, a:memory
hashing_algorithm = sha256
[glance_store]
default_backend = a
[glancefs]
weight = 3
read_only = true
[backend_defaults]
memory_store_size = 1000
[a]
read_only = false
[b]
weight = 5
memory_store_size = 2000
`)
	if diff := cmp.Diff([]string{"b", "a"}, names(set)); diff != "" {
		t.Errorf("stores (-want +got):\n%s", diff)
	}
	if set.Default() == nil || set.Default().Name() != "a" {
		t.Errorf("the default store is not a")
	}
	type facts struct {
		ReadOnly bool
		Weight   int
		Algo     string
		Size     uint64
	}
	for name, want := range map[string]facts{
		"a": {false, 3, "sha256", 1000},
		"b": {true, 5, "sha256", 2000},
	} {
		in, _ := set.Get(name)
		if faults := in.Faults(); faults != nil || in.Warning() != nil {
			t.Errorf("%s: faults %v, warning %v", name, faults, in.Warning())
		}
		space, err := in.Space(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := facts{in.ReadOnly(), in.Weight(), in.HashingAlgo(), space.Total}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestDefaults(t *testing.T) {
	set := mustOpen(t, "[DEFAULT]\nenabled_backends = a:memory\n")
	in, _ := set.Get("a")
	if set.Default() != in || in.HashingAlgo() != "sha512" || in.ReadOnly() {
		t.Errorf("default store %v, hashing algorithm %s, read-only %v", set.Default(), in.HashingAlgo(), in.ReadOnly())
	}
}

func TestReadOnly(t *testing.T) {
	set, _, err := open(t, "[DEFAULT]\nenabled_backends = a:memory\n[a]\nread_only = false\n", Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if in, _ := set.Get("a"); !in.ReadOnly() {
		t.Error("a store of a read-only set can be written to")
	}
}

// A reserved store is there when its datadir is.
func TestReserved(t *testing.T) {
	dir := t.TempDir()
	set := mustOpen(t, `
[DEFAULT]
enabled_backends = a:memory
[os_glance_staging_store]
filesystem_store_datadir = `+dir+`
`)
	if diff := cmp.Diff([]string{"a", "os_glance_staging_store"}, names(set)); diff != "" {
		t.Errorf("stores (-want +got):\n%s", diff)
	}
	if in, ok := set.Get("os_glance_staging_store"); !ok || !in.Reserved() {
		t.Error("the staging store is not reserved")
	}
	if set.Default().Name() != "a" {
		t.Error("a reserved store takes part in the choice of the default")
	}
	if left, err := filepath.Glob(dir + "/*"); err != nil || left != nil {
		t.Errorf("created in a reserved store: %v, %v", left, err)
	}
}

// What nothing reads is told, in the groups that stores share.
func TestWarnings(t *testing.T) {
	_, warnings, err := open(t, `
[DEFAULT]
enabled_backends = a:memory
[glancefs]
uid = 3
reserved_stores =
request_timeout = 3
requesttimeout = 3
[backend_defaults]
filesystem_store_datadir = /images
filesystem_store_dir = /images
[a]
memory = 3
`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Problems{
		{File: "test.conf", Group: "glancefs", Option: "requesttimeout", Message: "unknown option"},
		{File: "test.conf", Group: "backend_defaults", Option: "filesystem_store_dir", Message: "unknown option"},
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What signed images would meet with is told at the start.
func TestTrustWarnings(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string][]string{
		"":                                    nil,
		"certificate_dir = " + dir:            {"[glancefs] ca_file: it is not set, and without it no certificate is trusted: signed images are refused"},
		"ca_file = " + dir + "/ca.pem":        {"[glancefs] ca_file: open " + dir + "/ca.pem: no such file or directory"},
		"ca_file = all_test.go":               {"[glancefs] ca_file: no certificate in all_test.go"},
		"certificate_dir = " + dir + "/other": {"[glancefs] ca_file: it is not set, and without it no certificate is trusted: signed images are refused", "[glancefs] certificate_dir: open " + dir + "/other: no such file or directory"},
	} {
		_, warnings, err := open(t, "[DEFAULT]\nenabled_backends = a:memory\n[glancefs]\n"+text+"\n", Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range warnings {
			got = append(got, w.Error())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestNotOpened(t *testing.T) {
	const stores = "[DEFAULT]\nenabled_backends = a:memory\n"
	for text, want := range map[string]string{
		"[DEFAULT]\n":                                      "names no store",
		"[DEFAULT]\nenabled_backends = a\n":                "not name:type",
		"[DEFAULT]\nenabled_backends = a:nothing\n":        `unknown type "nothing"`,
		stores + "hashing_algorithm = shake_128\n":         "hashing_algorithm",
		stores + "[glance_store]\ndefault_backend = b\n":   "default_backend",
		stores + "[glancefs]\nsync_on_close = 2\n":         "[glancefs] sync_on_close",
		stores + "[glancefs]\nreserved_stores = b:nothing": `unknown type "nothing"`,
	} {
		if _, _, err := open(t, text, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, test := range []struct {
		text string
		want Settings
	}{
		{"", Settings{SyncOnClose: true, UID: -1, GID: -1, FileMode: 0o440}},
		{"sync_on_close = no\nuid = 64055\ngid = 0\nfile_mode = 644\n", Settings{UID: 64055, FileMode: 0o644}},
	} {
		cfg, err := config.Parse("test.conf", []byte("[glancefs]\n"+test.text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadSettings(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.text, diff)
		}
	}
	for _, bad := range []string{"file_mode = 0888", "file_mode = 1777", "file_mode =", "file_mode = -1", "uid = -2", "gid = 4294967295"} {
		cfg, err := config.Parse("test.conf", []byte("[glancefs]\n"+bad+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ReadSettings(cfg); err == nil {
			t.Errorf("%q was accepted: %+v", bad, got)
		}
	}
}

// TestTwoConfigurations: two programs in one process know nothing of each
// other. Their stores have the same names.
func TestTwoConfigurations(t *testing.T) {
	const text = "[DEFAULT]\nenabled_backends = a:file, b:memory\nhashing_algorithm = %s\n" +
		"[glance_store]\ndefault_backend = %s\n[glancefs]\nweight = %d\n[a]\nfilesystem_store_datadir = %s\n"
	one := mustOpen(t, fmt.Sprintf(text, "sha256", "a", 1, t.TempDir()))
	two := mustOpen(t, fmt.Sprintf(text, "sha512", "b", 2, t.TempDir()))

	var wg sync.WaitGroup
	for set, data := range map[*backends.Set]string{one: "of one", two: "of two"} {
		for _, in := range set.Instances() {
			wg.Go(func() { addImage(t, in, "x", data) })
		}
	}
	wg.Wait()

	if one.Default().Name() != "a" || two.Default().Name() != "b" {
		t.Errorf("the default stores are %s and %s", one.Default().Name(), two.Default().Name())
	}
	for _, name := range []string{"a", "b"} {
		first, _ := one.Get(name)
		second, _ := two.Get(name)
		if err := first.SetHashingAlgo("md5"); err != nil {
			t.Fatal(err)
		}
		if second.HashingAlgo() != "sha512" || first.Weight() != 1 || second.Weight() != 2 {
			t.Errorf("%s: hashing algorithm %s, weights %d and %d", name, second.HashingAlgo(), first.Weight(), second.Weight())
		}
		wantRecord(t, first, "x", "of one", "sha256")
		if err := first.Delete(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		wantRecord(t, second, "x", "of two", "sha512")
	}
}

// addImage adds an image.
func addImage(t *testing.T, in *backends.Instance, name, data string) {
	add, err := in.Add(t.Context(), name)
	if err != nil {
		t.Error(err)
		return
	}
	defer add.Abort()
	if err := add.Write([]byte(data)); err != nil {
		t.Error(err)
	}
	if _, err := add.Commit(time.Time{}); err != nil {
		t.Error(err)
	}
}

// wantRecord checks an image's size, its bytes and the digests that are kept
// with it.
func wantRecord(t *testing.T, in *backends.Instance, name, data, algo string) {
	t.Helper()
	o, err := in.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	got := make([]byte, len(data)+1)
	n, err := o.ReadAt(t.Context(), got, 0)
	if err != nil || string(got[:n]) != data {
		t.Errorf("%s/%s is %q (%v), want %q", in.Name(), name, got[:n], err, data)
	}
	img, err := in.Stat(t.Context(), name)
	if err != nil || img.Record == nil || img.Record.HashingAlgo != algo || img.Size != int64(len(data)) {
		t.Errorf("%s/%s: %+v (%v), want a record in %s", in.Name(), name, img, err, algo)
	}
}
