package bench

import (
	"fmt"
	"strings"
)

// Replace puts text between the two markers of a section of a document, which
// are lines of their own: <!-- NAME --> and <!-- end of NAME -->.
func Replace(document, name, text string) (string, error) {
	before, after, err := around(document, name)
	if err != nil {
		return "", err
	}
	return before + text + after, nil
}

// around cuts a document: what is before a section, with the marker, and what
// is after it.
func around(document, name string) (before, after string, err error) {
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
	before, rest, ok := strings.Cut(document, begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		return "", "", fmt.Errorf("no section between %q and %q", begin, end)
	}
	return before + begin, end + after, nil
}
