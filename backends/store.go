package backends

import (
	"context"
	"time"
)

// Store is what a driver implements: the images of one configured store.
//
// Every method is safe for parallel use and returns soon after its context
// is done, with the context's error, whatever the service behind it does.
// The name of an image is one path component: never empty, ".", "..", longer
// than 255 bytes, with a "/" or a NUL, or with the prefix ".glancefs"
// (Instance refuses those); any other byte may occur.
type Store interface {
	// List calls fn for each complete image, in no particular order and in
	// the caller's goroutine. It stops with fn's error if fn returns one.
	// Images under way and what is not an image are passed over. The Record
	// may be left out (nil).
	List(ctx context.Context, fn func(Image) error) error

	// Stat tells of one complete image, with its Record. An image that is
	// not there, or is not complete, is fs.ErrNotExist.
	Stat(ctx context.Context, name string) (Image, error)

	// Open opens a complete image for reading.
	Open(ctx context.Context, name string) (Reader, error)

	// Create begins an add. Nothing is visible by that name before Commit
	// has returned nil, or, if two writers race, the first of them has.
	// Create may already refuse a name that exists (fs.ErrExist), Commit
	// must. ctx ends with the call; the Writer does not depend on it.
	Create(ctx context.Context, name string) (Writer, error)

	// Delete removes a complete image: it is gone, or there is an error and
	// the image is as it was.
	Delete(ctx context.Context, name string) error

	// Location is the URI under which glance_store finds the image that is,
	// or would be, stored by that name; without credentials. Of an image
	// that exists it is the place where it is.
	Location(ctx context.Context, name string) (string, error)

	// Name is the inverse of Location: the name of the image that a URI of
	// one of the driver's schemes means, whether or not it exists.
	// ErrInvalid: bad grammar. fs.ErrNotExist: not in this store, or the
	// image of that name is at another place in it.
	Name(ctx context.Context, location string) (string, error)

	// Close releases what the store holds. No other call is under way or
	// comes after.
	Close() error
}

// Image is what a store tells of one complete image.
type Image struct {
	Name  string
	Size  int64 // bytes
	Mtime time.Time

	// Allocated is how many bytes the image takes in the store, if the
	// store knows that for free, else -1.
	Allocated int64

	// Incarnation is what changes when a name is added again (file: device,
	// inode and birth time; rbd: the image's id; http: ETag or Last-Modified
	// and size). Two images of one store never have the same.
	Incarnation string

	// Owner is nil where the store has no owners of its own.
	Owner *Owner

	// Record holds the digests; nil when none are kept, or when they are
	// stale: size or mtime are no longer those they were computed for.
	Record *Record
	Stale  bool // a record is kept, but size or mtime are not those it is for
}

// Owner says whose an image is, and its permission bits (0o7777).
type Owner struct {
	UID, GID uint32
	Mode     uint32
}

// Reader reads one image that was open when it was opened, also after that
// was deleted, as far as the store allows. Safe for parallel use.
type Reader interface {
	// Image tells what was opened.
	Image() Image

	// ReadAt reads len(p) bytes at off, fewer only at the end of the image
	// (0 and nil beyond it). A body that ends early is an error. When it
	// returns the context's error, p belongs to the store and must not be
	// used again: a read that hangs may still write to it.
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)

	Close() error
}

// Writer is an add under way. Append and Commit are called by one goroutine
// at a time, Abort by any.
type Writer interface {
	// Append adds the next bytes. It may return before they are stored; then
	// a later Append or Commit returns the error. A store that can tell at
	// once that it is full says so at once. After an error only Abort
	// follows.
	Append(ctx context.Context, c Chunk) error

	// Commit makes the image complete, durable and visible, with its record.
	// It returns nil, or an error and nothing by that name was added or
	// changed: fs.ErrExist if somebody else was faster. Only when its
	// request is out and its reply lost is the error ErrUnknown (Add then
	// asks Stat). r.Mtime zero means now. The result is what Stat would
	// tell.
	Commit(ctx context.Context, r Record) (Image, error)

	// Abort ends an add that is not committed and leaves nothing of it. It
	// may be called at any time, any number of times; after Commit it does
	// nothing. An Append that is under way fails.
	Abort(ctx context.Context) error
}
