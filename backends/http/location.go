package http

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"glancefs/backends"
)

// schemes are those of glance_store's http driver.
var schemes = []string{"http", "https"}

// Location is the image's URL, without credentials; see backends.Store.
func (s *Store) Location(_ context.Context, name string) (string, error) {
	if s.base == nil {
		return "", errNoBase
	}
	u := s.url(name)
	u.User = nil
	return u.String(), nil
}

// Elsewhere is the directory of any URL; see backends.Elsewherer. Its images
// have that URL's credentials and query, and not this store's.
func (s *Store) Elsewhere(location string) (backends.Store, string, error) {
	u, err := parseURI(location)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", backends.ErrInvalid, err)
	}
	path := u.EscapedPath()
	dir, last := path[:strings.LastIndex(path, "/")+1], path[strings.LastIndex(path, "/")+1:]
	name, err1 := url.PathUnescape(last)
	u.RawPath = dir
	u.Path, err = url.PathUnescape(dir)
	if err != nil || err1 != nil || backends.CheckName(name) != nil {
		return nil, "", fmt.Errorf("%w: the URL names no file", backends.ErrInvalid)
	}
	return &Store{client: s.client, base: u}, name, nil
}

// url is where the image of that name is.
func (s *Store) url(name string) *url.URL {
	u := *s.base
	u.Path += name
	u.RawPath = s.base.EscapedPath() + url.PathEscape(name)
	return &u
}

// Name is the inverse of Location; see backends.Store. Where a URI points is
// decided by its parts, as a server sees them: http://HOST:80/a/../b/%78 is
// x below http://host/b/. One with a query is something else than the image
// without it.
func (s *Store) Name(_ context.Context, location string) (string, error) {
	u, err := parseURI(location)
	if err != nil {
		return "", fmt.Errorf("%w: %w", backends.ErrInvalid, err)
	}
	if s.base == nil {
		return "", notHere("%w", errNoBase)
	}
	name, ok := nameBelow(s.base, u)
	if !ok {
		return "", notHere("the location is not directly below http_store_base_url")
	}
	return name, backends.CheckName(name)
}

// parseURI parses a URI by glance_store's grammar:
// http[s]://[user:password@]host[:port]/path[?query], and HTTP:// as well (RFC
// 3986); a fragment is dropped.
// Its errors do not repeat the URI, which may have a password.
func parseURI(text string) (*url.URL, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || !slices.Contains(schemes, strings.ToLower(scheme)) {
		return nil, errors.New("the URI must begin with http:// or https://")
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	if user, _, ok := strings.Cut(authority, "@"); ok {
		if strings.Count(authority, "@") > 1 || strings.Count(user, ":") != 1 {
			return nil, errors.New("the credentials in the URI must be USER:PASSWORD, with any @ and : in them percent-encoded")
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("the URI has a bad host, port or percent-encoding")
	}
	if port, err := strconv.Atoi(cmp.Or(u.Port(), "80")); u.Hostname() == "" || err != nil || port > 65535 {
		return nil, errors.New("the URI must have a host, and a port below 65536 if any")
	}
	u.Fragment, u.RawFragment = "", ""
	u.RawPath = reescape(cmp.Or(u.RawPath, u.EscapedPath()))
	return u, nil
}

// reescape escapes the components of a path alike. net/url drops the
// difference between a slash and %2F in a path that also has what should have
// been escaped.
func reescape(path string) string {
	components := strings.Split(path, "/")
	for i, c := range components {
		if plain, err := url.PathUnescape(c); err == nil {
			components[i] = url.PathEscape(plain)
		}
	}
	return strings.Join(components, "/")
}

// place is where a URL points: a server, and a path on it.
type place struct {
	scheme, host, port string
	path               string // cleaned, each component escaped alike
}

// placeOf returns the place of a URL, as its directory and the last
// component of its path, which is "" if that is a directory itself.
func placeOf(u *url.URL) (dir place, name string, err error) {
	dir = place{scheme: u.Scheme, host: strings.ToLower(u.Hostname()), port: u.Port()}
	if dir.port == "" {
		dir.port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	var components []string
	for text := range strings.SplitSeq(u.EscapedPath(), "/") {
		if name, err = url.PathUnescape(text); err != nil {
			return place{}, "", err
		}
		switch name {
		case "..":
			components = components[:max(0, len(components)-1)]
		case "", ".":
		default:
			components = append(components, name)
			continue
		}
		name = ""
	}
	if name != "" {
		components = components[:len(components)-1]
	}
	for _, c := range components {
		dir.path += "/" + url.PathEscape(c)
	}
	return dir, name, nil
}

// nameBelow returns the name of the file that u is directly below the
// directory base.
func nameBelow(base, u *url.URL) (name string, ok bool) {
	want, _, err1 := placeOf(base)
	got, name, err2 := placeOf(u)
	plain := u.RawQuery == "" && !u.ForceQuery
	return name, err1 == nil && err2 == nil && plain && got == want && name != ""
}
