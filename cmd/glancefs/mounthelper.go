package main

import (
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// helperName is the name by which mount(8) calls for a filesystem of type
// glancefs, if there is a link of that name in /sbin.
const helperName = "mount.glancefs"

// helperArguments translates what mount(8) passes to such a program,
// SOURCE DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE], to a command line
// of ours; nil is nothing to do. SOURCE is what df shows, and by which
// mount -a finds that it is mounted already.
func helperArguments(args []string) ([]string, error) {
	flags := pflag.NewFlagSet(helperName, pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolP("sloppy", "s", false, "")
	fake := flags.BoolP("fake", "f", false, "")
	flags.BoolP("no-mtab", "n", false, "")
	flags.BoolP("verbose", "v", false, "")
	flags.StringP("namespace", "N", "", "")
	flags.StringP("types", "t", "", "")
	options := flags.StringArrayP("options", "o", nil, "")
	if err := flags.Parse(args); err != nil || flags.NArg() != 2 {
		return nil, usageErrorf("%s: called as mount(8) does not: %s", helperName, strings.Join(args, " "))
	}
	if *fake {
		return nil, nil
	}
	mount := []string{"mount", "-o", "fsname=" + flags.Arg(0)}
	for _, o := range *options {
		mount = append(mount, "-o", o)
	}
	return append(mount, "--", flags.Arg(1)), nil
}
