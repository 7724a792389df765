package all

import (
	"fmt"
	"strconv"

	"glancefs/backends"
	"glancefs/backends/signature"
	"glancefs/config"
)

// Settings are the options of [glancefs] that are not a store's (those, such
// as read_only, a store can also have in its own group).
type Settings struct {
	SyncOnClose bool

	// The owner of the tree, and of the images of stores that know no
	// owners; -1: whoever mounts. FileMode has the permissions of the images
	// of stores that know no modes.
	UID, GID int64
	FileMode uint32

	Trust signature.Trust // of the certificates of signed images
}

// ownOptions declares them, and reserved_stores, which config.Stores reads.
type ownOptions struct {
	SyncOnClose    bool   `option:"sync_on_close" default:"true" help:"an image survives a power cut once its close has returned"`
	UID            int64  `option:"uid" default:"-1" min:"-1" max:"4294967294" help:"owner of the tree; -1: whoever mounts"`
	GID            int64  `option:"gid" default:"-1" min:"-1" max:"4294967294" help:"group of the tree; -1: whoever mounts"`
	FileMode       string `option:"file_mode" default:"0440" help:"permissions, octal, of the images of stores that know none"`
	CAFile         string `option:"ca_file" help:"PEM file of the authorities that vouch for the certificates of signed images"`
	CertificateDir string `option:"certificate_dir" help:"folder of the certificates of signed images, UUID.pem"`
	ReservedStores string `option:"reserved_stores" help:"name:type, …: stores that Glance keeps for itself, besides its two"`
}

// trustProblems warns of what signed images would meet with.
func (s Settings) trustProblems() config.Problems {
	var problems config.Problems
	caFile, dir := s.Trust.Check()
	for _, found := range []struct {
		option string
		err    error
	}{{"ca_file", caFile}, {"certificate_dir", dir}} {
		if found.err != nil {
			problems = append(problems, config.Problem{Group: backends.GroupOwn, Option: found.option, Message: found.err.Error()})
		}
	}
	return problems
}

// ReadSettings reads the settings of a configuration. The error names every
// option at fault.
func ReadSettings(cfg *config.Config) (Settings, error) {
	var own ownOptions
	problems := cfg.Decode(backends.GroupOwn, nil, &own)
	mode, err := strconv.ParseUint(own.FileMode, 8, 32)
	if err != nil || mode > 0o777 {
		problems = append(problems, config.Problem{
			Group: backends.GroupOwn, Option: "file_mode",
			Message: fmt.Sprintf("%q is not an octal number from 0 to 0777", own.FileMode),
		})
	}
	return Settings{
		SyncOnClose: own.SyncOnClose,
		UID:         own.UID, GID: own.GID, FileMode: uint32(mode),
		Trust: signature.Trust{CAFile: own.CAFile, Dir: own.CertificateDir},
	}, problems.Err()
}
