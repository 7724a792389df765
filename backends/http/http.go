// Package http reads images from web servers: glance_store's http store. It
// is read-only, there and here.
//
// # What a store shows
//
// The images of a store are what is directly below http_store_base_url, and
// named by that server's index page. What the page does not name opens all
// the same, so a server without one is a store whose directory is empty.
//
// # What an image is
//
// An image is bytes: nothing is ever decompressed, and no compression asked
// for. Its size is what the server tells before the first byte, and one that
// it does not tell is an error. Its incarnation is the ETag, if that is a
// strong one, else Last-Modified, else the weak ETag; every request of an open
// image says which incarnation it is for, and every reply is checked, so that
// an image which is replaced on the server is an error to its reader, and
// never a mixture.
// (Two contents with one size and one Last-Modified, to the second, can't be
// told apart.)
//
// Its digests are those that the directory publishes (sums.go).
//
// # A server that is down
//
// Whoever reads an open image waits for its server, for as long as a request
// may take. Whoever opens one, or asks for it, is told at once that nobody
// takes connections, and after a few tries anything else (request.go).
//
// # Redirects
//
// At most five are followed. Credentials go to the host that they were
// configured for, and to no other. One from https to http is refused: its
// answer would be anybody's.
package http

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"

	"glancefs/backends"
)

// Driver returns the driver.
func Driver() backends.Driver {
	return backends.Driver{
		Type:         "http",
		Schemes:      schemes,
		Capabilities: backends.ReadAccess | backends.DriverReusable,
		VerifyOnRead: true, // the digests are somebody else's promise
		Options:      func() any { return new(options) },
		Open:         open,
	}
}

// Store is the images in one directory of a server.
type Store struct {
	*client
	base *url.URL // its path ends with a slash; nil: not set
	sums sums
}

var (
	_ backends.Store        = (*Store)(nil)
	_ backends.HealthTeller = (*Store)(nil)
	_ backends.Elsewherer   = (*Store)(nil)
)

// open opens a store; see backends.Driver. The server is not asked.
func open(ctx context.Context, in backends.Opening) (backends.Store, error) {
	settings, err := in.Options.(*options).settings()
	if err != nil {
		return nil, err
	}
	return &Store{client: newClient(ctx, settings, in, new(net.Dialer).DialContext), base: settings.base}, nil
}

// Close releases what the store holds: connections.
func (s *Store) Close() error {
	s.client.close()
	return nil
}

// errNoBase is why a store without http_store_base_url has no images.
var errNoBase = errors.New("http_store_base_url is not set: the store shows no images")

// Health asks for the index page and for digests; see backends.HealthTeller.
// That there are none is no fault, but an answer that is neither a file of
// digests nor that there is none would fail every open: a server may keep
// its pages from us (403) and be down behind that (503).
func (s *Store) Health(ctx context.Context) error {
	if s.base == nil {
		return errNoBase
	}
	if _, err := s.index(ctx); err != nil {
		return err
	}
	_, err := s.sums.get(ctx, s, "SHA512SUMS", "sha512")
	return err
}

// Create is refused: the store is read-only.
func (s *Store) Create(context.Context, string) (backends.Writer, error) {
	return nil, backends.ErrReadOnly
}

// Delete is refused: the store is read-only.
func (s *Store) Delete(context.Context, string) error { return backends.ErrReadOnly }

// notHere is the error of a name or URI that is not in the store.
func notHere(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, fs.ErrNotExist)...)
}
