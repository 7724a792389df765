package http

import (
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The forms of a line in a file of digests, as coreutils, BSD and OpenSSL
// write them: "DIGEST  NAME", "DIGEST *NAME", "DIGEST NAME" or DIGEST alone,
// and "SHA256 (NAME) = DIGEST" or "SHA2-256(NAME)= DIGEST". A backslash at its
// beginning says that the name is escaped. What stands where the digest should
// be is no part of the form, but before a single space: that may be prose.
var (
	gnuLine  = regexp.MustCompile(`^(\\?)([^\s\\]+)(?:\s*|[ \t][ *](.+))$`)
	revLine  = regexp.MustCompile(`^(\\?)([0-9A-Fa-f]{16,})[ \t](.+)$`)
	bsdLine  = regexp.MustCompile(`^(\\?)([0-9A-Za-z/-]+) ?\((.+)\) ?= ?(.*)$`)
	unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")
	notWord  = regexp.MustCompile(`[\s,;:|()=*"'<>]+`)
)

// digestSizes are in bytes.
var digestSizes = map[string]int{"sha512": 64, "sha256": 32, "md5": 16}

// sum is what a file says of an image.
type sum struct {
	digest string // in small letters
	line   int    // where it is, counted from 1
	err    error  // why that is none, or none that counts
}

// parseSums returns the digests of one algorithm in a file, by name. In a file
// of one image's own, a line may have none (""), or one with a directory
// (build/NAME: it was made elsewhere), which is dropped. Whatever is no line of
// digests, such as a signature around them, is passed over. Lines for one
// name that have different digests are an error of that name, and so are
// lines that have none if no other line has one.
func parseSums(text, algo string, own bool) map[string]sum {
	sums := make(map[string]sum)
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		n++
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		names, digest := parseSumsLine(line, algo)
		for _, name := range names {
			name = strings.TrimPrefix(name, "./")
			switch {
			case name == "" && !own:
				continue
			case name != "" && own:
				name = path.Base(name)
			}
			said := sums[name]
			switch {
			case digest != "" && said.digest == "":
				sums[name] = sum{digest: digest, line: n}
			case digest != "" && said.digest != digest:
				said.err = fmt.Errorf("its lines %d and %d have different ones", said.line, n)
				sums[name] = said
			case digest == "" && name != "" && said.digest == "":
				sums[name] = sum{err: fmt.Errorf("its line %d has no %s digest: %.200q", n, algo, line)}
			}
		}
	}
	return sums
}

// parseSumsLine takes one line apart: the digest, "" if it is none of that
// algorithm, is of the names. A line that has one, but somewhere else than in
// the forms, may mean any of its words. What is no line for that algorithm has
// neither names nor a digest.
func parseSumsLine(line, algo string) (names []string, digest string) {
	isDigest := func(text string) bool {
		bytes, err := hex.DecodeString(text)
		return err == nil && len(bytes) == digestSizes[algo]
	}
	var escaped, name string
	if m := bsdLine.FindStringSubmatch(line); m != nil {
		if strings.ReplaceAll(strings.ToLower(m[2]), "sha2-", "sha") != algo {
			return nil, ""
		}
		escaped, name, digest = m[1], m[3], m[4]
	} else if m := gnuLine.FindStringSubmatch(line); m != nil {
		escaped, digest, name = m[1], m[2], m[3]
	} else if m := revLine.FindStringSubmatch(line); m != nil {
		escaped, digest, name = m[1], m[2], m[3]
	}
	if escaped != "" {
		name = unescape.Replace(name)
	}
	names = []string{name}
	if isDigest(digest) {
		return names, strings.ToLower(digest)
	}
	if words := notWord.Split(line, -1); slices.ContainsFunc(words, isDigest) {
		names = append(names, words...)
	}
	return names, ""
}
