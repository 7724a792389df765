package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// A sidecar keeps the record of an image on a filesystem without user
// xattrs: <datadir>/.glancefs/records/INODE.json, an object with the record's
// keys and keyBorn. It is named after the inode and not the image, so that it
// is there before the image has its name, and is still its own after a
// rename. A file that gets the inode later is not taken for it: its birth
// time, size or mtime differs.
const keyBorn = "user.glance.born"

func (d *datadir) sidecar(ino uint64) string {
	return filepath.Join(d.records(), fmt.Sprintf("%d.json", ino))
}

// born is the birth time of a file, "" if it has none.
func born(st *unix.Statx_t) string {
	if st.Mask&unix.STATX_BTIME == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%09d", st.Btime.Sec, st.Btime.Nsec)
}

// readSidecar returns the fields of a file's sidecar, nil if it has none.
func (d *datadir) readSidecar(st *unix.Statx_t) map[string]string {
	text, err := os.ReadFile(d.sidecar(st.Ino))
	if err != nil {
		return nil
	}
	var fields map[string]string
	if json.Unmarshal(text, &fields) != nil || fields[keyBorn] != born(st) {
		return nil
	}
	return fields
}

// writeSidecar writes a file's sidecar, in one step.
func (d *datadir) writeSidecar(st *unix.Statx_t, r backends.Record, sync bool) (err error) {
	fields := maps.Clone(r.Fields())
	fields[keyBorn] = born(st)
	text, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		return err
	}
	f, err := d.createTemp()
	if err != nil {
		return err
	}
	defer func() {
		err = backends.ClassifyErrno(errors.Join(err, f.Close()))
	}()
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Chmod(0o644) // as public as a digest, whoever runs the next glancefs here
	}
	if err == nil && sync {
		err = f.Sync()
	}
	if err == nil {
		err = d.installSidecar(f.Name(), st.Ino)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if sync {
		return syncDir(d.records())
	}
	return nil
}

// installSidecar gives a written sidecar its name.
func (d *datadir) installSidecar(temp string, ino uint64) error {
	err := os.Rename(temp, d.sidecar(ino))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.makeOwn(d.records()); err != nil {
		return err
	}
	return os.Rename(temp, d.sidecar(ino))
}

// removeSidecar removes a file's sidecar, if there is one. Should that fail,
// it is an orphan and nobody takes it for another's.
func (d *datadir) removeSidecar(ino uint64) {
	_ = os.Remove(d.sidecar(ino))
}
