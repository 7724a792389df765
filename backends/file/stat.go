package file

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// Stat tells of one image; see backends.Store.
func (s *Store) Stat(ctx context.Context, name string) (backends.Image, error) {
	return pass(ctx, s, func() (backends.Image, error) {
		f, err := s.find(name)
		if err != nil {
			return backends.Image{}, err
		}
		defer f.Close() // O_PATH: nothing was written
		return f.image(), nil
	}, nil)
}

// image tells of the image that was found, with its record.
func (f *found) image() backends.Image {
	img := imageOf(f.name, &f.stat)
	f.dir.readRecord(&img, f.File, &f.stat)
	return img
}

// imageOf makes what is told of an image of its attributes.
func imageOf(name string, st *unix.Statx_t) backends.Image {
	return backends.Image{
		Name:        name,
		Size:        int64(st.Size),
		Mtime:       timeOf(st.Mtime),
		Allocated:   int64(st.Blocks) * 512, // stat(2): always 512
		Incarnation: incarnation(name, st),
		Owner:       &backends.Owner{UID: st.Uid, GID: st.Gid, Mode: uint32(st.Mode & 0o7777)},
	}
}

// incarnation is device, inode and birth time. Filesystems that know no birth
// time (NFS before Linux 6.16) give the ctime instead: it changes when a file
// is made anew, but by a rename or a chmod too. Names linked to one file are
// told apart by the name.
func incarnation(name string, st *unix.Statx_t) string {
	born := st.Btime
	if st.Mask&unix.STATX_BTIME == 0 {
		born = st.Ctime
	}
	id := fmt.Sprintf("%d:%d:%d:%d.%09d", st.Dev_major, st.Dev_minor, st.Ino, born.Sec, born.Nsec)
	if st.Nlink > 1 {
		id += ":" + name
	}
	return id
}

func timeOf(t unix.StatxTimestamp) time.Time { return time.Unix(t.Sec, int64(t.Nsec)) }
