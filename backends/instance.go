package backends

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"glancefs/backends/readahead"
	"glancefs/backends/signature"
	"glancefs/digest"
)

// Instance is a configured store. Its methods enforce what holds for every
// driver: names, policies and deadlines; their errors are *Error.
type Instance struct {
	cfg      StoreConfig
	drv      *Driver // nil: a type that glancefs does not have
	opts     commonOptions
	trust    signature.Trust
	ahead    *readahead.Share
	log      *logrus.Entry
	faults   []error // of the configuration file
	warning  error
	notThere bool // a reserved store that does not exist

	open func(context.Context) *attempt
	life context.Context // of the attempts to open it again
	end  context.CancelFunc

	mu       sync.Mutex // guards the rest
	algo     string
	current  *attempt
	tried    time.Time     // when the last attempt ended
	retrying chan struct{} // closed when the one under way has ended; nil: none is
	closed   bool
}

// What the configuration says of the store.
func (in *Instance) Name() string        { return in.cfg.Name }
func (in *Instance) Type() string        { return in.cfg.Type }
func (in *Instance) Reserved() bool      { return in.cfg.Reserved }
func (in *Instance) Description() string { return in.opts.Description }
func (in *Instance) Weight() int         { return in.opts.Weight }
func (in *Instance) VerifyOnRead() bool  { return in.opts.VerifyOnRead }

// ReadOnly tells whether no image can ever be added.
func (in *Instance) ReadOnly() bool { return in.opts.ReadOnly || in.Capabilities()&WriteAccess == 0 }

// Schemes returns the URI schemes of the store's driver.
func (in *Instance) Schemes() []string {
	if in.drv == nil {
		return nil
	}
	return in.drv.Schemes
}

// Capabilities returns what the store can do. As in glance_store, a store
// whose configuration is bad has no write access.
func (in *Instance) Capabilities() Capability {
	at := in.latest()
	if in.drv == nil || at.store == nil {
		return 0
	}
	if len(in.faultsOf(at)) > 0 {
		return in.drv.Capabilities &^ WriteAccess
	}
	return in.drv.Capabilities
}

// Faults returns everything that is wrong with the store's configuration, as
// of the last attempt to open it.
func (in *Instance) Faults() []error { return in.faultsOf(in.latest()) }

// Warning returns what the configuration says in vain, nil if nothing.
func (in *Instance) Warning() error { return in.warning }

// Store returns the driver's store, for As; nil if it could not be opened.
func (in *Instance) Store() Store { return in.latest().store }

// Status returns nil if the store works now, and otherwise why not.
func (in *Instance) Status(ctx context.Context) error {
	at := in.enter(ctx)
	defer in.leave(at)
	if faults := in.faultsOf(at); len(faults) > 0 {
		return errors.Join(faults...)
	}
	if h, ok := As[HealthTeller](at.store); ok {
		ctx, cancel := in.deadline(ctx)
		defer cancel()
		return h.Health(ctx)
	}
	return nil
}

// HashingAlgo returns the algorithm of the multihash of the adds to come.
func (in *Instance) HashingAlgo() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.algo
}

// SetHashingAlgo changes the algorithm for the adds to come.
func (in *Instance) SetHashingAlgo(algo string) error {
	if err := digest.Check(algo); err != nil {
		return in.fail("set hashing_algo", "", fmt.Errorf("%w: %w", ErrInvalid, err))
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.algo = algo
	return nil
}

// List calls fn for each complete image; see Store.
func (in *Instance) List(ctx context.Context, fn func(Image) error) error {
	return in.call(ctx, "list", "", in.readable, func(ctx context.Context, store Store) error {
		return store.List(ctx, fn)
	})
}

// Stat tells of one complete image; see Store.
func (in *Instance) Stat(ctx context.Context, name string) (img Image, err error) {
	err = in.onImage(ctx, "stat", name, in.readable, func(ctx context.Context, store Store) error {
		img, err = store.Stat(ctx, name)
		return err
	})
	return img, err
}

// Delete removes an image; see Store.
func (in *Instance) Delete(ctx context.Context, name string) error {
	return in.onImage(ctx, "delete", name, in.deletable, func(ctx context.Context, store Store) error {
		return store.Delete(ctx, name)
	})
}

// Rename renames an image; see Renamer. A store that can't is
// errors.ErrUnsupported.
func (in *Instance) Rename(ctx context.Context, oldName, newName string) error {
	return in.onImage(ctx, "rename", oldName, in.deletable, func(ctx context.Context, store Store) error {
		r, ok := As[Renamer](store)
		if !ok {
			return errors.ErrUnsupported
		}
		if err := CheckName(newName); err != nil {
			return err
		}
		return r.Rename(ctx, oldName, newName)
	})
}

// SetMtime changes an image's modification time; see MtimeSetter. A store
// that keeps none is errors.ErrUnsupported.
func (in *Instance) SetMtime(ctx context.Context, name string, mtime time.Time) error {
	return in.onImage(ctx, "set mtime", name, in.writable, func(ctx context.Context, store Store) error {
		s, ok := As[MtimeSetter](store)
		if !ok {
			return errors.ErrUnsupported
		}
		return s.SetMtime(ctx, name, mtime)
	})
}

// KeepRecord keeps a record with an image; see Recorder. A store that can't
// is errors.ErrUnsupported.
func (in *Instance) KeepRecord(ctx context.Context, of Image, r Record) error {
	return in.onImage(ctx, "record", of.Name, in.writable, func(ctx context.Context, store Store) error {
		k, ok := As[Recorder](store)
		if !ok {
			return errors.ErrUnsupported
		}
		return k.KeepRecord(ctx, of, r)
	})
}

// Location returns an image's URI; see Store.
func (in *Instance) Location(ctx context.Context, name string) (uri string, err error) {
	err = in.onImage(ctx, "location", name, in.readable, func(ctx context.Context, store Store) error {
		uri, err = store.Location(ctx, name)
		return err
	})
	return uri, err
}

// Metadata returns an image's location metadata, always with the key
// "store".
func (in *Instance) Metadata(ctx context.Context, name string) (meta map[string]any, err error) {
	err = in.onImage(ctx, "metadata", name, in.readable, func(ctx context.Context, store Store) error {
		if m, ok := As[Metadater](store); ok {
			meta, err = m.Metadata(ctx, name)
		}
		return err
	})
	if meta == nil {
		meta = make(map[string]any)
	}
	meta["store"] = in.Name()
	return meta, err
}

// Space returns the store's space. A store that does not know it is
// errors.ErrUnsupported.
func (in *Instance) Space(ctx context.Context) (space Space, err error) {
	err = in.call(ctx, "space", "", in.readable, func(ctx context.Context, store Store) error {
		s, ok := As[SpaceTeller](store)
		if !ok {
			return errors.ErrUnsupported
		}
		space, err = s.Space(ctx)
		return err
	})
	return space, err
}

// RemoveLeftovers removes what a crash has left in the store; see
// LeftoverRemover. It is for who keeps the store open, and may last as long.
func (in *Instance) RemoveLeftovers(ctx context.Context) {
	at := in.enter(ctx)
	defer in.leave(at)
	if r, ok := As[LeftoverRemover](at.store); ok && in.writable(at) == nil {
		r.RemoveLeftovers(ctx)
	}
}

// call runs fn on the store within the deadline of a request, if allowed
// says so, and wraps its error. image is "" if it concerns the store itself.
func (in *Instance) call(ctx context.Context, op, image string, allowed func(*attempt) error, fn func(context.Context, Store) error) error {
	at := in.enter(ctx)
	defer in.leave(at)
	return in.callOn(ctx, at, op, image, allowed, fn)
}

// callOn is call on a store that the caller has entered.
func (in *Instance) callOn(ctx context.Context, at *attempt, op, image string, allowed func(*attempt) error, fn func(context.Context, Store) error) error {
	if err := allowed(at); err != nil {
		return in.fail(op, image, err)
	}
	ctx, cancel := in.deadline(ctx)
	defer cancel()
	return in.fail(op, image, fn(ctx, at.store))
}

// onImage is call for one image, whose name it checks.
func (in *Instance) onImage(ctx context.Context, op, image string, allowed func(*attempt) error, fn func(context.Context, Store) error) error {
	return in.call(ctx, op, image, allowed, checked(image, fn))
}

// begin is onImage for an open image, which lasts longer than the call. If there is no error, the caller leaves the attempt in the end.
func (in *Instance) begin(ctx context.Context, op, image string, allowed func(*attempt) error, fn func(context.Context, Store) error) (*attempt, error) {
	at := in.enter(ctx)
	if err := in.callOn(ctx, at, op, image, allowed, checked(image, fn)); err != nil {
		in.leave(at)
		return nil, err
	}
	return at, nil
}

// checked is fn, but for a name that can be no image's.
func checked(image string, fn func(context.Context, Store) error) func(context.Context, Store) error {
	return func(ctx context.Context, store Store) error {
		if err := CheckName(image); err != nil {
			return err
		}
		return fn(ctx, store)
	}
}

// deadline bounds one request to the store.
func (in *Instance) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	slow := fmt.Errorf("no answer within request_timeout = %v: %w", in.opts.RequestTimeout, context.DeadlineExceeded)
	return context.WithTimeoutCause(ctx, in.opts.RequestTimeout, slow)
}

// fail wraps err, if it is one.
func (in *Instance) fail(op, image string, err error) error {
	if err == nil {
		return nil
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	return &Error{Op: op, Store: in.Name(), Image: image, Err: err}
}

func (in *Instance) readable(at *attempt) error {
	if at.store == nil {
		return in.misconfigured(at)
	}
	return nil
}

func (in *Instance) writable(at *attempt) error {
	switch {
	case in.opts.ReadOnly:
		return ErrReadOnly
	case len(in.faultsOf(at)) > 0:
		return in.misconfigured(at)
	case in.drv.Capabilities&WriteAccess == 0:
		return fmt.Errorf("%w: its driver can't write", ErrReadOnly)
	}
	return nil
}

func (in *Instance) deletable(at *attempt) error {
	if err := in.writable(at); err != nil {
		return err
	}
	if !in.opts.AllowDelete {
		return fmt.Errorf("%w: allow_delete is false", ErrReadOnly)
	}
	return nil
}

func (in *Instance) misconfigured(at *attempt) error {
	// %v: what a fault wraps (a file that is not there, say) is no outcome of
	// this call.
	return fmt.Errorf("%w: %v", ErrMisconfigured, errors.Join(in.faultsOf(at)...))
}

// absent tells a reserved store that does not exist and is not shown.
func (in *Instance) absent() bool { return in.notThere }
