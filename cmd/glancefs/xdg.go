package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// xdgDir returns a base directory of the XDG specification: the value of
// the variable if it is absolute, else the folder fallback of the home.
func xdgDir(variable, fallback string) (string, error) {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home directory (%w): set HOME or %s", err, variable)
	}
	return filepath.Join(home, fallback), nil
}
