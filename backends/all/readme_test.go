package all

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"glancefs/backends"
	"glancefs/config"
)

// The README has a row for every option, with its default.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	options := config.Options(new(ownOptions))
	for _, driver := range Drivers() {
		options = append(options, config.Options(driver.Options())...)
	}
	options = append(options, commonOptions(t)...)

	for _, option := range options {
		value := ""
		if option.Default != "" {
			value = fmt.Sprintf("`%s` ", option.Default)
		}
		name := regexp.QuoteMeta("`" + option.Name + "`")
		row := regexp.MustCompile(`(?m)^\| [^|]*` + name + `[^|]* \| ` + regexp.QuoteMeta(value) + `\| .*\S`)
		if option.Name == "memory_store_size" {
			row = regexp.MustCompile(name + `[^.]*default ` + "`0`")
		}
		if !row.Match(readme) {
			t.Errorf("README.md has no row of the option %s with the default %q", option.Name, option.Default)
		}
	}
}

// commonOptions returns the options that package backends reads from
// [glancefs] for every store.
func commonOptions(t *testing.T) []config.Option {
	t.Helper()
	cfg, err := config.Parse("test.conf", []byte("[DEFAULT]\nenabled_backends = a:memory\n"))
	if err != nil {
		t.Fatal(err)
	}
	readers := readers{cfg: cfg}
	set, err := backends.Open(t.Context(), backends.Config{
		Stores:      []backends.StoreConfig{readers.storeConfig(config.Store{Name: "a", Type: "memory"})},
		HashingAlgo: "md5",
		Log:         discard(),
	}, Drivers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close() })
	return config.Options(readers.structs[backends.GroupOwn]...)
}
