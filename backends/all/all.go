// Package all knows every driver, and makes the stores that a configuration
// describes:
//
//	cfg, err := config.Load(config.Location{Path: "/etc/glance/glance-api.conf"})
//	…
//	set, warnings, err := all.Open(ctx, cfg, all.Options{Log: log})
//	…
//	defer set.Close()
//
// It is where a program begins that uses the packages as a library; what it
// can do with the set, package backends says.
//
// [Open] fails on what would be wrong for all stores: nonsense in
// enabled_backends, a type that nobody knows, an unknown hashing_algorithm or
// default_backend. The fault of one store stops only that one: it is in the
// set, [backends.Instance.Faults] names what is wrong with file, group and
// option, and adds to it are [backends.ErrMisconfigured].
//
// A set belongs to who opened it, and shares nothing with other sets of the
// process. It is closed when no call is under way any more.
package all

import (
	"glancefs/backends"
	"glancefs/backends/file"
	"glancefs/backends/http"
	"glancefs/backends/memory"
	"glancefs/backends/rbd"
)

// Drivers returns every driver. This list is the one place outside its own
// folder that a new driver is added to.
func Drivers() []backends.Driver {
	return []backends.Driver{
		file.Driver(),
		http.Driver(),
		memory.Driver(),
		rbd.Driver(),
	}
}
