package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"glancefs/config"
)

// mountFlags are the flags of mount, and what -o says.
type mountFlags struct {
	configuration configFlags
	log           logFlags
	foreground    bool
	readOnly      bool
	allowOther    bool
	uid, gid      int64 // -1: as the configuration says
	fsName        string
	kernel        []string // nodev, noexec, …
}

func (o *mountFlags) addTo(flags *pflag.FlagSet) {
	o.uid, o.gid = -1, -1
	o.configuration.addTo(flags)
	o.log.addTo(flags)
	flags.BoolVarP(&o.foreground, "foreground", "f", false, "stay in the foreground")
	flags.BoolVar(&o.readOnly, "read-only", false, "refuse adds, deletes and renames")
	flags.BoolVar(&o.allowOther, "allow-other", false, "let other users in, with the permissions that files show")
	flags.VarP(mountOptionsValue{o}, "options", "o", "mount `options`, separated by commas (repeatable): ro, rw, allow_other, uid=, gid=, fsname=, foreground, config_file=, [no]dev, [no]suid, [no]exec")
}

// mountOptionsValue is the value of -o: what mount(8) passes on from fstab.
type mountOptionsValue struct{ flags *mountFlags }

func (v mountOptionsValue) String() string { return "" }
func (v mountOptionsValue) Type() string   { return "string" }

func (v mountOptionsValue) Set(text string) error {
	for option := range strings.SplitSeq(text, ",") {
		if err := v.flags.setOption(option); err != nil {
			return err
		}
	}
	return nil
}

// setOption applies one option of -o.
func (o *mountFlags) setOption(option string) error {
	name, value, hasValue := strings.Cut(option, "=")
	if strings.HasPrefix(name, "x-") {
		return nil // fstab's comments, systemd's options
	}
	if set, ok := valueOptions[name]; ok {
		if value == "" {
			return fmt.Errorf("the option %s needs a value: %s=…", name, name)
		}
		return set(o, value)
	}
	set, ok := plainOptions[name]
	switch {
	case !ok:
		return fmt.Errorf("unknown option %q", name)
	case hasValue:
		return fmt.Errorf("the option %s takes no value", name)
	}
	set(o)
	return nil
}

// plainOptions are the options without a value.
var plainOptions = map[string]func(*mountFlags){
	"ro":          func(o *mountFlags) { o.readOnly = true },
	"rw":          func(o *mountFlags) { o.readOnly = false },
	"allow_other": func(o *mountFlags) { o.allowOther = true },
	"foreground":  func(o *mountFlags) { o.foreground = true },

	"dev":    kernelOption("dev"),
	"nodev":  kernelOption("nodev"),
	"suid":   kernelOption("suid"),
	"nosuid": kernelOption("nosuid"),
	"exec":   kernelOption("exec"),
	"noexec": kernelOption("noexec"),

	// For mount(8), systemd and the boot scripts, not for us.
	"defaults": ignoreOption,
	"auto":     ignoreOption,
	"noauto":   ignoreOption,
	"nofail":   ignoreOption,
	"user":     ignoreOption,
	"_netdev":  ignoreOption,
}

// valueOptions are the options with a value.
var valueOptions = map[string]func(*mountFlags, string) error{
	"uid": func(o *mountFlags, value string) error { return setID(&o.uid, value) },
	"gid": func(o *mountFlags, value string) error { return setID(&o.gid, value) },
	"fsname": func(o *mountFlags, value string) error {
		o.fsName = value
		return nil
	},
	"config_file": func(o *mountFlags, value string) error {
		o.configuration.locations = append(o.configuration.locations, config.Location{Path: value})
		return nil
	},
}

func ignoreOption(*mountFlags) {}

func kernelOption(name string) func(*mountFlags) {
	return func(o *mountFlags) { o.kernel = append(o.kernel, name) }
}

// setID parses a user or group id. The last 32-bit number is none: chown(2)
// takes it for "unchanged".
func setID(dst *int64, text string) error {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil || id == 1<<32-1 {
		return fmt.Errorf("%q is not the number of a user or group", text)
	}
	*dst = int64(id)
	return nil
}
