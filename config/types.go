package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Secret is a string that does not show itself when it is printed or encoded.
// Convert it to a string to use it.
type Secret string

const hidden = "***"

func (Secret) String() string               { return hidden }
func (Secret) GoString() string             { return hidden }
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// set parses values as the field's type, by the rules of oslo_config/types.py,
// and stores the result. The error reads as what comes after the value. No
// values, or an error, leave the field alone.
func (f field) set(values []value) error {
	if len(values) == 0 {
		return nil
	}
	text := effective(values)
	switch p := f.Addr().Interface().(type) {
	case *string:
		return assign(p, parseString, f.Option, text)
	case *Secret:
		*p = Secret(text)
	case *bool:
		return assign(p, parseBool, f.Option, text)
	case *int:
		return assign(p, parseInt[int], f.Option, text)
	case *int64:
		return assign(p, parseInt[int64], f.Option, text)
	case *float64:
		return assign(p, parseFloat, f.Option, text)
	case *time.Duration:
		return assign(p, parseSeconds, f.Option, text)
	case *[]string:
		if !f.isMulti() {
			*p = parseList(text)
			break
		}
		*p = nil
		for _, v := range values {
			*p = append(*p, v.text)
		}
	case *map[string]string:
		return assign(p, parseDict, f.Option, text)
	}
	return nil
}

func assign[T any](p *T, parse func(Option, string) (T, error), o Option, text string) error {
	v, err := parse(o, text)
	if err == nil {
		*p = v
	}
	return err
}

func parseString(o Option, text string) (string, error) {
	if len(o.Choices) > 0 && !slices.Contains(o.Choices, text) {
		return "", fmt.Errorf("is not one of %s", strings.Join(o.Choices, ", "))
	}
	return text, nil
}

func parseBool(_ Option, text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "1", "on", "yes":
		return true, nil
	case "false", "0", "off", "no":
		return false, nil
	}
	return false, errors.New("is not a boolean (true, 1, on, yes, false, 0, off, no)")
}

// Numbers are written as Python's int() and float() take them, but for the
// digits of other scripts, and inf and nan, which no option can mean.
const digits = `\d+(_\d+)*`

var (
	integer = regexp.MustCompile(`^[+-]?` + digits + `$`)
	decimal = regexp.MustCompile(`^[+-]?(` + digits + `\.?|(` + digits + `)?\.` + digits + `)([eE][+-]?` + digits + `)?$`)
)

func parseInt[T int | int64](o Option, text string) (T, error) {
	text = strings.TrimFunc(text, isSpace)
	n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
	if err != nil || !integer.MatchString(text) || int64(T(n)) != n || !o.allows(float64(n)) {
		return 0, o.errNumber("an integer")
	}
	return T(n), nil
}

func parseFloat(o Option, text string) (float64, error) {
	return parseDecimal(o, text, "a number")
}

func parseSeconds(o Option, text string) (time.Duration, error) {
	const kind = "a number of seconds"
	n, err := parseDecimal(o, text, kind)
	n *= float64(time.Second)
	if err == nil && math.Abs(n) >= math.MaxInt64 {
		err = o.errNumber(kind)
	}
	return time.Duration(n), err
}

func parseDecimal(o Option, text, kind string) (float64, error) {
	text = strings.TrimFunc(text, isSpace)
	n, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	if err != nil || !decimal.MatchString(text) || !o.allows(n) {
		return 0, o.errNumber(kind)
	}
	return n, nil
}

// parseList splits at commas. Only commas at the end make no empty items.
func parseList(text string) []string {
	text = strings.TrimRight(strings.TrimFunc(text, isSpace), ",")
	if text == "" {
		return nil
	}
	items := strings.Split(text, ",")
	for i := range items {
		items[i] = strings.TrimFunc(items[i], isSpace)
	}
	return items
}

// parseDict reads name:value pairs. A piece without a colon belongs to the next
// one: a,b:c is the value c of the name "a,b".
func parseDict(_ Option, text string) (map[string]string, error) {
	dict := map[string]string{}
	if text = strings.TrimFunc(text, isSpace); text == "" {
		return dict, nil
	}
	begun := ""
	for piece := range strings.SplitSeq(text, ",") {
		name, value, complete := strings.Cut(begun+piece, ":")
		if !complete {
			begun += piece + ","
			continue
		}
		begun = ""
		name = strings.TrimFunc(name, isSpace)
		if _, ok := dict[name]; ok {
			return nil, fmt.Errorf("has the name %q twice", name)
		}
		if name == "" {
			return nil, errors.New("has a value without a name")
		}
		dict[name] = strings.TrimFunc(value, isSpace)
	}
	if begun != "" {
		return nil, errors.New("is not a list of name:value pairs separated by commas")
	}
	return dict, nil
}

func isBlank(text string) bool {
	return strings.TrimFunc(text, isSpace) == ""
}
