//go:build !ceph

package rbd

import (
	"errors"
	"strings"
	"testing"

	"glancefs/backends"
)

// TestWithoutCeph: a store says how to get one.
func TestWithoutCeph(t *testing.T) {
	store, err := Driver().Open(t.Context(), backends.Opening{Options: Driver().Options()})
	if store != nil || !errors.Is(err, backends.ErrMisconfigured) || !strings.Contains(err.Error(), "make build") {
		t.Errorf("open without Ceph: %v, %v", store, err)
	}
	if LibraryVersion() != "" {
		t.Errorf("the version of no library: %q", LibraryVersion())
	}
}
