package main

import (
	"os"
	"path/filepath"
	"testing"

	"glancefs/config"
)

// datadirOf returns the datadir of the store local, and the source.
func datadirOf(t *testing.T, flags *configFlags, systemConfig string) (dir, source string) {
	t.Helper()
	cfg, source, err := flags.loadFrom(systemConfig)
	if err != nil {
		t.Fatal(err)
	}
	var o struct {
		Datadir string `option:"filesystem_store_datadir"`
	}
	if err := cfg.Decode("local", nil, &o).Err(); err != nil {
		t.Fatal(err)
	}
	return o.Datadir, source
}

func TestConfigurationSearch(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("[local]\nfilesystem_store_datadir = "+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	system, missing := write("system.conf", "/of/system"), filepath.Join(dir, "missing.conf")
	named := write("named.conf", "/of/named")
	t.Setenv("HOME", "/home/me")

	for _, test := range []struct {
		name         string
		locations    []config.Location
		systemConfig string
		xdg          string
		wantDir      string
		wantSource   string
	}{
		{"flag", []config.Location{{Path: named}}, system, "", "/of/named", named},
		{"later flag", []config.Location{{Path: named}, {Path: system}}, missing, "", "/of/system", named + ", " + system},
		{"system", nil, system, "", "/of/system", system},
		{"home", nil, missing, "", "/home/me/.local/share/glancefs/images", "built-in default"},
		{"data home", nil, missing, "/data/$x y", "/data/$x y/glancefs/images", "built-in default"},
		{"relative data home", nil, missing, "data", "/home/me/.local/share/glancefs/images", "built-in default"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("XDG_DATA_HOME", test.xdg)
			gotDir, gotSource := datadirOf(t, &configFlags{test.locations}, test.systemConfig)
			if gotDir != test.wantDir || gotSource != test.wantSource {
				t.Errorf("datadir %q of %q, want %q of %q", gotDir, gotSource, test.wantDir, test.wantSource)
			}
		})
	}
}

func TestNoHome(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_DATA_HOME", "")
	if _, _, err := new(configFlags).loadFrom("/nowhere/glancefs.conf"); err == nil {
		t.Error("a default configuration without a home directory")
	}
}

func TestLogPath(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	t.Setenv("XDG_STATE_HOME", "")
	byDefault := "/home/me/.local/state/glancefs/glancefs.log"
	if os.Geteuid() == 0 {
		byDefault = "/var/log/glancefs.log"
	}
	for _, test := range []struct {
		flags      logFlags
		background bool
		want       string
	}{
		{logFlags{}, false, ""},
		{logFlags{}, true, byDefault},
		{logFlags{file: "/log"}, false, "/log"},
		{logFlags{file: "/log"}, true, "/log"},
	} {
		if got, err := test.flags.path(test.background); err != nil || got != test.want {
			t.Errorf("%+v in the background (%v): log %q (%v), want %q", test.flags, test.background, got, err, test.want)
		}
	}
}
