// Package all knows every driver, and makes the stores that a configuration
// describes:
//
//	cfg, err := config.Load(config.Location{Path: "/etc/glance/glance-api.conf"})
//	…
//	set, warnings, err := all.Open(ctx, cfg, all.Options{Log: log})
package all

import (
	"glancefs/backends"
	"glancefs/backends/file"
	"glancefs/backends/memory"
)

// Drivers returns every driver. This list is the one place outside its own
// folder that a new driver is added to.
func Drivers() []backends.Driver {
	return []backends.Driver{
		file.Driver(),
		memory.Driver(),
	}
}
