package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Store is a store that the configuration enables.
type Store struct {
	Name string // also the name of its group
	Type string // as it is written; whether there is such a type is not checked
	// Reserved marks a store that Glance keeps for itself, or that the
	// configuration adds to these.
	Reserved bool
}

// glanceReserved are the stores that Glance gives glance_store as reserved_stores.
var glanceReserved = []Store{
	{"os_glance_staging_store", "file", true},
	{"os_glance_tasks_store", "file", true},
}

// Stores returns the stores of [DEFAULT] enabled_backends in that order, then
// the reserved ones, whether they are configured or not: Glance's two, whose
// type [glancefs] reserved_stores can change and to which it can add.
//
// Both options are dicts, name:type,… . What Glance refuses, or reads in a way
// that nobody means (a,b:c is one store called "a,b"; a: has the type ""), is an
// error, and so is a name that can't be that of a directory.
func (c *Config) Stores() ([]Store, error) {
	var glance struct {
		Stores string `option:"enabled_backends"`
	}
	var own struct {
		Stores string `option:"reserved_stores"`
	}
	problems := c.Decode("DEFAULT", nil, &glance)
	problems = append(problems, c.Decode("glancefs", nil, &own)...)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if isBlank(glance.Stores) {
		return nil, c.errNoStores()
	}

	enabled, faults := parseStores(glance.Stores)
	for _, store := range enabled {
		if strings.HasPrefix(store.Name, "os_glance_") {
			faults = append(faults, fmt.Sprintf("%q: Glance keeps names that start with os_glance_ for itself", store.Name))
		}
	}
	problems = c.problems("DEFAULT", "enabled_backends", faults)

	added, faults := parseStores(own.Stores)
	reserved := slices.Clone(glanceReserved)
	for _, store := range added {
		store.Reserved = true
		if slices.ContainsFunc(enabled, store.sameName) {
			faults = append(faults, fmt.Sprintf("%q is in enabled_backends already", store.Name))
		}
		if i := slices.IndexFunc(reserved, store.sameName); i >= 0 {
			reserved[i] = store
		} else {
			reserved = append(reserved, store)
		}
	}
	problems = append(problems, c.problems("glancefs", "reserved_stores", faults)...)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return append(enabled, reserved...), nil
}

func (s Store) sameName(other Store) bool { return s.Name == other.Name }

// parseStores reads name:type,… and also returns what is wrong with it.
func parseStores(text string) (stores []Store, faults []string) {
	if isBlank(text) {
		return nil, nil
	}
	for piece := range strings.SplitSeq(text, ",") {
		piece = strings.TrimFunc(piece, isSpace)
		name, kind, ok := strings.Cut(piece, ":")
		store := Store{
			Name: strings.TrimFunc(name, isSpace),
			Type: strings.TrimFunc(kind, isSpace),
		}
		switch fault := checkStoreName(store.Name); {
		case !ok:
			faults = append(faults, quote(piece)+" is not name:type")
		case fault != "":
			faults = append(faults, quote(piece)+": "+fault)
		case store.Type == "":
			faults = append(faults, quote(piece)+" has no type")
		case slices.ContainsFunc(stores, store.sameName):
			faults = append(faults, quote(store.Name)+" is there twice")
		default:
			stores = append(stores, store)
		}
	}
	return stores, faults
}

// checkStoreName says why name can't be that of a store's directory, or nothing.
func checkStoreName(name string) string {
	const limit = 255 // bytes, NAME_MAX of Linux
	switch {
	case name == "":
		return "the store has no name"
	case name == ".", name == "..", strings.ContainsAny(name, "/\x00"):
		return "the store's name can't be that of a directory"
	case len(name) > limit:
		return fmt.Sprintf("the store's name is longer than %d bytes", limit)
	case strings.HasPrefix(name, ".glancefs"):
		return "names that start with .glancefs are not for stores"
	}
	return ""
}

// problems makes a problem of each of an option's faults.
func (c *Config) problems(group, option string, faults []string) Problems {
	var file string
	if values := c.lookup(group, Option{Name: option}); len(values) > 0 {
		file = values[len(values)-1].file
	}
	var problems Problems
	for _, fault := range faults {
		problems = append(problems, Problem{file, group, option, fault})
	}
	return problems
}

func (c *Config) errNoStores() error {
	files := strings.Join(c.Files(), ", ")
	if files == "" {
		files = "no file was read"
	}
	return errors.New(files + `: [DEFAULT] enabled_backends names no store; for one store in a folder add

[DEFAULT]
enabled_backends = local:file

[glance_store]
default_backend = local

[local]
filesystem_store_datadir = /var/lib/glance/images`)
}
