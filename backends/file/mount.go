package file

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// mount is the mount that a directory is on. In a chroot it may be mounted
// outside of the root; then only dev is known.
type mount struct {
	dev     uint64 // st_dev of the directory
	point   string // where it is mounted
	fsType  string // ext4, nfs4, fuse.sshfs, …
	options string // of the filesystem, as local_lock=none
}

// mountOf finds the mount that a directory is on (proc_pid_mountinfo(5)).
func mountOf(path string) (mount, error) {
	dir, err := openFile(path, path, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return mount{}, err
	}
	defer dir.Close() // O_PATH: nothing was written
	info, err := dir.Stat()
	if err != nil {
		return mount{}, err
	}
	dev := info.Sys().(*syscall.Stat_t).Dev
	id, err := field(fmt.Sprintf("/proc/self/fdinfo/%d", dir.Fd()), func(words []string) bool { return words[0] == "mnt_id:" })
	if err != nil {
		return mount{}, err
	}
	words, err := field("/proc/self/mountinfo", func(words []string) bool { return words[0] == id[1] })
	switch {
	case errors.Is(err, errNoLine):
		return mount{dev: dev}, nil
	case err != nil:
		return mount{}, err
	}
	// ID PARENT DEV ROOT POINT OPTIONS [TAGS…] - TYPE SOURCE SUPEROPTIONS
	dash := slices.Index(words, "-")
	if dash < 6 || len(words) < dash+4 {
		return mount{}, fmt.Errorf("/proc/self/mountinfo: can't read %q", strings.Join(words, " "))
	}
	return mount{dev: dev, point: unescape(words[4]), fsType: words[dash+1], options: words[dash+3]}, nil
}

// errNoLine is a file in /proc without the line that is looked for.
var errNoLine = errors.New("a line is missing")

// field returns the words of the first line of a file in /proc that is it.
func field(path string, is func(words []string) bool) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) > 1 && is(words) {
			return words, nil
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s: %w", path, errNoLine)
}

// unescape undoes the escapes of mountinfo.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// locksTravel tells whether a lock that another host holds is seen here. It
// is, trivially, on a filesystem that only one kernel can have mounted.
func (m mount) locksTravel() bool {
	switch m.fsType {
	case "nfs", "nfs4":
		return slices.Contains(strings.Split(m.options, ","), "local_lock=none")
	case "ceph", "gfs2", "ocfs2":
		return true
	case "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "zfs", "tmpfs", "ramfs", "overlay":
		return true
	}
	return false
}
