package http

import (
	"encoding/hex"
	"regexp"
	"strings"
)

// The forms of a line in a file of digests, as coreutils and BSD write them.
// A backslash at its beginning says that the name is escaped.
var (
	gnuLine  = regexp.MustCompile(`^(\\?)([0-9a-fA-F]+)(?: [ *](.+)|\s*)$`)
	bsdLine  = regexp.MustCompile(`^(\\?)([0-9A-Za-z-]+) \((.+)\) = ([0-9a-fA-F]+)$`)
	unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")
)

// digestSizes are in bytes.
var digestSizes = map[string]int{"sha512": 64, "sha256": 32, "md5": 16}

// parseSums returns the digests of one algorithm in a file, by name: "" for
// a line that has none. Whatever is no line of digests, such as a signature
// around them, is passed over; of two lines for one name the last counts.
func parseSums(text, algo string) map[string]string {
	sums := make(map[string]string)
	for line := range strings.Lines(text) {
		name, digest, ok := parseSumsLine(strings.TrimRight(line, "\r\n"), algo)
		if ok {
			sums[strings.TrimPrefix(name, "./")] = digest
		}
	}
	return sums
}

// parseSumsLine parses one line.
func parseSumsLine(line, algo string) (name, digest string, ok bool) {
	var escaped string
	if m := bsdLine.FindStringSubmatch(line); m != nil && strings.EqualFold(m[2], algo) {
		escaped, name, digest = m[1], m[3], m[4]
	} else if m := gnuLine.FindStringSubmatch(line); m != nil {
		escaped, digest, name = m[1], m[2], m[3]
	}
	if escaped != "" {
		name = unescape.Replace(name)
	}
	sum, err := hex.DecodeString(digest)
	return name, strings.ToLower(digest), err == nil && len(sum) == digestSizes[algo]
}
