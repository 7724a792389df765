//go:build race

package main

// useHugePages does nothing: the race detector keeps books of what is
// allocated, touched or not, and would take a second and 130 MiB.
func useHugePages() {}
