package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// probeTimeout is how long a path may take to answer: the daemon behind it
// may hang.
const probeTimeout = 5 * time.Second

var errHangs = fmt.Errorf("no answer within %v (is a hung mount there? umount -f ends it)", probeTimeout)

// probe runs fn, which may hang for ever in the kernel; then it returns
// errHangs, and leaves fn to itself.
func probe[T any](fn func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := fn()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-time.After(probeTimeout):
		var none T
		return none, errHangs
	}
}

// realPath returns dir as the mount table has it: absolute, without symbolic
// links. dir itself may be a mount that is dead or hangs.
func realPath(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	path, err := probe(func() (string, error) { return filepath.EvalSymlinks(abs) })
	if errors.Is(err, unix.ENOTCONN) || errors.Is(err, errHangs) {
		parent, err := probe(func() (string, error) { return filepath.EvalSymlinks(filepath.Dir(abs)) })
		return filepath.Join(parent, filepath.Base(abs)), err
	}
	return path, err
}

// mountAt returns the mount at path, the uppermost if there are several; nil
// if there is none. It touches nothing but /proc.
func mountAt(path string) (*mountinfo.Info, error) {
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) { return m.Mountpoint != path, false })
	if err != nil || len(mounts) == 0 {
		return nil, err
	}
	return mounts[len(mounts)-1], nil
}

func isGlancefs(m *mountinfo.Info) bool { return m.FSType == "fuse.glancefs" }

// daemonPID asks the glancefs that is mounted at path for its process id.
// ENOTCONN: it is dead.
func daemonPID(path string) (int, error) {
	text, err := probe(func() (string, error) {
		buf := make([]byte, 32)
		n, err := unix.Lgetxattr(path, "user.glance.pid", buf)
		return string(buf[:max(n, 0)]), err
	})
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// unmount unmounts; lazily it is detached at once, and unmounted when nobody
// uses it any more. EBUSY: somebody uses it.
func unmount(path string, lazily bool) error {
	if os.Geteuid() == 0 {
		flags := unix.UMOUNT_NOFOLLOW
		if lazily {
			flags |= unix.MNT_DETACH
		}
		return unix.Unmount(path, flags)
	}
	args := []string{"-u", path}
	if lazily {
		args = []string{"-u", "-z", path}
	}
	cmd := exec.Command("fusermount3", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	switch message := strings.TrimSpace(string(out)); {
	case err == nil:
		return nil
	case strings.HasSuffix(message, "Device or resource busy"): // its exit status is 1 whatever it was
		return unix.EBUSY
	case message != "":
		return errors.New(message)
	}
	return err
}
