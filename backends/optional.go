package backends

import (
	"context"
	"time"
)

// Wrapper is a store around another one.
type Wrapper interface{ Unwrap() Store }

// As finds the first in a chain of wrapped stores that is a T, as errors.As
// does for errors.
func As[T any](s Store) (T, bool) {
	for s != nil {
		if t, ok := s.(T); ok {
			return t, true
		}
		w, ok := s.(Wrapper)
		if !ok {
			break
		}
		s = w.Unwrap()
	}
	var none T
	return none, false
}

// Renamer is a store that can rename an image without copying it. The new
// name must not exist: fs.ErrExist, and nothing has changed. The record goes
// with the image.
type Renamer interface {
	Rename(ctx context.Context, oldName, newName string) error
}

// MtimeSetter is a store that keeps a modification time and can change it.
// The record is rewritten, so that the digests stay valid.
type MtimeSetter interface {
	SetMtime(ctx context.Context, name string, mtime time.Time) error
}

// Recorder is a store that can keep a record with an image that has none
// (Glance wrote it): r, if the image is still the one that of tells of, and
// ErrBusy if it has changed since.
type Recorder interface {
	KeepRecord(ctx context.Context, of Image, r Record) error
}

// SpaceTeller is a store that knows its space.
type SpaceTeller interface {
	Space(ctx context.Context) (Space, error)
}

// Space is a store's space, in bytes; Files and FilesFree count images, 0
// when that is not known.
type Space struct {
	Total, Free, Available uint64
	Files, FilesFree       uint64
}

// Elsewherer is a store that can read what is not in it, as glance_store's
// http store reads any URL.
type Elsewherer interface {
	// Elsewhere returns a store, and the name by which it has what a URI of
	// the driver's schemes means, whether or not that exists. ErrInvalid: bad
	// grammar. That store is used like any other, but not closed: it lives
	// as long as this one.
	Elsewhere(location string) (s Store, name string, err error)
}

// HealthTeller is a store that can say whether it works now.
type HealthTeller interface {
	Health(ctx context.Context) error
}

// LeftoverRemover is a store on a service that is asked only when it is used.
type LeftoverRemover interface {
	// RemoveLeftovers removes what adds and deletes have left whose process
	// is gone, and nothing else. It goes on until that is done, or ctx ends,
	// whether or not the service answers.
	RemoveLeftovers(ctx context.Context)
}

// OwnerTeller is a Writer whose image has an owner of its own.
type OwnerTeller interface{ Owner() Owner }

// Metadater is a store that tells the location metadata of an image beyond
// {"store": NAME} (glance_store's filesystem_store_metadata_file). Values
// are strings, lists and dicts.
type Metadater interface {
	Metadata(ctx context.Context, name string) (map[string]any, error)
}

// LocalFiler is a Reader whose image is a local file, so that the kernel can
// read it without us (FUSE passthrough). The descriptor stays the Reader's.
type LocalFiler interface {
	LocalFile() (fd uintptr, ok bool)
}

// BlockReader is a Reader that is slow to answer: it gains from being asked
// for several blocks at once, before anybody wants them. Instance.Open puts a
// read-ahead in front of it (package readahead).
type BlockReader interface {
	// BlockSize is how much is best asked for at once, in bytes: a power of
	// two (rbd: the size of an object).
	BlockSize() int64
}

// LocalSampler is a store of local files: Samples calls fn with an open
// regular file on each filesystem that its images are on, so that the caller
// can try what works there.
type LocalSampler interface {
	Samples(ctx context.Context, fn func(fd uintptr) error) error
}

// HoleFinder is a Reader that knows where its image has holes, as lseek(2)
// with SEEK_DATA and SEEK_HOLE does; syscall.ENXIO beyond the last.
type HoleFinder interface {
	SeekData(ctx context.Context, off int64) (int64, error)
	SeekHole(ctx context.Context, off int64) (int64, error)
}
