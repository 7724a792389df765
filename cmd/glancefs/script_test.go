package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"glancefs/tests/need"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"glancefs": main,
		helperName: main,
		"mute":     mute,
	})
}

// mute is a mount whose daemon dies before it has said anything.
func mute() {
	if takeParent() != nil {
		os.Stderr.WriteString("fatal error: all goroutines are asleep\n")
		os.Exit(2)
	}
	o := mountFlags{log: logFlags{file: "log"}}
	if err := mountInBackground(&o, "mnt", os.Stdout); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(exitStatus(err))
	}
}

// TestScript runs the program as a user does.
func TestScript(t *testing.T) { runScripts(t, "testdata/script") }

// TestMountScript runs the scripts that mount.
func TestMountScript(t *testing.T) {
	need.Root(t)
	need.Command(t, "getfattr", "attr")
	if err := checkPermission(false); err != nil {
		need.Missing(t, err.Error(), "a machine or container with /dev/fuse")
	}
	runScripts(t, "testdata/mount")
}

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"status": status},
		Condition: func(name string) (bool, error) {
			if name != "systemconfig" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			_, err := os.Stat(systemConfig)
			return err == nil, nil
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_DATA_HOME", env.WorkDir+"/data")
			env.Setenv("XDG_STATE_HOME", env.WorkDir+"/state")
			// With -race every process would sleep a second before its end.
			env.Setenv("GORACE", "atexit_sleep_ms=10")
			env.Defer(func() { cleanMounts(t, env.WorkDir) })
			return nil
		},
	})
}

// status is the script command
//
//	status N PROGRAM [ARG…]
//
// It runs the program, which must end with exit status N, and when that is
// not 0, with exactly one line on stderr that says whose it is.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N PROGRAM [ARG…]")
	}
	got := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
	stderr := ts.ReadFile("stderr")
	if got != 0 && (!strings.HasPrefix(stderr, "glancefs: ") || strings.Count(stderr, "\n") != 1) {
		ts.Fatalf("an error must be one line that begins with glancefs:")
	}
}

// cleanMounts fails the test if a mount is left below dir, and ends it.
func cleanMounts(t *testing.T, dir string) {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir + "/"))
	if err != nil {
		t.Errorf("mount table: %v", err)
	}
	for _, m := range slices.Backward(mounts) { // the uppermost first
		t.Errorf("%s is still mounted (%s)", m.Mountpoint, m.FSType)
		if err := umount(m.Mountpoint, true, os.Stderr); err != nil {
			t.Errorf("umount: %v", err)
			_ = unix.Unmount(m.Mountpoint, unix.MNT_DETACH)
		}
	}
}
