package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"glancefs/backends/rbd"
)

// version is set by the linker (-X main.version=…).
var version = ""

// versionNumber returns the version, else what the Go toolchain noted of
// the build: a module version, or the commit.
func versionNumber() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

// versionText is what --version prints.
func versionText() string {
	ceph := "without Ceph (built in by: make build)"
	if v := rbd.LibraryVersion(); v != "" {
		ceph = "with Ceph, librados " + v
	}
	return fmt.Sprintf("glancefs %s, %s, %s", versionNumber(), runtime.Version(), ceph)
}
