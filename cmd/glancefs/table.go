package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// printTable prints rows under a header, or as a JSON array whose field
// names are stable.
func printTable[T any](w io.Writer, asJSON bool, rows []T, header []string, cells func(T) []string) error {
	if asJSON {
		return printJSON(w, rows)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(header, "\t"))
	for _, row := range rows {
		line := cells(row)
		for i, cell := range line {
			if cell == "" {
				line[i] = "-" // a column is never empty: for awk and for the eye
			}
		}
		fmt.Fprintln(tw, strings.Join(line, "\t"))
	}
	return tw.Flush()
}

// printJSON prints rows, [] if there are none.
func printJSON[T any](w io.Writer, rows []T) error {
	if rows == nil {
		rows = []T{}
	}
	return printObject(w, rows)
}

// printObject prints one value as JSON.
func printObject(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// printable quotes a name that would break a line or a column, or steer the
// terminal.
func printable(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) || r == utf8.RuneError }) {
		return name
	}
	return strconv.Quote(name)
}
