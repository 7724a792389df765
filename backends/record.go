package backends

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Record is what is kept with an image: its digests, and what they belong
// to. Every driver keeps it under the same keys: on a file they are the
// file's own xattrs, in rbd the image's metadata.
type Record struct {
	Size        int64     // bytes
	Mtime       time.Time // of the image
	Checksum    string    // md5, lower-case hex; "" where a store (http) knows the multihash only
	Multihash   string    // lower-case hex
	HashingAlgo string    // the algorithm of Multihash
}

// The keys of a record.
const (
	KeyChecksum    = "user.glance.checksum"
	KeyMultihash   = "user.glance.multihash"
	KeyHashingAlgo = "user.glance.hashing_algo"
	KeyOf          = "user.glance.of" // "SIZE SECONDS.NANOSECONDS"
)

// RecordKeys lists the keys of a record in the order in which they are kept:
// KeyOf last, so that a record cut short by a crash is no record.
var RecordKeys = []string{KeyChecksum, KeyMultihash, KeyHashingAlgo, KeyOf}

// Fields returns the values of the record by key.
func (r Record) Fields() map[string]string {
	return map[string]string{
		KeyChecksum:    r.Checksum,
		KeyMultihash:   r.Multihash,
		KeyHashingAlgo: r.HashingAlgo,
		KeyOf:          fmt.Sprintf("%d %d.%09d", r.Size, r.Mtime.Unix(), r.Mtime.Nanosecond()),
	}
}

// ParseRecord is the inverse of Fields; get returns the value of a key, ""
// if there is none. It returns nil when there is no record, it is incomplete
// or stale: it belongs to another size or mtime than the image has now.
func ParseRecord(get func(key string) string, size int64, mtime time.Time) *Record {
	r := Record{
		Size: size, Mtime: mtime,
		Checksum:    get(KeyChecksum),
		Multihash:   get(KeyMultihash),
		HashingAlgo: get(KeyHashingAlgo),
	}
	recSize, recMtime, ok := ParseOf(get(KeyOf))
	if !ok || recSize != size || !recMtime.Equal(mtime) || r.Checksum == "" || r.Multihash == "" || r.HashingAlgo == "" {
		return nil
	}
	return &r
}

// SameAs tells whether two looks at a store saw one image with one content,
// as far as the store can tell.
func (img *Image) SameAs(other Image) bool {
	return img.Incarnation == other.Incarnation && img.Size == other.Size && img.Mtime.Equal(other.Mtime)
}

// SetRecord sets Record, or Stale, from what is kept with the image; get
// returns the value of a key, "" if there is none.
func (img *Image) SetRecord(get func(key string) string) {
	img.Record = ParseRecord(get, img.Size, img.Mtime)
	img.Stale = img.Record == nil && get(KeyOf) != ""
}

// ParseOf parses the value of KeyOf: the size and the mtime of the image that
// a record is for.
func ParseOf(s string) (size int64, mtime time.Time, ok bool) {
	sizeText, stamp, _ := strings.Cut(s, " ")
	secText, nsecText, _ := strings.Cut(stamp, ".")
	size, err1 := strconv.ParseInt(sizeText, 10, 64)
	sec, err2 := strconv.ParseInt(secText, 10, 64)
	nsec, err3 := strconv.ParseInt(nsecText, 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || len(nsecText) != 9 {
		return 0, time.Time{}, false
	}
	return size, time.Unix(sec, nsec), true
}
