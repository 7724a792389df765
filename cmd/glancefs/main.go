// Command glancefs mounts the stores of an OpenStack glance_store
// configuration as a filesystem.
package main

import (
	"fmt"
	"os"
)

func main() { os.Exit(run()) }

// run runs the command line and returns the exit status.
func run() int {
	err := newRootCommand().Execute()
	if err != nil {
		fmt.Fprintln(os.Stderr, "glancefs:", err)
	}
	return exitStatus(err)
}
