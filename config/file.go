package config

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/ini.v1"
)

// file is one configuration file. Groups, options and values are in data escaped.
type file struct {
	name string
	data *ini.File
}

var loadOptions = ini.LoadOptions{
	AllowShadows:               true, // a repeated option keeps all its values,
	AllowDuplicateShadowValues: true, // equal ones too
	KeyValueDelimiters:         "=",
	ChildSectionDelimiter:      " ", // no name has it: [a.b] inherits nothing from [a]
}

func parseFile(name string, text []byte) (file, error) {
	normal, err := normalise(name, text)
	if err != nil {
		return file{}, err
	}
	data, err := ini.LoadSources(loadOptions, normal)
	if err != nil {
		return file{}, fmt.Errorf("%s: %w", name, err)
	}
	return file{name, data}, nil
}

// groups returns the names of the file's groups in order.
func (f file) groups() []string {
	var groups []string
	for _, section := range f.data.SectionStrings()[1:] { // [0] is ini.v1's own
		groups = append(groups, unescape(section))
	}
	return groups
}

// options returns the names of the options set in group, in order.
func (f file) options(group string) []string {
	section, err := f.data.GetSection(escape(groupKey(group)))
	if err != nil {
		return nil
	}
	var options []string
	for _, key := range section.KeyStrings() {
		options = append(options, unescape(key))
	}
	return options
}

// values returns all values of option in group, in order; nil if it is not set.
func (f file) values(group, option string) []string {
	section, err := f.data.GetSection(escape(groupKey(group)))
	if err != nil {
		return nil
	}
	key, err := section.GetKey(escape(option))
	if err != nil {
		return nil
	}
	var values []string
	for _, value := range key.ValueWithShadows() {
		values = append(values, unescape(value))
	}
	return values
}

// groupKey makes names of groups comparable, as oslo.config's
// _normalize_group_name does.
func groupKey(name string) string {
	if name == "DEFAULT" {
		return name
	}
	return strings.ToLower(name)
}

// escape writes s so that ini.v1 can only read it one way. Percent-encoding
// keeps quotes, backticks, backslashes, comment signs, %(x)s and newlines from
// it. The dot keeps an empty value from being dropped, the name "-" from being
// numbered, and [DEFAULT] from being confused with the section that ini.v1
// makes by itself.
func escape(s string) string {
	return "." + url.QueryEscape(s)
}

func unescape(s string) string {
	text, _ := url.QueryUnescape(s[1:]) // escape writes nothing that this refuses
	return text
}

// normalise turns oslo.config's dialect into one that ini.v1 reads the same
// way: it follows oslo_config/iniparser.py line by line and writes each group
// and each assignment, with its continuation lines, on one line, escaped.
//
// No set of ini.v1's options comes near enough: it takes continuation lines
// from Python multi-line values only with their indentation, drops empty values
// of repeated keys, reads ` and """ as quotes, takes [a] b for [a], and its
// errors have no line number.
func normalise(name string, text []byte) ([]byte, error) {
	var out bytes.Buffer
	inGroup, inValue := false, false
	for i, line := range lines(text) {
		var err error
		var group, option, value string
		line = strings.TrimRightFunc(line, isSpace)
		switch {
		case i == 0 && strings.HasPrefix(line, "\ufeff"):
			err = errByteOrderMark
		case !utf8.ValidString(line):
			err = errNotUTF8
		case line == "" || line[0] == '#' || line[0] == ';':
			inValue = false
		case line[0] == ' ' || line[0] == '\t':
			if !inValue {
				err = errNoValue
			}
			out.WriteString(url.QueryEscape("\n" + strings.TrimLeftFunc(line, isSpace)))
		case line[0] == '[':
			group, err = groupName(line)
			out.WriteString("\n[" + escape(groupKey(group)) + "]")
			inGroup, inValue = true, false
		default:
			option, value, err = splitAssignment(line)
			if err == nil && !inGroup {
				err = errNoGroup
			}
			out.WriteString("\n" + escape(option) + "=" + escape(value))
			inValue = true
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return out.Bytes(), nil
}

// What can be wrong with a line. The line itself is not shown: it may have a
// secret.
var (
	errByteOrderMark = errors.New("the file starts with a byte order mark, which oslo.config refuses: save it without")
	errNotUTF8       = errors.New("the text is not UTF-8")
	errNoValue       = errors.New("an indented line continues the value above it, and there is none")
	errOpenGroup     = errors.New(`the line of a group must end with "]"`)
	errEmptyGroup    = errors.New("the group has no name")
	errNoGroup       = errors.New("an option before the first [group]")
	errNoDelimiter   = errors.New(`no "=" or ":" after the option's name`)
	errNoOption      = errors.New(`no option's name before "=" or ":"`)
)

func groupName(line string) (string, error) {
	name, closed := strings.CutSuffix(line[1:], "]")
	if !closed {
		return "", errOpenGroup
	}
	if name == "" {
		return "", errEmptyGroup
	}
	return name, nil
}

// splitAssignment splits a line at the first = or :, and takes the quotes off
// the value. A single quote character is both first and last: nothing is left.
func splitAssignment(line string) (option, value string, err error) {
	i := strings.IndexAny(line, "=:")
	if i < 0 {
		return "", "", errNoDelimiter
	}
	option = strings.TrimFunc(line[:i], isSpace)
	if option == "" {
		return "", "", errNoOption
	}
	value = strings.TrimFunc(line[i+1:], isSpace)
	if value != "" && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		value = value[1:max(1, len(value)-1)]
	}
	return option, value, nil
}

// lines splits at \n, \r\n and \r, as Python's universal newlines do.
func lines(text []byte) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text)), "\n")
}

// isSpace is Python's str.isspace, which also has the four separators FS, GS,
// RS and US.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || '\x1c' <= r && r <= '\x1f'
}
