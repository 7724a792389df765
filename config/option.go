package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Option is an option that a struct declares with its tags.
type Option struct {
	Name       string
	Deprecated string // an older name, or empty
	Type       string // string, secret, boolean, integer, float, seconds, list, multi or dict
	Default    string // as in a file; empty for the zero value
	Min, Max   string // of a number; empty for no limit
	Choices    []string
	Help       string
}

// Options returns the options that structs (or pointers to them) declare, in
// the order of their fields.
func Options(structs ...any) []Option {
	var options []Option
	for _, s := range structs {
		for _, f := range fields(reflect.Indirect(reflect.ValueOf(s))) {
			options = append(options, f.Option)
		}
	}
	return options
}

// field is the field of a struct that an option's value goes to.
type field struct {
	Option
	reflect.Value
}

// fields returns the fields of the struct v that are options, also those of
// embedded structs.
func fields(v reflect.Value) []field {
	var list []field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, ok := f.Tag.Lookup("option")
		switch {
		case ok:
			list = append(list, field{newOption(name, f), v.Field(i)})
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			list = append(list, fields(v.Field(i))...)
		}
	}
	return list
}

func newOption(name string, f reflect.StructField) Option {
	o := Option{
		Name:       name,
		Deprecated: f.Tag.Get("deprecated"),
		Type:       typeName(f),
		Default:    f.Tag.Get("default"),
		Min:        f.Tag.Get("min"),
		Max:        f.Tag.Get("max"),
		Help:       f.Tag.Get("help"),
	}
	if choices := f.Tag.Get("choices"); choices != "" {
		o.Choices = strings.Split(choices, ",")
	}
	return o
}

func typeName(f reflect.StructField) string {
	switch reflect.Zero(f.Type).Interface().(type) {
	case string:
		return "string"
	case Secret:
		return "secret"
	case bool:
		return "boolean"
	case int, int64:
		return "integer"
	case float64:
		return "float"
	case time.Duration:
		return "seconds"
	case []string:
		if f.Tag.Get("multi") == "true" {
			return "multi"
		}
		return "list"
	case map[string]string:
		return "dict"
	}
	panic(fmt.Sprintf("config: field %s has type %s, which no option can have", f.Name, f.Type))
}

func (o Option) isNumber() bool {
	return o.Type == "integer" || o.Type == "float" || o.Type == "seconds"
}

func (o Option) isMulti() bool {
	return o.Type == "multi"
}

// byDefault returns the value of the default tag.
func (o Option) byDefault() []value {
	if o.Default == "" {
		return nil
	}
	return []value{{raw: o.Default}}
}

// allows tells whether n is within the option's limits.
func (o Option) allows(n float64) bool {
	return (o.Min == "" || n >= limit(o.Min)) && (o.Max == "" || n <= limit(o.Max))
}

func limit(tag string) float64 {
	n, err := strconv.ParseFloat(tag, 64)
	if err != nil {
		panic("config: a min or max tag: " + err.Error())
	}
	return n
}

// errNumber says what was expected instead of a value that is no number of
// this kind or out of the option's limits.
func (o Option) errNumber(kind string) error {
	switch {
	case o.Min != "" && o.Max != "":
		return fmt.Errorf("is not %s from %s to %s", kind, o.Min, o.Max)
	case o.Min != "":
		return fmt.Errorf("is not %s of at least %s", kind, o.Min)
	case o.Max != "":
		return fmt.Errorf("is not %s of at most %s", kind, o.Max)
	}
	return fmt.Errorf("is not %s", kind)
}
