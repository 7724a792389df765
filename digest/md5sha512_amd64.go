//go:build !purego

package digest

import "golang.org/x/sys/cpu"

// hasPairs tells whether the processor has hashPairs's instructions.
var hasPairs = cpu.X86.HasAVX && cpu.X86.HasBMI1 && cpu.X86.HasBMI2

// hashPairs brings the states of MD5 and SHA-512 forward by the n bytes at p,
// a multiple of pairSize and not 0.
//
//go:noescape
func hashPairs(m *[4]uint32, s *[8]uint64, p *byte, n int)
