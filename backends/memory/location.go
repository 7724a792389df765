package memory

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"glancefs/backends"
)

const scheme = "memory"

// Location is the image's URI; see backends.Store.
func (s *Store) Location(_ context.Context, name string) (string, error) {
	return scheme + "://" + url.PathEscape(s.name) + "/" + url.PathEscape(name), nil
}

// Name is the inverse of Location; see backends.Store.
func (s *Store) Name(_ context.Context, location string) (string, error) {
	rest, ok := strings.CutPrefix(location, scheme+"://")
	if !ok {
		return "", fmt.Errorf("%w: the location must begin with %s://", backends.ErrInvalid, scheme)
	}
	storePart, namePart, _ := strings.Cut(rest, "/")
	store, err1 := url.PathUnescape(storePart)
	name, err2 := url.PathUnescape(namePart)
	if err1 != nil || err2 != nil || store == "" {
		return "", fmt.Errorf("%w: the location must be %s://STORE/NAME", backends.ErrInvalid, scheme)
	}
	if err := backends.CheckName(name); err != nil {
		return "", err
	}
	if store != s.name {
		return "", fmt.Errorf("location in the store %s: %w", store, fs.ErrNotExist)
	}
	return name, nil
}
