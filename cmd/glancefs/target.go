package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// targetUsage is how an image is named.
const targetUsage = "URI|STORE/NAME"

func addStoreFlag(flags *pflag.FlagSet, store *string) {
	flags.StringVar(store, "store", "", "look for the URI in this `store` only")
}

// store returns the store of that name.
func (s *openedStores) store(name string) (*backends.Instance, error) {
	if in, ok := s.set.Get(name); ok {
		return in, nil
	}
	var names []string
	for _, in := range s.set.Instances() {
		names = append(names, in.Name())
	}
	return nil, &statusError{errors.New("no store is named " + strconv.Quote(name) + "; there are " + strings.Join(names, ", ")), statusNotFound}
}

// target finds what an argument URI|STORE/NAME means. store is --store.
func (s *openedStores) target(ctx context.Context, text, store string) (in *backends.Instance, name string, err error) {
	if store != "" {
		if _, err := s.store(store); err != nil {
			return nil, "", err
		}
	}
	if strings.Contains(text, "://") {
		in, name, err = s.set.Find(ctx, text, store)
		return in, name, searchError(err)
	}
	storeName, name, ok := strings.Cut(text, "/")
	switch {
	case !ok:
		return nil, "", usageErrorf("%q is neither a URI nor STORE/NAME", text)
	case store != "" && store != storeName:
		return nil, "", usageErrorf("%q is not in the store %s of --store", text, store)
	}
	if in, err = s.store(storeName); err != nil {
		return nil, "", err
	}
	return in, name, checkName(name)
}

// searchError makes one line and an exit status of what a search in several
// stores came to.
func searchError(err error) error {
	status := statusFailed
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		status = statusNotFound
	case errors.Is(err, backends.ErrInvalid):
		status = statusUsage
	}
	return &statusError{errors.New(oneLine(err)), status}
}

// checkName refuses what can't be an image's name, as a mistake of the
// command line.
func checkName(name string) error {
	if err := backends.CheckName(name); err != nil {
		return usageErrorf("name %q: %w", name, err)
	}
	return nil
}

// untilSignal returns a context that ends with a signal that asks the
// program to end; a second one ends it at once. Signals that whoever started
// it ignores (nohup, a shell's &) stay ignored.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	runtime.UnlockOSThread() // it moves bytes: goroutines change faster without
	signals := slices.DeleteFunc([]os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP}, signal.Ignored)
	if len(signals) == 0 { // to NotifyContext that would be all there are
		return context.WithCancel(ctx)
	}
	ctx, stop := signal.NotifyContext(ctx, signals...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// interrupted returns what ended an operation on an image: the signal, if
// there was one, else err.
func interrupted(ctx context.Context, op string, in *backends.Instance, name string, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return &backends.Error{Op: op, Store: in.Name(), Image: name, Err: context.Cause(ctx)}
}

// isRegular tells whether path is a regular file, or nothing yet.
func isRegular(path string) bool {
	info, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular()
}
