package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Config is what a number of configuration files say. It does not change once
// it is read, and may be used by several goroutines.
type Config struct {
	files []file // in the order read: the last one wins
}

// Location is where to read configuration from.
type Location struct {
	Path string
	// Dir says that Path is a folder, of which the files *.conf are read in
	// the order of their names (oslo.config's --config-dir).
	Dir bool
}

// Load reads the files of all locations, in order. A file or folder that can't
// be read is an error, and so is bad syntax, with file and line.
func Load(locations ...Location) (*Config, error) {
	c := new(Config)
	for _, location := range locations {
		paths, err := location.paths()
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			if err := c.add(path, text); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// Parse reads text as one file called name.
func Parse(name string, text []byte) (*Config, error) {
	c := new(Config)
	if err := c.add(name, text); err != nil {
		return nil, err
	}
	return c, nil
}

// paths returns the files to read. Hidden files are left out, as the glob in
// oslo.config's ConfigDirAction does.
func (l Location) paths() ([]string, error) {
	if !l.Dir {
		return []string{l.Path}, nil
	}
	entries, err := os.ReadDir(l.Path) // sorted by name
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, ".conf") && name[0] != '.' {
			paths = append(paths, filepath.Join(l.Path, name))
		}
	}
	return paths, nil
}

func (c *Config) add(name string, text []byte) error {
	f, err := parseFile(name, text)
	if err != nil {
		return err
	}
	c.files = append(c.files, f)
	return nil
}

// Files returns the names of the files read, in order.
func (c *Config) Files() []string {
	var names []string
	for _, f := range c.files {
		names = append(names, f.name)
	}
	return names
}

// Groups returns the names of all groups in the order of their first
// appearance, in lower case except DEFAULT.
func (c *Config) Groups() []string {
	var groups []string
	for _, f := range c.files {
		for _, group := range f.groups() {
			if !slices.Contains(groups, group) {
				groups = append(groups, group)
			}
		}
	}
	return groups
}

// HasGroup tells whether a file has the group, be it empty.
func (c *Config) HasGroup(name string) bool {
	return slices.Contains(c.Groups(), groupKey(name))
}

// IsSet tells whether a file sets option, by just this name, in just this
// group, to whatever value.
func (c *Config) IsSet(group, option string) bool {
	return len(c.lookup(group, Option{Name: option})) > 0
}

// value is one value that a file gives an option.
type value struct {
	file string // empty for the value of a default tag
	raw  string // as it is written
	text string // with its references replaced
}

// lookup returns the value that the files give o in group: one, or all if o has
// many, the effective one last; none if it is not set. Within one file the
// current name beats the deprecated one, but the newest file that has either
// wins (oslo.config's _get_file_value): so the deprecated one goes before it.
func (c *Config) lookup(group string, o Option) []value {
	var values []value
	for _, f := range c.files {
		for _, text := range slices.Concat(f.values(group, o.Deprecated), f.values(group, o.Name)) {
			values = append(values, value{file: f.name, raw: text})
		}
	}
	if len(values) > 1 && !o.isMulti() {
		return values[len(values)-1:]
	}
	return values
}
