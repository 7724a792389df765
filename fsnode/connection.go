package fsnode

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// fuseDevice finds our descriptor of /dev/fuse, which go-fuse keeps to
// itself; -1 if there is none.
func fuseDevice() int {
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return -1
	}
	newest := -1
	for _, link := range links {
		target, err := os.Readlink(link)
		if fd, bad := strconv.Atoi(filepath.Base(link)); err == nil && bad == nil && target == "/dev/fuse" {
			newest = max(newest, fd)
		}
	}
	return newest
}

// connected tells whether the kernel still takes answers: after umount -f, or
// the end of the mount, the device is in error.
func connected(device int) bool {
	fds := []unix.PollFd{{Fd: int32(device)}}
	_, err := unix.Poll(fds, 0)
	return err != nil || fds[0].Revents&unix.POLLERR == 0
}

// abortConnection ends the connection with the kernel through fusectl: every
// call under way, and every descriptor, gets ENOTCONN.
func (m *Mounted) abortConnection() error {
	path := filepath.Join("/sys/fs/fuse/connections", m.connection, "abort")
	return os.WriteFile(path, []byte("1"), 0)
}

// readAheadKiB is how much the kernel reads ahead of a sequential reader, in
// KiB: one request of the largest size. With its 128, the ordinary path
// (no passthrough) took twice the time and twice the CPU: 0.95 s a GiB of a
// file store against 0.46, and no better with 4096. A page fault of a mapped
// image reads as much, too.
const readAheadKiB = maxRequest >> 10

// widenReadAhead sets it for the mount, if we may: it is root's to do.
func (m *Mounted) widenReadAhead() {
	path := filepath.Join("/sys/class/bdi", "0:"+m.connection, "read_ahead_kb")
	if err := os.WriteFile(path, []byte(strconv.Itoa(readAheadKiB)), 0); err != nil {
		m.tree.log.Debugf("%s: the kernel reads ahead by its default: %v", m.dir, err)
	}
}

// connectionOf returns the number of a FUSE mount's connection in fusectl:
// the minor number of its device, as /proc/self/mountinfo has it (a stat of
// the mount would be a request to ourselves).
func connectionOf(dir string) string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	number := ""
	for line := range strings.Lines(string(text)) {
		// 36 35 98:0 /root /mnt/point …; a later line is mounted over an
		// earlier one.
		fields := strings.Fields(line)
		if len(fields) > 4 && unescape(fields[4]) == dir {
			_, number, _ = strings.Cut(fields[2], ":")
		}
	}
	return number
}

// unescape undoes mountinfo's octal escapes of blanks and backslashes.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace
