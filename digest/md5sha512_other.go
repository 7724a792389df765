//go:build !amd64 || purego

package digest

const hasPairs = false

func hashPairs(*[4]uint32, *[8]uint64, *byte, int) { panic("not for this processor") }
