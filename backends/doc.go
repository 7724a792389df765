// Package backends is what every store has in common: the contract that a
// driver fulfils, the set of configured stores, and Add, the one place where
// the bytes of an image are hashed on their way into a store.
//
// A driver (file, rbd, …) implements [Store] and is announced as a [Driver].
// A configured store is an [Instance]: a name, what the configuration says
// of it, and the driver's Store behind it. Callers work with instances: an
// Instance enforces the policies that hold for all drivers (read-only,
// allow_delete, misconfigured, deadlines) and wraps each error once with the
// operation, the store and the image. A [Set] holds the instances of one
// configuration.
//
// What only some stores can do is a small optional interface ([Renamer],
// [MtimeSetter], [SpaceTeller], [LocalFiler], …), found with [As] as
// errors.As finds errors.
//
// Errors are the sentinels of errors.go and io/fs, wrapped; a driver
// translates the errors of its service where they enter. No driver hashes,
// knows an errno, or logs a request.
package backends
