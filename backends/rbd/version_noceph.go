//go:build !ceph

// Package rbd is the only package that imports Ceph's libraries, behind the
// build tag ceph.
package rbd

// LibraryVersion tells which version of Ceph's librados is linked in, such
// as 3.0.0; "" without Ceph.
func LibraryVersion() string { return "" }
