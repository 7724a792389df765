package backends

import (
	"context"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
)

// Driver is a kind of store: what [DEFAULT] enabled_backends calls a type.
type Driver struct {
	Type         string     // file, http, rbd, …
	Schemes      []string   // of its URIs; the first is the one that Location builds
	Capabilities Capability // as glance_store declares them
	VerifyOnRead bool       // the default of the option verify_on_read

	// Options returns a pointer to a new struct that declares the driver's
	// options by tags (see package config).
	Options func() any

	// Open makes the store that the options describe. Three things may
	// happen: a store; an error and no store; or an error and a store that
	// can be read all the same. Faults of the configuration wrap
	// ErrMisconfigured; fs.ErrNotExist of a reserved store means that it is
	// not there. A service that does not answer is no error here: the store
	// connects when it is first used.
	Open func(ctx context.Context, in Opening) (Store, error)
}

// Opening is what a driver gets to open a store.
type Opening struct {
	Name        string
	Options     any                 // the struct that Driver.Options made, filled in
	IsSet       func(o string) bool // whether the configuration sets an option
	Reserved    bool                // one of Glance's own stores: never create anything for it
	ReadOnly    bool                // nothing is ever written
	SyncOnClose bool                // Commit makes durable

	// The deadlines that the caller sets to the contexts of the calls; for a
	// service that has its own.
	ConnectTimeout, RequestTimeout time.Duration

	Log *logrus.Entry // for what no error can carry
}

// Capability is glance_store's capability bit mask
// (glance_store/capabilities.py, BitMasks).
type Capability uint8

// The bits of a Capability, and the sums that glance_store names.
const (
	ReadAccess     Capability = 0x01
	ReadOffset     Capability = 0x03
	ReadChunk      Capability = 0x05
	ReadRandom     Capability = 0x07
	WriteAccess    Capability = 0x08
	RWAccess       Capability = 0x09
	DriverReusable Capability = 0x40
)

// String returns the mask as glance_store writes it: 0x4f.
func (c Capability) String() string { return fmt.Sprintf("%#02x", uint8(c)) }
