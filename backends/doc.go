// Package backends is what every store has in common: the contract that a
// driver fulfils, the set of configured stores, and Add, the one place where
// the bytes of an image are hashed on their way into a store.
//
// # For a program
//
// A program opens the stores of a configuration with package
// glancefs/backends/all, whose examples go through all of this:
//
//	in, ok := set.Get("fast")        // or set.Default(), set.Instances()
//	img, err := in.Stat(ctx, name)   // size, mtime, digests
//	o, err := in.Open(ctx, name)     // o.ReadAt, o.CopyTo, o.Verify, o.Close
//	a, err := in.Add(ctx, name)      // a.Declare, a.Write, a.Zeros, a.Commit or a.Abort
//	err = in.Delete(ctx, name)
//	uri, err := in.Location(ctx, name)
//	in, name, err := set.Find(ctx, uri, "")
//
// A configured store is an [Instance]: a name, what the configuration says
// of it, and the driver's Store behind it. Callers work with instances: an
// Instance enforces the policies that hold for all drivers (read-only,
// allow_delete, misconfigured, deadlines) and wraps each error once with the
// operation, the store and the image. A [Set] holds the instances of one
// configuration. Nothing is global: a process may have several sets.
//
// An add is a stream: what [Add.Write] takes goes to the store and, in
// parallel, through md5 and the store's hashing algorithm, and nothing is
// visible before [Add.Commit] has returned nil. Commit computes glance_store's
// 5-tuple: the Image that it returns has size, checksum and multihash,
// [Instance.Location] and [Instance.Metadata] the rest. What the image must be
// can be said before ([Add.Declare]); an image that is something else is not
// stored.
//
// Where glance_store takes a request context, there is nothing here: the
// credentials of a store come from its configuration. A context.Context says
// how long a call may take. GLANCE_STORE.md, beside this file, compares
// glance_store's functions one by one.
//
// # Errors
//
// Every error of an Instance is an [Error]: operation, store, image. What
// happened is a sentinel, to be tested with errors.Is:
//
//	fs.ErrNotExist            no such image
//	fs.ErrExist               there is one by that name already
//	fs.ErrPermission          the store's service refuses
//	ErrFull, ErrQuota         no space
//	ErrReadOnly               the store, or the driver, is not written to
//	ErrMisconfigured          Instance.Faults tells why
//	errors.ErrUnsupported     a store of this kind can't do that
//	ErrBusy                   the image is in use in the store
//	ErrInvalid                a name, a URI, an algorithm that can't be
//	ErrSignature              not signed as it was declared to be
//	ErrMismatch               not the size or the digests that were declared
//	context.DeadlineExceeded  request_timeout has passed
//	ErrUnknown                the reply to a commit is lost: it may be stored
//	ErrUnavailable            the store's service does not answer
//
// # For a driver
//
// A driver (file, rbd, …) implements [Store] and is announced as a [Driver].
// What only some stores can do is a small optional interface ([Renamer],
// [MtimeSetter], [LocalFiler], [BlockReader], …), found with [As] as
// errors.As finds errors. A driver translates the errors of its service to
// the sentinels where they enter, and wraps them. No driver hashes, knows an
// errno, or logs a request. Package storetest has the tests that every
// driver passes.
package backends
