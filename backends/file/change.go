package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"glancefs/backends"
)

// Delete removes an image; see backends.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.change(ctx, name, func(f *found) error {
		if err := os.Remove(f.Name()); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return fs.ErrNotExist // somebody was faster
			}
			return backends.ClassifyErrno(err)
		}
		if f.stat.Nlink == 1 { // else another name still has it
			f.dir.removeSidecar(f.stat.Ino)
		}
		return nil
	})
}

// Rename renames an image in its datadir; see backends.Renamer.
func (s *Store) Rename(ctx context.Context, oldName, newName string) error {
	return s.change(ctx, oldName, func(f *found) error {
		unlock, err := s.lockNames()
		if err != nil {
			return err
		}
		defer unlock()
		if err := s.wantFree(newName); err != nil {
			return err
		}
		if err := move(f.File, f.Name(), f.dir.image(newName)); err != nil {
			return err
		}
		if s.sync {
			return backends.ClassifyErrno(syncDir(f.dir.path))
		}
		return nil
	})
}

// SetMtime changes an image's modification time; see backends.MtimeSetter.
// The record is rewritten after the time: a crash in between leaves it stale,
// never wrong. Both are changes of one inode, which journals keep in order,
// so nothing is synced.
func (s *Store) SetMtime(ctx context.Context, name string, mtime time.Time) error {
	return s.change(ctx, name, func(f *found) error {
		old := f.image()
		if err := utimens(f.File, mtime); err != nil {
			return backends.ClassifyErrno(err)
		}
		if old.Record == nil {
			return nil
		}
		err := statx(f.File, &f.stat)
		if err == nil {
			record := *old.Record
			record.Mtime = timeOf(f.stat.Mtime)
			err = f.dir.writeRecord(f.File, &f.stat, record, s.sync)
		}
		if err != nil {
			return backends.ClassifyErrno(errors.Join(err, utimens(f.File, old.Mtime)))
		}
		return nil
	})
}

// KeepRecord keeps a record with an image; see backends.Recorder.
func (s *Store) KeepRecord(ctx context.Context, of backends.Image, r backends.Record) error {
	return s.change(ctx, of.Name, func(f *found) error {
		if !of.SameAs(f.image()) {
			return backends.ErrBusy
		}
		return f.dir.writeRecord(f.File, &f.stat, r, s.sync)
	})
}

// change runs a change of an image in the gate.
func (s *Store) change(ctx context.Context, name string, fn func(*found) error) error {
	return s.do(ctx, func() error {
		if err := s.writable(); err != nil {
			return err
		}
		f, err := s.find(name)
		if err != nil {
			return err
		}
		defer f.Close() // O_PATH: nothing was written
		return fn(f)
	})
}

// writable is ErrReadOnly of a store that writes nothing at all.
func (s *Store) writable() error {
	if s.readOnly {
		return backends.ErrReadOnly
	}
	return nil
}
