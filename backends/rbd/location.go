package rbd

import (
	"fmt"
	"net/url"
	"strings"

	"glancefs/backends"
)

const (
	scheme = "rbd"

	// snapName is the snapshot that makes an RBD image an image of Glance.
	snapName = "snap"
)

// place is what a location says: rbd://FSID/POOL/IMAGE/SNAPSHOT, or
// rbd://IMAGE, which names the image alone.
type place struct{ fsid, pool, image, snap string }

// String builds the location as glance_store does: percent-encoded but for
// the unreserved characters of RFC 3986.
func (p place) String() string {
	parts := []string{p.fsid, p.pool, p.image, p.snap}
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(part), "+", "%20")
	}
	return scheme + "://" + strings.Join(parts, "/")
}

// parseLocation parses a location by glance_store's grammar; the error wraps
// ErrInvalid.
func parseLocation(location string) (place, error) {
	rest, ok := strings.CutPrefix(location, scheme+"://")
	if !ok {
		return place{}, fmt.Errorf("%w: the location must begin with %s://", backends.ErrInvalid, scheme)
	}
	parts := strings.Split(rest, "/")
	if len(parts) == 1 { // glance_store does not unescape it
		return place{image: rest}, backends.CheckName(rest)
	}
	if len(parts) != 4 {
		return place{}, fmt.Errorf("%w: the location must be %[2]s://FSID/POOL/IMAGE/SNAPSHOT or %[2]s://IMAGE", backends.ErrInvalid, scheme)
	}
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return place{}, fmt.Errorf("%w: location: %w", backends.ErrInvalid, err)
		}
		if plain == "" {
			return place{}, fmt.Errorf("%w: a part of the location is empty", backends.ErrInvalid)
		}
		parts[i] = plain
	}
	return place{parts[0], parts[1], parts[2], parts[3]}, backends.CheckName(parts[2])
}
