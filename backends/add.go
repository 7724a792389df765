package backends

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"glancefs/digest"
)

// Add is a streaming add under way: the bytes go to the store and, in
// parallel, through md5 and the store's hashing algorithm. Nothing is visible
// before Commit has returned nil.
//
// Write, Zeros and Commit are called by one goroutine at a time; the others
// by any. An Add ends with Commit or Abort.
type Add struct {
	in     *Instance
	name   string
	algo   string // of the multihash
	ctx    context.Context
	cancel context.CancelFunc
	store  Store // it has no fault, so none takes its place
	writer Writer
	size   atomic.Int64

	// The stream is made at the first byte, when it is known which digests
	// are declared. tail is the buffer that is being filled: small writes
	// go to the store at once, so that a full store answers the write that
	// met it, but to the hashes a buffer at a time.
	stream *digest.Stream
	tail   *buffer
	failed error // what the store answered to a write: nothing more is taken

	mu       sync.Mutex // guards the rest
	declared declared
	also     []string // algorithms to compute for a later Expect
	computed []string // the algorithms of the stream; nil: not started
}

// Add begins an add. It is fs.ErrExist when the name exists. ctx is the
// add's for all of its life (a mount's, a command's; never a request's):
// when it ends, the add fails.
func (in *Instance) Add(ctx context.Context, name string) (*Add, error) {
	return in.AddWithin(ctx, ctx, name)
}

// AddWithin is Add for a request: its context ctx, which ends with life too,
// bounds the beginning alone.
func (in *Instance) AddWithin(ctx, life context.Context, name string) (*Add, error) {
	a := &Add{in: in, name: name, algo: in.HashingAlgo()}
	a.declared.size = -1
	err := in.onImage(ctx, "add", name, in.writable, func(ctx context.Context, store Store) (err error) {
		a.store = store
		a.writer, err = store.Create(ctx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	a.ctx, a.cancel = context.WithCancel(life)
	return a, nil
}

// Owner tells whose the image will be; nil where the store has no owners.
func (a *Add) Owner() *Owner {
	o, ok := a.writer.(OwnerTeller)
	if !ok {
		return nil
	}
	owner := o.Owner()
	return &owner
}

// Size tells how many bytes came so far.
func (a *Add) Size() int64 { return a.size.Load() }

// Declare says what the image must be: KeySize, KeyChecksum, KeyMultihash,
// KeyHashingAlgo, or KeyAlgoPrefix and an algorithm, in any order; the last
// of a name counts. Commit checks it. A digest in an algorithm that is not
// computed anyway is computed only if it is declared before the first byte.
// known is false for a key that declares nothing. The parts of a signature,
// KeySignature and those after it, declare that the image is signed.
func (a *Add) Declare(key, value string) (known bool, err error) {
	if known, err := a.declareSignature(key, value); known {
		return true, a.in.fail("declare", a.name, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	known, err = a.declared.set(key, value)
	return known, a.in.fail("declare", a.name, err)
}

// Also says, before the first byte, that the digest in algo is to be computed
// too: the image may turn out to be one whose digest is known in that
// algorithm (Expect). One that glancefs does not know is left out.
func (a *Add) Also(algo string) {
	if digest.Check(algo) != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.also = append(a.also, algo)
}

// Expect says that the image must be the same as another one, whose record
// is r; what names it in the error. A digest that is "" is not checked, and
// one in an algorithm that the store does not compute only after Also. It
// adds to what Declare says.
func (a *Add) Expect(what string, r Record) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	if r.Checksum != "" {
		errs = append(errs, a.declared.expect(what+", md5", "md5", r.Checksum))
	}
	if r.Multihash != "" {
		errs = append(errs, a.declared.expect(what+", multihash", r.HashingAlgo, r.Multihash))
	}
	return a.in.fail("add", a.name, errors.Join(errs...))
}

// Write adds the next bytes; p may be used again when it returns.
func (a *Add) Write(p []byte) error {
	if err := a.start(); err != nil {
		return err
	}
	for len(p) > 0 {
		if a.tail == nil {
			a.tail = newBuffer()
		}
		old := len(a.tail.data)
		n := min(len(p), cap(a.tail.data)-old)
		a.tail.data = append(a.tail.data, p[:n]...)
		if err := a.append(Chunk{Data: a.tail.data[old:], buf: a.tail}); err != nil {
			return err
		}
		p = p[n:]
		if len(a.tail.data) == cap(a.tail.data) {
			a.hashTail()
		}
	}
	return nil
}

// Zeros adds n zeros: a gap, a hole where the store provisions thinly.
func (a *Add) Zeros(n int64) error {
	if err := a.start(); err != nil {
		return err
	}
	a.hashTail()
	for n > 0 {
		c := Chunk{Data: zeros[:min(n, ChunkSize)]}
		if err := a.append(c); err != nil {
			return err
		}
		a.stream.Write(c.Data, nil)
		n -= int64(len(c.Data))
	}
	return nil
}

// start makes the stream of hashes at the first byte.
func (a *Add) start() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.computed != nil {
		return nil
	}
	algos := append([]string{"md5", a.algo}, a.also...)
	if algo := a.declared.signature.Algo(); algo != "" {
		algos = append(algos, algo)
	}
	for _, e := range a.declared.expected(a.algo) {
		algos = append(algos, e.algo)
	}
	stream, err := digest.NewStream(algos...)
	if err != nil {
		return a.in.fail("add", a.name, err)
	}
	a.stream, a.computed = stream, algos
	// The hashes end with the add, whatever ends it.
	context.AfterFunc(a.ctx, stream.Stop)
	return nil
}

// append hands one piece to the store.
func (a *Add) append(c Chunk) error {
	if a.failed != nil {
		return a.failed
	}
	ctx, cancel := a.in.deadline(a.ctx)
	defer cancel()
	if err := a.writer.Append(ctx, c); err != nil {
		a.failed = a.in.fail("add", a.name, err)
		return a.failed
	}
	a.size.Add(int64(len(c.Data)))
	return nil
}

// hashTail hands the bytes that wait in the tail to the hashes.
func (a *Add) hashTail() {
	if a.tail != nil {
		a.stream.Write(a.tail.data, a.tail.unref)
		a.tail = nil
	}
}

// Commit checks what was declared and makes the image complete, durable and
// visible. mtime zero means now. When it fails, nothing is left: it aborts.
func (a *Add) Commit(mtime time.Time) (Image, error) {
	img, err := a.commit(mtime)
	if err != nil {
		_ = a.Abort() // the first error is the one to report
		return Image{}, a.in.fail("add", a.name, err)
	}
	a.cancel()
	return img, nil
}

func (a *Add) commit(mtime time.Time) (Image, error) {
	if a.failed != nil {
		return Image{}, a.failed
	}
	if err := a.start(); err != nil { // an image without a byte
		return Image{}, err
	}
	a.hashTail()
	sums := a.stream.Sums()
	if err := context.Cause(a.ctx); err != nil {
		return Image{}, err // aborted; a stopped stream has no sums
	}
	if err := a.checkDeclared(sums); err != nil {
		return Image{}, err
	}
	record := Record{
		Size: a.Size(), Mtime: mtime,
		Checksum: sums["md5"], Multihash: sums[a.algo], HashingAlgo: a.algo,
	}
	// From here on only the deadline ends it: a commit that has begun is
	// not undone by a signal or an unmount.
	ctx, cancel := a.in.deadline(context.WithoutCancel(a.ctx))
	defer cancel()
	img, err := a.writer.Commit(ctx, record)
	if errors.Is(err, ErrUnknown) {
		return a.resolve(record, err)
	}
	return img, err
}

// checkDeclared compares the image with what it was declared to be.
func (a *Add) checkDeclared(sums map[string]string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	unchecked, err := a.declared.check(a.Size(), sums, a.algo)
	if err != nil {
		return err
	}
	for _, what := range unchecked {
		a.in.log.WithField("image", a.name).Infof("add: %s is not checked: it was declared after the first byte, and the store computes md5 and %s", what, a.algo)
	}
	if err := a.declared.checkSignature(sums); err != nil {
		return err
	}
	return a.declared.require(a.in.opts.RequireDeclared, unchecked, a.algo)
}

// resolve asks what became of a commit whose reply was lost. It has a
// deadline of its own: most often it is the commit's that has passed.
func (a *Add) resolve(want Record, lost error) (Image, error) {
	const pause = 100 * time.Millisecond // arbitrary; the deadline bounds the whole
	ctx, cancel := a.in.deadline(context.WithoutCancel(a.ctx))
	defer cancel()
	for {
		img, err := a.store.Stat(ctx, a.name)
		switch {
		case err == nil && img.Record != nil && img.Size == want.Size && img.Record.Multihash == want.Multihash && img.Record.Checksum == want.Checksum:
			return img, nil
		case err == nil:
			return Image{}, fmt.Errorf("another image has taken the name: %w", lost)
		}
		select {
		case <-ctx.Done():
			return Image{}, fmt.Errorf("%w; asked again: %w", lost, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// Abort ends the add and leaves nothing of it. It may be called at any time,
// any number of times; after a Commit that returned nil it does nothing.
func (a *Add) Abort() error {
	a.cancel()
	ctx, cancel := a.in.deadline(context.WithoutCancel(a.ctx))
	defer cancel()
	return a.in.fail("abort", a.name, a.writer.Abort(ctx))
}
