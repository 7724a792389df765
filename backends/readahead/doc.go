// Package readahead reads images of network stores before they are asked
// for: one piece of code for all of them.
//
// A [Reader] is for one opened image. Each read is noted in a run: reads
// that follow each other, also out of order, since the kernel has several
// requests under way and delivers them as it likes. A run that is sequential
// is read ahead as far as it has come: after 1 MiB it is 1 MiB ahead, after
// 8 MiB 8 MiB, up to four blocks, which keeps four requests under way: enough
// to saturate one stream from Ceph (four reads of 8 MiB at once are twice as
// fast as one at a time). So what is fetched in vain is never more than what
// was read, the first bytes do not wait for a whole block, and a random read
// asks for its own bytes and no others.
//
// What is fetched ahead is a piece: a power of two of bytes, at most a block
// and 8 MiB, aligned to its size. A read takes its bytes from the pieces that
// have them, waiting for those under way, and fetches the rest itself; if one
// piece has them all, they need not be copied ([Reader.View]). A piece is
// freed when it was read or passed by, when its run is given up, or when
// nobody has read for some seconds. A piece that failed is gone: whoever wants
// its bytes fetches them, which is the retry, and gets that error.
//
// The memory for pieces is of a [Budget] that all stores share. Nothing waits
// for it: with none left there is less ahead, and in the end nothing.
package readahead
