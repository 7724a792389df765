// Package file keeps images as files in a local directory, the datadir: what
// glance_store calls the filesystem store. The image NAME is the regular file
// <datadir>/NAME; its record is kept in the file's own xattrs.
//
// # Adding
//
// An image under way is a temporary file in <datadir>/.glancefs/tmp. It is
// complete when it gets its name: data, owner, mode, mtime and record are
// written and synced first, then the file is renamed with RENAME_NOREPLACE
// (where the filesystem can't, as NFS: linked and unlinked), then both
// directories are synced. A plain rename is never used; it would replace an
// image that somebody else was faster to add.
//
// # What a crash leaves
//
// The process that adds an image holds flock(2) on its temporary file. At its
// start a store removes the temporary files on which it gets that lock: the
// kernel gives it up when a process is gone, however it ended. Containers on
// one host share a kernel, so they see each other's locks. Between hosts locks
// are seen if the filesystem says so: NFS does (flock is a byte-range lock on
// the server there) unless it was mounted with nolock or local_lock, and so
// does CephFS; FUSE and SMB need not. A temporary file is named after the boot
// of the kernel under which it was made (/proc/sys/kernel/random/boot_id).
// Where locks may be invisible, those of another boot, which may be another
// host's, are removed only when nothing was written to them for a day.
//
// # A datadir that hangs, is gone, or is not mounted
//
// Every system call on a datadir goes through a gate, so that its caller
// returns in time when a dead NFS server lets it hang. No descriptor of the
// datadir itself is kept: it can be unmounted and mounted again. While it is
// not mounted, nothing is added to the directory that is seen in its place,
// and nothing is said to be missing.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"glancefs/backends"
)

// Driver returns the driver.
func Driver() backends.Driver {
	return backends.Driver{
		Type:         "file",
		Schemes:      schemes,
		Capabilities: backends.ReadRandom | backends.RWAccess | backends.DriverReusable,
		Options:      func() any { return new(options) },
		Open:         open,
	}
}

// Store is a filesystem store.
type Store struct {
	settings
	readOnly bool
	sync     bool // Commit makes durable
	log      *logrus.Entry
	metadata metadataFile
	gate     *backends.Gate
	crowded  atomic.Bool // the gate is as busy as was warned of
}

var (
	_ backends.Store        = (*Store)(nil)
	_ backends.Renamer      = (*Store)(nil)
	_ backends.MtimeSetter  = (*Store)(nil)
	_ backends.SpaceTeller  = (*Store)(nil)
	_ backends.HealthTeller = (*Store)(nil)
	_ backends.Metadater    = (*Store)(nil)
	_ backends.LocalSampler = (*Store)(nil)
)

// startLimit bounds how long a start waits for the datadirs. A dead NFS
// server would hold it for ever; a disk that sleeps wakes in some 8 s, and
// what was not done in time goes on behind the start.
const startLimit = 3 * time.Second

// open opens a store; see backends.Driver.
func open(ctx context.Context, in backends.Opening) (backends.Store, error) {
	settings, err := in.Options.(*options).settings(in)
	if len(settings.dirs) == 0 {
		return nil, err
	}
	s := &Store{
		settings: settings,
		readOnly: in.ReadOnly,
		sync:     in.SyncOnClose,
		log:      in.Log,
		gate:     backends.NewGate(settings.threads),
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	faults := make([]error, len(s.dirs))
	var group sync.WaitGroup // one that hangs does not delay the others
	for i, d := range s.dirs {
		group.Go(func() { faults[i] = s.start(ctx, d, in.Reserved) })
	}
	err = errors.Join(err, s.openMetadata(ctx))
	group.Wait()
	err = errors.Join(append(faults, err)...)
	if in.Reserved && errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s, err
}

// start makes a datadir ready, as far as it answers. The error is a fault of
// the configuration, or fs.ErrNotExist of a reserved store that is not there.
func (s *Store) start(ctx context.Context, d *datadir, reserved bool) error {
	d.create = !reserved && !s.readOnly
	err := s.gate.Do(ctx, func() error { return s.ready(d) })
	switch {
	case err == nil && s.readOnly:
	case err == nil:
		select {
		case <-d.swept:
		case <-ctx.Done(): // it goes on
		}
	case errors.Is(err, errGone) && reserved:
		return fmt.Errorf("%s, which glancefs never makes for a reserved store: %w", d.path, fs.ErrNotExist)
	case errors.Is(err, backends.ErrMisconfigured):
		return err
	default:
		s.log.WithError(err).Warnf("the datadir %s does not answer; it is used when it does", d.path)
	}
	return nil
}

// ready makes sure that a datadir can be used now. The call that finds it so
// first has what a crash left there removed, behind everybody's back:
// unlinking a large file takes its time.
func (s *Store) ready(d *datadir) error {
	if s.readOnly {
		return d.check()
	}
	first, err := d.prepare()
	if err != nil {
		return err
	}
	if !first {
		return d.check()
	}
	go func() {
		defer close(d.swept)
		if err := s.gate.Do(context.Background(), d.removeLeftovers); err != nil {
			s.log.WithError(err).Warnf("what a crash left in %s is not removed", d.path)
		}
	}()
	return nil
}

// Close releases what the store holds: nothing.
func (s *Store) Close() error { return nil }
