// Package need says what a test needs of the machine. What is missing skips
// the test with the name of the package that would enable it; on CI (the
// environment variable CI is set) it fails the test instead, so that green
// means it ran.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// Python is Debian's interpreter, the one that sees Debian's python3-*
// packages; another python3 may stand before it on the PATH.
const Python = "/usr/bin/python3"

// Command returns the path of the program name, which the Debian package pkg
// installs.
func Command(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, "the program "+name, "apt-get install "+pkg)
	}
	return path
}

// PythonModule makes sure that Debian's Python can import module, which the
// Debian package pkg installs.
func PythonModule(t testing.TB, module, pkg string) {
	t.Helper()
	if out, err := exec.Command(Python, "-c", "import "+module).CombinedOutput(); err != nil {
		Missing(t, "the Python module "+module+" ("+err.Error()+": "+string(out)+")", "apt-get install "+pkg)
	}
}

// Root makes sure that the test runs as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "root", "sudo")
	}
}

// Missing ends the test: it fails on CI and is skipped elsewhere, with how
// to get what is missing.
func Missing(t testing.TB, what, enable string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("needs %s; on CI that is a failure: %s", what, enable)
	}
	t.Skipf("needs %s: %s", what, enable)
}
