// Gowriter copies standard input to standard output, as docker save and other
// Go programs do, and ends without closing it, while other threads live.
//
//	gowriter [THREADS [STATUS]]
package main

import (
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
)

func main() {
	number := func(i int) int {
		if len(os.Args) <= i {
			return 0
		}
		n, err := strconv.Atoi(os.Args[i])
		if err != nil {
			panic(err)
		}
		return n
	}
	var started sync.WaitGroup
	for range number(1) {
		started.Add(1)
		go func() {
			runtime.LockOSThread() // a thread of its own
			started.Done()
			select {}
		}()
	}
	started.Wait()
	// The struct hides the methods by which io.Copy would splice.
	if _, err := io.Copy(struct{ io.Writer }{os.Stdout}, os.Stdin); err != nil {
		panic(err)
	}
	os.Exit(number(2))
}
