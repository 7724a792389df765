package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
)

// users names, for a message, a few of those who keep the mount at path
// busy.
func users(path string) string {
	const most = 5 // arbitrary
	names := append(mountsBelow(path), processesAt(path)...)
	switch {
	case len(names) == 0:
		return "a process that is not ours to see"
	case len(names) > most:
		names = append(names[:most], fmt.Sprintf("%d more", len(names)-most))
	}
	return strings.Join(names, ", ")
}

// processesAt names the processes that use the mount at path. It never asks
// the mount, but the kernel makes it wait for a process that is stuck in
// execve(2) (exec_update_lock): such a one is passed over.
func processesAt(path string) []string {
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
	found := make(chan string, len(dirs))
	for _, dir := range dirs {
		go func() {
			pid, err := strconv.Atoi(filepath.Base(dir))
			if err == nil && pid != os.Getpid() && uses(pid, path) {
				found <- processName(pid)
			} else {
				found <- ""
			}
		}()
	}
	var names []string
	timeout := time.After(probeTimeout)
	for range dirs {
		select {
		case name := <-found:
			if name != "" {
				names = append(names, name)
			}
		case <-timeout:
			return names
		}
	}
	return names
}

// uses tells whether a process has its working directory, its root or an
// open file on the mount.
func uses(pid int, path string) bool {
	for _, target := range append(openFiles(pid), link(pid, "cwd"), link(pid, "root")) {
		if target == path || strings.HasPrefix(target, path+"/") {
			return true
		}
	}
	return false
}

// openFiles returns where the descriptors of a process lead to, as far as
// that may be seen.
func openFiles(pid int) []string {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return nil
	}
	var targets []string
	for _, entry := range entries {
		targets = append(targets, link(pid, filepath.Join("fd", entry.Name())))
	}
	return targets
}

func link(pid int, name string) string {
	target, _ := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, name)) // "" if not to be seen
	return target
}

func processName(pid int) string {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("%s (process %d)", strings.TrimSpace(string(comm)), pid)
}

// mountsBelow lists the mounts inside the mount at path.
func mountsBelow(path string) []string {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(path + "/"))
	if err != nil {
		return nil
	}
	var names []string
	for _, m := range mounts {
		names = append(names, "the mount "+m.Mountpoint)
	}
	return names
}
