// Package fsnode is the FUSE tree of a set of stores: the root lists the
// stores, a store its images. Writing an image is a streaming add.
//
// The nodes are rootNode, storeNode, imageNode (a complete image) and upload
// (an image under way, a node of its own that never becomes an imageNode);
// the handles readHandle and dirHandle (an upload has no state per handle:
// the kernel opens it once). What all nodes share is the tree.
//
// # Locks
//
// An upload's turn is held by whoever writes to it or commits it, over I/O
// to the store: it puts them in order. The mutexes tree.mu, storeNode.mu and
// upload.mu guard fields, are held for a few instructions only, never over
// I/O, and never two at once.
//
// # Contexts
//
// A request of a live caller is never cut short: the Go runtime's SIGURG
// interrupts requests too, and a Go program would see its write fail with
// EINTR. tree.request makes a context that ends only when the caller is
// dying, or the connection with the kernel has ended. An upload lives in the
// tree's context, never in a request's.
package fsnode
