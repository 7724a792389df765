package bench

import "strings"

// fuseCPU is the least that FUSE costs a writer and its daemon, in CPU seconds
// for 1 GiB, as measured with a daemon that throws everything away.
const fuseCPU = 0.9

// together is between the names of hashes that are computed together.
const together = " + "

// Limit is the shortest time, in seconds, in which the machine can do an add:
// all cores hash, copy, and pay for FUSE, and no hash is faster than one core
// of its stream. The hashes take what they take alone, or together where that
// is measured and less. It is 0 when it is not known: no hashes, or no copy
// measured.
func (r *Report) Limit(w *Work) float64 {
	limit := r.limit(w, w.Hashes)
	if both := r.limit(w, []string{strings.Join(w.Hashes, together)}); both > 0 {
		limit = min(limit, both)
	}
	return limit
}

// limit is Limit for hashes that are each computed alone.
func (r *Report) limit(w *Work, hashes []string) float64 {
	native := w.Find(Native)
	if len(w.Hashes) == 0 || native == nil {
		return 0
	}
	size := float64(w.Bytes)
	all, slowest := native.Median.CPU+fuseCPU*size/(1<<30), 0.0
	for _, name := range hashes {
		speed := r.speed(name)
		if speed == 0 {
			return 0
		}
		all += size / speed
		slowest = max(slowest, size/speed/float64(w.Streams))
	}
	return max(all/float64(r.Machine.Cores), slowest)
}

// speed is that of the faster implementation of a hash, in bytes per second.
func (r *Report) speed(name string) float64 {
	for _, h := range r.Hashes {
		if h.Name == name {
			return max(h.Ours, h.OpenSSL)
		}
	}
	return 0
}

// Closeness is which part of a work's time the limit is: 1 is the limit. It
// is 0 when it is not known.
func (r *Report) Closeness(w *Work) float64 {
	ours := w.Find(Glancefs)
	if ours == nil {
		return 0
	}
	return r.Limit(w) / ours.Median.Seconds
}

// Native is the tool that does without digests and without a mount: cp, cat,
// ls.
const Native = "native"
