//go:build !race

package main

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// useHugePages asks the kernel for huge pages for the first 256 MiB of the
// heap: more than the read-ahead of all stores (128 MiB), requests and replies
// use. Go does not ask, and kernels with transparent_hugepage = madvise give
// none unasked. Where it is never, nothing changes.
//
// The buffers of a mount are of 1 to 8 MiB each. On a virtual machine the
// first touch of each 4 KiB cost 22 µs, 1.4 s for 256 MiB, and with huge pages
// 0.06 s; so reading the first GiB from an HTTP server took 1.35 s instead of
// 1.0, and each one after it some 5 % longer.
//
// Go gives the memory of what is collected to whatever comes next, and the
// kernel remembers the advice for the addresses; so a slice that is never
// touched advises for all that will be there.
func useHugePages() {
	const hugePage = 2 << 20
	heap := make([]byte, 256<<20)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(heap))) & (hugePage - 1)
	_ = unix.Madvise(heap[skip:], unix.MADV_HUGEPAGE) // it is a hint
	runtime.GC()                                      // or the next would wait for twice as much
}
