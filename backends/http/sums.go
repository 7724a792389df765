package http

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"glancefs/backends"
)

// algos are the algorithms of published digests. They are looked for in
// SHA512SUMS, SHA256SUMS and MD5SUMS, also in small letters, which have a line
// for each image, then in NAME.sha512, NAME.sha256 and NAME.md5. To a listing
// these are files like others, so that sha256sum -c works in the mount.
var algos = []string{"sha512", "sha256", "md5"}

// sumsValid is how long a file of digests, or that there is none, is
// believed without asking again.
const sumsValid = time.Minute

// record makes the record of an image: the best of the published digests is
// its multihash, and md5 the checksum; nil if there are none. A URL with a
// query is no directory that could have any.
func (s *Store) record(ctx context.Context, img backends.Image) (*backends.Record, error) {
	if s.base.RawQuery != "" {
		return nil, nil
	}
	s.sums.saw(img)
	r := backends.Record{Size: img.Size, Mtime: img.Mtime}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		r.Checksum, err = s.published(groupCtx, img.Name, "md5")
		return err
	})
	group.Go(func() (err error) {
		for _, r.HashingAlgo = range []string{"sha512", "sha256"} {
			r.Multihash, err = s.published(groupCtx, img.Name, r.HashingAlgo)
			if err != nil || r.Multihash != "" {
				break
			}
		}
		return err
	})
	switch err := group.Wait(); {
	case err != nil:
		return nil, err
	case r.Multihash == "" && r.Checksum == "":
		return nil, nil
	case r.Multihash == "":
		r.Multihash, r.HashingAlgo = r.Checksum, "md5"
	}
	return &r, nil
}

// published returns an image's digest in one algorithm, "" if none is
// published. Where something else is published as its digest, that is an
// error: the image was meant to have one.
func (s *Store) published(ctx context.Context, name, algo string) (string, error) {
	all := algo + "sums"
	files := []string{strings.ToUpper(all), all}
	if !isSums(name) {
		files = append(files, name+"."+algo)
	}
	for _, file := range files {
		sums, err := s.sums.get(ctx, s, file, algo)
		if err != nil {
			return "", err
		}
		said, ok := sums[name]
		if !ok {
			said = sums[""]
		}
		if said.err != nil {
			return "", fmt.Errorf("the digest that %s has of %s: %w", file, name, said.err)
		}
		if said.digest != "" {
			return said.digest, nil
		}
	}
	return "", nil
}

// isSums tells whether a file is one of digests; nobody publishes digests of
// these in files of their own.
func isSums(name string) bool {
	return slices.ContainsFunc(algos, func(algo string) bool {
		return strings.EqualFold(name, algo+"sums") || strings.HasSuffix(name, "."+algo)
	})
}

// fetchSums reads one file of digests. That there is none is an answer (404,
// 410); any other failure is an error, since an image must not lose its
// digests to a server that is in trouble.
func (s *Store) fetchSums(ctx context.Context, file, algo string) (map[string]sum, error) {
	const limit = 16 << 20 // bytes: some 100,000 images
	resp, text, err := s.fetch(ctx, s.url(file), limit)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = statusError(resp)
	}
	own := !strings.EqualFold(file, algo+"sums")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("the digests that %s may have: %w", file, err)
	case own && strings.TrimSpace(text) == "":
		return nil, fmt.Errorf("%s is empty", file)
	}
	return parseSums(text, algo, own), nil
}

// sums keeps what the files of digests say, for a time. Who asks for one
// that is being fetched waits for that.
type sums struct {
	mu    sync.Mutex // guards the rest
	files map[string]*sumsFile
	swept time.Time         // when those that are over were dropped last
	seen  map[string]string // incarnations by name
}

// saw notes the incarnation of an image. When there was another one, what is
// kept may be its digests, and is asked for anew.
func (c *sums) saw(img backends.Image) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = make(map[string]string)
	}
	if before, ok := c.seen[img.Name]; ok && before != img.Incarnation {
		clear(c.files)
	}
	c.seen[img.Name] = img.Incarnation
}

// sumsFile is a file of digests; those of NAME are NAME's.
type sumsFile struct {
	done    chan struct{} // closed when the rest is known
	digests map[string]sum
	err     error
	at      time.Time
}

// get returns the digests in a file, by name.
func (c *sums) get(ctx context.Context, s *Store, file, algo string) (map[string]sum, error) {
	f := c.file(s, file, algo)
	select {
	case <-f.done:
		return f.digests, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("the digests that %s may have: %w", file, context.Cause(ctx))
	}
}

// file returns a file that is valid, or is being fetched now.
func (c *sums) file(s *Store, file, algo string) *sumsFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.swept) >= sumsValid {
		maps.DeleteFunc(c.files, func(_ string, f *sumsFile) bool { return f.isOver() })
		c.swept = time.Now()
	}
	if f := c.files[file]; f != nil && !f.isOver() {
		return f
	}
	f := &sumsFile{done: make(chan struct{})}
	if c.files == nil {
		c.files = make(map[string]*sumsFile)
	}
	c.files[file] = f
	s.fetches.Go(func() {
		defer close(f.done)
		// The fetch is everybody's who waits for it, not its first caller's.
		ctx, cancel := context.WithTimeout(s.life, s.limit)
		defer cancel()
		f.digests, f.err = s.fetchSums(ctx, file, algo)
		f.at = time.Now()
	})
	return f
}

// isOver tells whether a file has to be fetched again.
func (f *sumsFile) isOver() bool {
	select {
	case <-f.done:
		return f.err != nil || time.Since(f.at) >= sumsValid
	default:
		return false
	}
}
