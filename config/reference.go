package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reference matches $$, $name, ${name}, $group.name and ${group.name}: the
// pattern of Python's string.Template with oslo.config's idea of a name.
var reference = regexp.MustCompile(`(?i)\$(\$|[_a-z][._a-z0-9]*|\{[_a-z][._a-z0-9]*\})`)

// What can be wrong with the option that a reference names.
var (
	errNotSet       = errors.New(`is not set (a plain "$" is written "$$")`)
	errBadReference = errors.New("has a bad reference")
	errCycle        = errors.New("refers back to itself")
)

// resolver finds the values of a struct's options.
type resolver struct {
	config   *Config
	groups   []string          // the options' own group, then its fallbacks
	declared map[string]Option // the options of these groups, by name
}

// find returns the values of the option name, the effective one last, their
// references replaced: from group, from its fallbacks if it is one of the
// resolver's, or from the default tag. Without any the option is set nowhere.
// With an error, the last value is the one at fault. The trail has the options
// whose values are being found: none of them may turn up again.
func (r *resolver) find(group, name string, trail []string) ([]value, error) {
	id := groupKey(group) + "." + name
	if slices.Contains(trail, id) {
		return nil, errCycle
	}
	trail = append(trail, id)

	option, groups := r.scope(group, name)
	for _, g := range groups {
		values, err := r.expand(g, r.config.lookup(g, option), trail)
		if err != nil {
			return values, err
		}
		if len(values) > 0 && !(option.isNumber() && isBlank(effective(values))) {
			return values, nil
		}
	}
	return r.expand(group, option.byDefault(), trail)
}

// scope returns the declaration of group's option name, if it has one, and the
// groups where its value may be.
func (r *resolver) scope(group, name string) (Option, []string) {
	i := slices.IndexFunc(r.groups, func(g string) bool { return groupKey(g) == groupKey(group) })
	if option, ok := r.declared[name]; ok && i >= 0 {
		return option, r.groups[i:]
	}
	return Option{Name: name}, []string{group}
}

// expand replaces the references in values of group, up to the first value
// where that fails.
func (r *resolver) expand(group string, values []value, trail []string) ([]value, error) {
	for i := range values {
		var failed error
		text := strings.ReplaceAll(values[i].raw, `\$`, "$$") // oslo.config's other spelling
		values[i].text = reference.ReplaceAllStringFunc(text, func(match string) string {
			if match == "$$" {
				return "$"
			}
			text, err := r.refer(group, strings.Trim(match, "${}"), trail)
			if failed == nil {
				failed = err
			}
			return text
		})
		if failed != nil {
			return values[:i+1], failed
		}
	}
	return values, nil
}

// refer returns the text that name stands for in a value of group: that of
// group's or [DEFAULT]'s option, or if name has a dot, of another group's. That
// one can't be [DEFAULT], which for oslo.config is no group.
func (r *resolver) refer(group, name string, trail []string) (string, error) {
	var groups []string
	other, option, dotted := strings.Cut(name, ".")
	switch {
	case !dotted:
		groups, option = []string{group, "DEFAULT"}, name
	case other != "DEFAULT":
		groups = []string{other}
	}
	for _, g := range groups {
		values, err := r.find(g, option, trail)
		if err != nil {
			fault := errBadReference // err may quote a part of a secret
			if errors.Is(err, errCycle) {
				fault = errCycle
			}
			return "", fmt.Errorf("refers to %q, which %w", name, fault)
		}
		if declared, _ := r.scope(g, option); declared.Type != "" || len(values) > 0 {
			return effective(values), nil
		}
	}
	return "", fmt.Errorf("refers to %q, which %w", name, errNotSet)
}

// effective returns the value that counts when only one can.
func effective(values []value) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1].text
}
