package main

import (
	"fmt"
	"os"
	"strings"
)

// readList reads the list of the tests that have to pass; no file, no list.
func readList(file string) ([]test, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []test
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		switch len(fields) {
		case 0:
		case 2:
			list = append(list, test{fields[0], fields[1]})
		default:
			return nil, fmt.Errorf("%s: %q is not PACKAGE TEST", file, strings.TrimSpace(line))
		}
	}
	return list, nil
}
