package file

import (
	"context"
	"os"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// statfs asks for the space of a datadir's filesystem.
func (d *datadir) statfs() (unix.Statfs_t, error) {
	var st unix.Statfs_t
	if err := again(func() error { return unix.Statfs(d.path, &st) }); err != nil {
		return st, backends.ClassifyErrno(&os.PathError{Op: "statfs", Path: d.path, Err: err})
	}
	return st, nil
}

// available tells how many bytes can be added to a datadir.
func (d *datadir) available() (uint64, error) {
	st, err := d.statfs()
	return st.Bavail * uint64(st.Frsize), err
}

// Space tells the space of the datadirs; those on one filesystem have it
// together.
func (s *Store) Space(ctx context.Context) (backends.Space, error) {
	return pass(ctx, s, func() (backends.Space, error) {
		var sum backends.Space
		err := s.eachFilesystem(func(d *datadir) error {
			st, err := d.statfs()
			if err != nil {
				return err
			}
			block := uint64(st.Frsize)
			sum.Total += st.Blocks * block
			sum.Free += st.Bfree * block
			sum.Available += st.Bavail * block
			sum.Files += st.Files
			sum.FilesFree += st.Ffree
			return nil
		})
		return sum, err
	}, nil)
}

// eachFilesystem calls fn with one datadir on each filesystem.
func (s *Store) eachFilesystem(fn func(*datadir) error) error {
	seen := make(map[uint64]bool)
	for _, d := range s.dirs {
		if err := d.check(); err != nil {
			return err
		}
		if dev := d.mounted().dev; !seen[dev] {
			seen[dev] = true
			if err := fn(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// Health tells whether every datadir is there and can be used.
func (s *Store) Health(ctx context.Context) error {
	return s.do(ctx, func() error {
		for _, d := range s.dirs {
			if err := s.ready(d); err != nil {
				return err
			}
		}
		return nil
	})
}

// owner tells whose an image in the datadir is to be.
func (d *datadir) owner() (backends.Owner, error) {
	var st unix.Stat_t
	if err := unix.Stat(d.path, &st); err != nil {
		return backends.Owner{}, backends.ClassifyErrno(&os.PathError{Op: "stat", Path: d.path, Err: err})
	}
	switch {
	case os.Geteuid() == 0:
		return backends.Owner{UID: st.Uid, GID: st.Gid}, nil
	case st.Mode&unix.S_ISGID != 0:
		return backends.Owner{UID: uint32(os.Geteuid()), GID: st.Gid}, nil
	}
	return backends.Owner{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}, nil
}
