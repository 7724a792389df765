package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// endTimeout is how long umount waits for the daemon: a commit that has
// begun gets 10 s to end; cleaning up may take as long.
const endTimeout = 30 * time.Second

func newUmountCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "umount [--force] MOUNTPOINT",
		Aliases: []string{"unmount"},
		Short:   "Unmount, and wait until everything is stored and the daemon is gone",
		Args:    exactly("MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return umount(args[0], force, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "unmount though it is in use: adds under way are aborted, open images become unreadable")
	return cmd
}

// umount unmounts the glancefs on dir; notes that are no error go to notes.
func umount(dir string, force bool, notes io.Writer) error {
	path, err := glancefsAt(dir)
	if err != nil {
		return err
	}
	pid, err := daemonPID(path)
	switch {
	case errors.Is(err, unix.ENOTCONN):
		if err := unmount(path, true); err != nil {
			return fmt.Errorf("%s: detach the dead glancefs that is mounted there: %w", dir, err)
		}
		return nil
	case err != nil && force:
		return abort(path, dir)
	case err != nil:
		return fmt.Errorf("%s: its daemon does not answer: %w; glancefs umount --force %s ends it", dir, err, dir)
	}
	daemon, err := openDaemon(pid)
	if err != nil {
		if force {
			return abort(path, dir)
		}
		fmt.Fprintf(notes, "glancefs: %s: its daemon (%d in its own process namespace) can't be waited for\n", dir, pid)
		return unmountIdle(path, dir)
	}
	defer daemon.Close()
	if force {
		err = unix.PidfdSendSignal(int(daemon.Fd()), endNow, nil, 0)
	} else {
		err = unmountIdle(path, dir)
	}
	if err != nil {
		return err
	}
	return awaitEnd(daemon, pid, dir)
}

// glancefsAt returns the path of the glancefs that is mounted on dir.
func glancefsAt(dir string) (string, error) {
	path, err := realPath(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &statusError{fmt.Errorf("%s does not exist", dir), statusNotFound}
	}
	if err != nil {
		return "", err
	}
	mount, err := mountAt(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("mount table: %w", err)
	case mount == nil:
		return "", &statusError{fmt.Errorf("nothing is mounted on %s", dir), statusNotFound}
	case !isGlancefs(mount):
		return "", fmt.Errorf("what is mounted on %s is not glancefs but %s", dir, mount.FSType)
	}
	return path, nil
}

// unmountIdle unmounts what nobody uses.
func unmountIdle(path, dir string) error {
	err := unmount(path, false)
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("%s is busy: used by %s; glancefs umount --force %s unmounts all the same", dir, users(path), dir)
	}
	if err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// abort ends a mount whose daemon can't be asked: MNT_FORCE ends the
// connection between the kernel and the daemon, which is for root.
func abort(path, dir string) error {
	if os.Geteuid() == 0 {
		_ = unix.Unmount(path, unix.MNT_FORCE) // busy or not, the connection has ended
	}
	if err := unmount(path, true); err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: no longer mounted
		return fmt.Errorf("detach %s: %w", dir, err)
	}
	return nil
}

// openDaemon returns a descriptor of the process pid, if that serves a FUSE
// mount: a number from another process namespace means somebody else here.
func openDaemon(pid int) (*os.File, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	daemon := os.NewFile(uintptr(fd), "daemon")
	files, err := probe(func() ([]string, error) { return openFiles(pid), nil })
	if err == nil && slices.Contains(files, "/dev/fuse") {
		return daemon, nil
	}
	daemon.Close()
	return nil, fmt.Errorf("process %d does not serve a mount", pid)
}

// awaitEnd waits until the daemon is gone.
func awaitEnd(daemon *os.File, pid int, dir string) error {
	deadline := time.Now().Add(endTimeout)
	poll := []unix.PollFd{{Fd: int32(daemon.Fd()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, int(time.Until(deadline).Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("wait for the daemon: %w", err)
		case n == 0:
			return fmt.Errorf("%s is unmounted, but its daemon (process %d) has not ended within %v: see its log", dir, pid, endTimeout)
		}
		return nil
	}
}
