package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"glancefs/config"
)

func TestMountOptions(t *testing.T) {
	type result struct {
		ReadOnly, AllowOther, Foreground bool
		UID, GID                         int64
		FSName                           string
		Kernel                           []string
		Locations                        []config.Location
	}
	for _, test := range []struct {
		args []string
		want result
	}{
		{nil, result{UID: -1, GID: -1}},
		{[]string{"-o", "ro,allow_other", "-o", "foreground"}, result{UID: -1, GID: -1, ReadOnly: true, AllowOther: true, Foreground: true}},
		{[]string{"-o", "ro,rw"}, result{UID: -1, GID: -1}},
		{[]string{"-o", "uid=0,gid=4294967294,fsname=a=b"}, result{UID: 0, GID: 4294967294, FSName: "a=b"}},
		{[]string{"-o", "dev,nosuid,noexec"}, result{UID: -1, GID: -1, Kernel: []string{"dev", "nosuid", "noexec"}}},
		{[]string{"-odefaults,_netdev,nofail,noauto,auto,user,x-systemd.automount,x-a=b"}, result{UID: -1, GID: -1}},
		{
			[]string{"--config-file", "a", "-o", "config_file=b", "--config-dir", "c", "--config-file=d"},
			result{UID: -1, GID: -1, Locations: []config.Location{{Path: "a"}, {Path: "b"}, {Path: "c", Dir: true}, {Path: "d"}}},
		},
	} {
		var o mountFlags
		flags := pflag.NewFlagSet("mount", pflag.ContinueOnError)
		o.addTo(flags)
		if err := flags.Parse(test.args); err != nil {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		got := result{o.readOnly, o.allowOther, o.foreground, o.uid, o.gid, o.fsName, o.kernel, o.configuration.locations}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.args, diff)
		}
	}
}

func TestBadMountOptions(t *testing.T) {
	for _, options := range []string{
		"", "ro,", "rw=1", "uid", "uid=", "uid=-1", "uid=4294967295", "gid=wheel", "fsname=", "config_file", "nope", "nope=1", "RO",
	} {
		var o mountFlags
		if err := (mountOptionsValue{&o}).Set(options); err == nil {
			t.Errorf("-o %q was accepted: %+v", options, o)
		}
	}
}
