//go:build ceph

package rbd

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/ceph/go-ceph/rbd"
)

// keyMark is the metadata of an RBD image that is being written or deleted:
// a mark, as JSON.
const keyMark = "user.glance.under_way"

// mark says which process writes or deletes an RBD image.
type mark struct {
	// Snap is the id of the snapshot whose image is being deleted; 0: of an
	// add.
	Snap uint64 `json:"snap,omitempty"`

	Host string `json:"host"` // for people
	Boot string `json:"boot"` // of the kernel: /proc/sys/kernel/random/boot_id
	PIDs string `json:"pids"` // the pid namespace
	PID  int    `json:"pid"`

	Client uint64 `json:"client"` // the id of its connection
}

// ownMark is this process' mark.
func ownMark() mark {
	host, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	pids, _ := os.Readlink("/proc/self/ns/pid")
	return mark{Host: host, Boot: strings.TrimSpace(string(boot)), PIDs: pids, PID: os.Getpid()}
}

// mark is this process' mark on this connection.
func (c *cluster) mark() mark {
	m := ownMark()
	m.Client = c.conn.GetInstanceID()
	return m
}

// gone tells whether the process is known to have ended: it was one of this
// host, where we see it. A pid that was given anew counts as the process.
func (m mark) gone() bool {
	own := ownMark()
	if own.Boot == "" || own.PIDs == "" || m.Boot != own.Boot || m.PIDs != own.PIDs || m.PID <= 0 {
		return false
	}
	if errors.Is(syscall.Kill(m.PID, 0), syscall.ESRCH) {
		return true
	}
	// A zombie has done what it will do; its parent may never notice.
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(m.PID) + "/status")
	return bytes.Contains(status, []byte("\nState:\tZ"))
}

// set marks an RBD image.
func (m mark) set(img *rbd.Image) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return at("write the metadata "+keyMark, img.SetMetadata(keyMark, string(text)))
}

// readMark returns an RBD image's mark, nil if it has none. A mark that can't
// be read is nobody's.
func readMark(img *rbd.Image) (*mark, error) {
	text, err := img.GetMetadata(keyMark)
	if err = at("read the metadata "+keyMark, err); errors.Is(err, syscall.ENOENT) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	m := new(mark)
	_ = json.Unmarshal([]byte(text), m)
	return m, nil
}
