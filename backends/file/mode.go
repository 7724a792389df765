package file

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"sync"

	"glancefs/backends"
)

// mode understands filesystem_store_file_perm: octal digits, written as a
// decimal number (640). 0 or less: 0644 less the umask.
func (o *options) mode() (uint32, error) {
	if o.FilePerm <= 0 {
		return 0o644 &^ umask(), nil
	}
	mode, err := strconv.ParseUint(strconv.Itoa(o.FilePerm), 8, 32)
	if err != nil || mode > 0o777 || mode&0o400 == 0 {
		return 0o644 &^ umask(), backends.Misconfigured("filesystem_store_file_perm = %d: expected up to three octal digits with the owner's read bit, as 640", o.FilePerm)
	}
	return uint32(mode), nil
}

// traverse returns the permission bits that a datadir must have, so that
// those whom filesystem_store_file_perm lets at the images come to them.
func (o *options) traverse() uint32 {
	mode, err := o.mode()
	if err != nil || o.FilePerm <= 0 {
		return 0
	}
	var bits uint32
	if mode&0o007 != 0 {
		bits |= 0o001
	}
	if mode&0o070 != 0 {
		bits |= 0o010
	}
	return bits
}

// umask returns the umask with which the process started. It is read from
// /proc: umask(2) can't tell it without changing it for all threads.
var umask = sync.OnceValue(func() uint32 {
	const usual = 0o022
	status, err := os.Open("/proc/self/status")
	if err != nil {
		return usual
	}
	defer status.Close() // only read
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "Umask:"); ok {
			mask, err := strconv.ParseUint(strings.TrimSpace(text), 8, 32)
			if err != nil {
				return usual
			}
			return uint32(mask)
		}
	}
	return usual
})
