//go:build ceph

package rbd

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"time"

	"github.com/ceph/go-ceph/rados"
)

// settleLock is the RADOS lock, on the header of an RBD image, of the client
// that settles it.
const settleLock = "glancefs.settle"

// settleTime is when the lock of a client ends that has died. It need not be
// longer than fn of alone takes until librbd has moved the RBD image to the
// trash, which is the first that a removal does: nobody finds it by its name
// then.
const settleTime = time.Minute

// alone runs fn, which removes or restores the RBD image with that id, if there
// is one. It is EBUSY if another client does that just now, EEXIST if this one
// does: two that remove one can leave its name, which nobody can use then.
// librbd 16.2 names an RBD image again that it could not remove, because of the
// other's watch, also when the other has removed it meanwhile.
func (c *cluster) alone(id string, fn func() error) error {
	header := "rbd_header." + id
	op := rados.CreateWriteOp()
	defer op.Release()
	op.AssertExists() // the lock would make it
	op.Exec("lock", "lock", lockRequest(settleLock, settleTime))
	err := at("lock", op.Operate(c.pool, header, rados.OperationNoFlag))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer c.pool.Unlock(header, settleLock, "") // it is removed, or the lock ends by itself
	return fn()
}

// lockRequest is what the method lock of the class lock is called with for an
// exclusive lock: a cls_lock_lock_op (cls/lock/cls_lock_ops.h), as Ceph encodes
// it. librados has no such call that could be one with an assertion.
func lockRequest(name string, duration time.Duration) []byte {
	text := func(b []byte, s string) []byte {
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	b := text(nil, name)
	b = append(b, 1) // ClsLockType::EXCLUSIVE
	b = text(b, "")  // the cookie
	b = text(b, "")  // the tag
	b = text(b, "")  // a description
	b = binary.LittleEndian.AppendUint32(b, uint32(duration/time.Second))
	b = binary.LittleEndian.AppendUint32(b, uint32(duration%time.Second))
	b = append(b, 0)                                                                    // flags
	return append(binary.LittleEndian.AppendUint32([]byte{1, 1}, uint32(len(b))), b...) // version 1, for readers of 1
}
