// Command glancefs mounts the stores of an OpenStack glance_store
// configuration as a filesystem.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// The first thread stays main's, which waits for signals while something is
// mounted. Linux gives a signal to that thread, also when it waits in a disk
// that hangs, and wakes no other (complete_signal).
func init() { runtime.LockOSThread() }

func main() { os.Exit(run()) }

// run runs the command line and returns the exit status.
func run() int {
	err := execute(os.Args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "glancefs:", err)
	}
	return exitStatus(err)
}

// execute runs the command that argv stands for.
func execute(argv []string) error {
	root := newRootCommand()
	if filepath.Base(argv[0]) == helperName {
		args, err := helperArguments(argv[1:])
		if args == nil {
			return err
		}
		root.SetArgs(args)
	}
	return root.Execute()
}
