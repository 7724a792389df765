package readahead

import "slices"

const (
	// reorder is how many requests the kernel may have under way at once:
	// a read that is no farther from the end of a run is one of it. Its
	// default is 12 (max_background).
	reorder = 16

	// forget is after how many reads elsewhere a run is given up: the reader
	// has jumped. Two streams on one handle keep each other alive.
	forget = 2 * reorder

	// enough is how many reads make a run. Two of random reads are
	// neighbours by chance often enough.
	enough = 3
)

// run is reads that follow each other, more or less.
type run struct {
	start, next int64 // what was read is between them
	bytes       int64 // how much was read
	reads       int
	largest     int64 // read
	ahead       int64 // the end of its last piece
	last        int64 // Reader.reads as of its last read
}

// near tells whether a read can be one of the run.
func (u *run) near(off, length int64) bool {
	return u.distance(off) <= reorder*max(u.largest, length)
}

func (u *run) distance(off int64) int64 { return max(off-u.next, u.next-off) }

// add notes a read. Of a long run, more than keep bytes, the older half is
// forgotten.
func (u *run) add(off, end, keep int64) {
	u.start, u.next = min(u.start, off), max(u.next, end)
	u.bytes += end - off
	u.largest = max(u.largest, end-off)
	u.reads++
	if span := u.next - u.start; span > keep {
		u.start += span / 2
		u.bytes /= 2
	}
}

// sequential tells whether the reads cover what they are spread over, once.
// Half will do: some may still come, or be left out.
func (u *run) sequential() bool {
	span := u.next - u.start
	return u.reads >= enough && u.bytes >= span/2 && u.bytes <= span+span/4
}

// note finds the run that a read belongs to, or begins one, and gives up
// those that the reader has left.
func (r *Reader) note(off, end int64) *run {
	r.reads++
	r.runs = slices.DeleteFunc(r.runs, func(u *run) bool {
		left := r.reads-u.last > forget
		if left {
			r.dropIf(func(p *piece) bool { return p.run == u })
		}
		return left
	})
	var of *run
	for _, u := range r.runs {
		if u.near(off, end-off) && (of == nil || u.distance(off) < of.distance(off)) {
			of = u
		}
	}
	if of == nil {
		of = &run{start: off}
		r.runs = append(r.runs, of)
	}
	of.last = r.reads
	of.add(off, end, 4*r.most())
	return of
}
