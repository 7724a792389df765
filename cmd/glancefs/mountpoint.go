package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// prepareMountpoint makes sure that glancefs can be mounted on dir, and
// detaches what a dead one has left there. It returns the path as the mount
// table will have it.
func prepareMountpoint(dir string, allowOther bool, log *logrus.Entry) (string, error) {
	if err := checkPermission(allowOther); err != nil {
		return "", err
	}
	path, err := realPath(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("mountpoint %s does not exist: create it with mkdir -p", dir)
	case err != nil:
		return "", fmt.Errorf("mountpoint %s: %w", dir, err)
	}
	if err := clearDead(path, log); err != nil {
		return "", err
	}
	return path, checkDirectory(path)
}

// clearDead detaches dead mounts of glancefs from path; a living one is an
// error.
func clearDead(path string, log *logrus.Entry) error {
	for {
		mount, err := mountAt(path)
		if err != nil {
			return fmt.Errorf("mount table: %w", err)
		}
		if mount == nil || !isGlancefs(mount) {
			return nil
		}
		pid, err := daemonPID(path)
		switch {
		case err == nil:
			return fmt.Errorf("%s is already mounted by glancefs (process %d): unmount it with glancefs umount %s", path, pid, path)
		case !errors.Is(err, unix.ENOTCONN):
			return fmt.Errorf("%s is already mounted by a glancefs that does not say who it is: %w", path, err)
		}
		if err := unmount(path, true); err != nil {
			return fmt.Errorf("%s: detach the dead glancefs that is mounted there: %w", path, err)
		}
		log.Warnf("%s: detached a dead glancefs", path)
	}
}

// checkDirectory makes sure that path is an empty directory that the user
// may mount on.
func checkDirectory(path string) error {
	empty, err := probe(func() (bool, error) { return isEmptyDir(path) })
	switch {
	case errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("mountpoint %s is not a directory", path)
	case errors.Is(err, unix.ENOTCONN):
		return fmt.Errorf("mountpoint %s: a dead FUSE filesystem is mounted there, not glancefs: unmount it with fusermount3 -u", path)
	case err != nil:
		return fmt.Errorf("mountpoint %s: %w", path, err)
	case !empty:
		return fmt.Errorf("mountpoint %s is not empty, and what is in it would be hidden: move that away, or use another directory", path)
	}
	// fusermount3 wants it, for users that are not root.
	if os.Geteuid() != 0 && unix.Access(path, unix.W_OK) != nil {
		return fmt.Errorf("mountpoint %s: only who may write to a directory may mount on it", path)
	}
	return nil
}

func isEmptyDir(path string) (bool, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	d := os.NewFile(uintptr(fd), path)
	defer d.Close()
	_, err = d.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}

// checkPermission makes sure that this user can mount with FUSE at all.
func checkPermission(allowOther bool) error {
	const device = "/dev/fuse"
	if _, err := os.Stat(device); err != nil {
		return fmt.Errorf("%w: load the kernel's module (modprobe fuse), or give the container the device", err)
	}
	if os.Geteuid() == 0 {
		return nil
	}
	if _, err := exec.LookPath("fusermount3"); err != nil {
		return fmt.Errorf("only root can mount without fusermount3: install the package fuse3 (apt-get install fuse3)")
	}
	const conf = "/etc/fuse.conf"
	if allowOther && !hasLine(conf, "user_allow_other") {
		return fmt.Errorf("only root can mount with allow_other, unless %s has a line user_allow_other", conf)
	}
	return nil
}

// hasLine tells whether a file has that line; one that can't be read has
// not.
func hasLine(file, want string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == want {
			return true
		}
	}
	return false
}
