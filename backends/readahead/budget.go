package readahead

import "sync"

// Budget bounds the memory of what is read ahead. It is divided evenly
// between the stores that are being read, and a store's part between its
// readers.
type Budget struct {
	total, floor int64

	mu     sync.Mutex // guards the rest, and all shares and claims
	used   int64
	stores int // that use some of it
	buffers
}

// NewBudget makes a budget of total bytes. A store may have floor bytes
// whatever the others have, so all is bounded by total and one floor a store:
// readers that hang in one store starve no other.
func NewBudget(total, floor int64) *Budget { return &Budget{total: total, floor: floor} }

// Share is what one store has of a budget.
type Share struct {
	budget  *Budget
	used    int64
	readers int // that use some of it
}

// Share makes the share of one more store.
func (b *Budget) Share() *Share { return &Share{budget: b} }

// Used tells how many bytes the store uses now.
func (s *Share) Used() int64 {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	return s.used
}

// claim is what one reader has of a share.
type claim struct {
	share *Share
	used  int64
}

// fair returns how far ahead the reader may be, the other ones considered,
// in bytes.
func (c *claim) fair() int64 {
	s, b := c.share, c.share.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	stores, readers := b.stores, s.readers
	if s.used == 0 {
		stores++
	}
	if c.used == 0 {
		readers++
	}
	return b.total / int64(stores) / int64(readers)
}

// take takes n bytes, if they can be had.
func (c *claim) take(n int64) bool {
	s, b := c.share, c.share.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.total && s.used+n > b.floor {
		return false
	}
	if s.used == 0 {
		b.stores++
	}
	if c.used == 0 {
		s.readers++
	}
	c.used, s.used, b.used = c.used+n, s.used+n, b.used+n
	return true
}

// give gives back n bytes that were taken.
func (c *claim) give(n int64) {
	s, b := c.share, c.share.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	c.used, s.used, b.used = c.used-n, s.used-n, b.used-n
	if c.used == 0 {
		s.readers--
	}
	if s.used == 0 {
		b.stores--
	}
	if b.used == 0 {
		b.rest()
	}
}
