package backends_test

import (
	"errors"
	"strings"
	"testing"

	"glancefs/backends"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{
		"a", ".a", "...", "a.b", "-", " ", "a b", "\n", "\xff\xfe", "€", "glancefs", ".glancef",
		"6f0b2c5e-6d6a-4ad5-b0b9-5dc4a2ba1f6c", strings.Repeat("x", 255), `a\b`, "default",
	} {
		if err := backends.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", ".", "..", "/", "a/b", "../a", "a/", "\x00", "a\x00b", strings.Repeat("x", 256), strings.Repeat("€", 86),
		".glancefs", ".glancefs/x", ".glancefs-1", ".glancefsx",
	} {
		if err := backends.CheckName(name); !errors.Is(err, backends.ErrInvalid) {
			t.Errorf("%q: error %v, want ErrInvalid", name, err)
		}
	}
}
