package config

import (
	"fmt"
	"reflect"
	"slices"
)

// Decode sets the fields of the struct that dst points to, by their tags (see
// the package comment), to what the files say in group, else in the first of
// the groups in fallback that sets the option, else to the default tag, else to
// zero. It returns a problem for every value it can't use; such a field has its
// default.
func (c *Config) Decode(group string, fallback []string, dst any) Problems {
	targets := fields(reflect.ValueOf(dst).Elem())
	r := resolver{
		config:   c,
		groups:   append([]string{group}, fallback...),
		declared: make(map[string]Option),
	}
	for _, f := range targets {
		r.declared[f.Name] = f.Option
	}

	var problems Problems
	for _, f := range targets {
		if values, err := r.decode(f); err != nil {
			problems = append(problems, newProblem(group, f.Option, values, err))
		}
	}
	return problems
}

// decode sets one field. With an error, the last value is the one at fault.
func (r *resolver) decode(f field) ([]value, error) {
	f.SetZero()
	fallback, badDefault := r.expand(r.groups[0], f.byDefault(), nil)
	if badDefault == nil {
		if err := f.set(fallback); err != nil {
			panic(fmt.Sprintf("config: the default tag of %s, %q, %v", f.Name, f.Default, err))
		}
	}
	values, err := r.find(r.groups[0], f.Name, nil)
	if err == nil {
		err = f.set(values)
	}
	return values, err
}

// newProblem describes the last of values, which belong to the option o.
func newProblem(group string, o Option, values []value, err error) Problem {
	p := Problem{Group: group, Option: o.Name}
	raw := ""
	if len(values) > 0 {
		p.File, raw = values[len(values)-1].file, values[len(values)-1].raw
	}
	if o.Type == "secret" { // only a reference can be wrong with it
		p.Message = `bad value: a "$" is written "$$" unless it refers to an option`
	} else {
		p.Message = quote(raw) + " " + err.Error()
	}
	return p
}

// quote shortens long values: a problem is one line.
func quote(text string) string {
	const limit = 80 // arbitrary
	if runes := []rune(text); len(runes) > limit {
		return fmt.Sprintf("%q…", string(runes[:limit]))
	}
	return fmt.Sprintf("%q", text)
}

// Unknown returns a problem for each option that a file sets in group and that
// no tag of the structs in known names.
func (c *Config) Unknown(group string, known ...any) Problems {
	var names []string
	for _, option := range Options(known...) {
		names = append(names, option.Name, option.Deprecated)
	}
	var problems Problems
	for _, f := range c.files {
		for _, name := range f.options(group) {
			if !slices.Contains(names, name) {
				problems = append(problems, Problem{f.name, group, name, "unknown option"})
			}
		}
	}
	return problems
}
