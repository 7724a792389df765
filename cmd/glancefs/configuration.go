package main

import (
	_ "embed"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"glancefs/config"
)

const systemConfig = "/etc/glancefs/glancefs.conf"

//go:embed default.conf
var defaultConfig string

// configFlags are --config-file and --config-dir, repeated and mixed: what
// comes later wins, so both add to one list.
type configFlags struct {
	locations []config.Location
}

func (c *configFlags) addTo(flags *pflag.FlagSet) {
	flags.Var(locationValue{c, false}, "config-file", "configuration `file` (repeatable; later ones win)")
	flags.Var(locationValue{c, true}, "config-dir", "`folder` of configuration files *.conf (repeatable)")
}

// locationValue is the value of one of the two flags.
type locationValue struct {
	flags *configFlags
	dir   bool
}

func (v locationValue) Set(path string) error {
	if path == "" {
		return errors.New("it names nothing")
	}
	v.flags.locations = append(v.flags.locations, config.Location{Path: path, Dir: v.dir})
	return nil
}

func (v locationValue) String() string { return "" }
func (v locationValue) Type() string   { return "string" }

// load reads the configuration: what the flags name, else the system's file
// if it exists, else the built-in default. source tells the user which.
func (c *configFlags) load() (cfg *config.Config, source string, err error) {
	return c.loadFrom(systemConfig)
}

func (c *configFlags) loadFrom(systemConfig string) (cfg *config.Config, source string, err error) {
	locations := c.locations
	if len(locations) == 0 {
		if _, err := os.Stat(systemConfig); errors.Is(err, fs.ErrNotExist) {
			cfg, err := builtinConfig()
			return cfg, "built-in default", err
		}
		locations = []config.Location{{Path: systemConfig}}
	}
	if cfg, err = config.Load(locations...); err != nil {
		return nil, "", err
	}
	return cfg, strings.Join(cfg.Files(), ", "), nil
}

// builtinConfig is the configuration for those who have none.
func builtinConfig() (*config.Config, error) {
	home, err := xdgDir("XDG_DATA_HOME", ".local/share")
	if err != nil {
		return nil, err
	}
	home = strings.ReplaceAll(home, "$", "$$") // no reference to an option
	return config.Parse("built-in default", []byte(strings.ReplaceAll(defaultConfig, "= XDG_DATA_HOME", "= "+home)))
}
