package http

import (
	"encoding/hex"
	"regexp"
	"strings"
)

// The forms of a line in a file of digests, as coreutils and BSD write them.
// A backslash at its beginning says that the name is escaped. What stands where
// the digest should be is no part of the form.
var (
	gnuLine  = regexp.MustCompile(`^(\\?)([^\s\\]+)(?: [ *](.+)|\s*)$`)
	bsdLine  = regexp.MustCompile(`^(\\?)([0-9A-Za-z-]+) \((.+)\) = (.*)$`)
	unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")
)

// digestSizes are in bytes.
var digestSizes = map[string]int{"sha512": 64, "sha256": 32, "md5": 16}

// noDigest stands for what names an image, and is no digest.
const noDigest = "?"

// parseSums returns the digests of one algorithm in a file, by name: "" for
// a line that has none. Whatever is no line of digests, such as a signature
// around them, is passed over; of two lines for one name the last counts that
// has a digest. A name that no line has a digest for has noDigest.
func parseSums(text, algo string) map[string]string {
	sums := make(map[string]string)
	for line := range strings.Lines(text) {
		name, digest := parseSumsLine(strings.TrimRight(line, "\r\n"), algo)
		name = strings.TrimPrefix(name, "./")
		sum, err := hex.DecodeString(digest)
		switch {
		case err == nil && len(sum) == digestSizes[algo]:
			sums[name] = strings.ToLower(digest)
		case name != "" && sums[name] == "":
			sums[name] = noDigest
		}
	}
	return sums
}

// parseSumsLine takes one line apart. What is no line for that algorithm has
// neither a name nor a digest.
func parseSumsLine(line, algo string) (name, digest string) {
	var escaped string
	if m := bsdLine.FindStringSubmatch(line); m != nil {
		if !strings.EqualFold(m[2], algo) {
			return "", ""
		}
		escaped, name, digest = m[1], m[3], m[4]
	} else if m := gnuLine.FindStringSubmatch(line); m != nil {
		escaped, digest, name = m[1], m[2], m[3]
	}
	if escaped != "" {
		name = unescape.Replace(name)
	}
	return name, digest
}
