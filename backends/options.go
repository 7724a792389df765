package backends

import "time"

// commonOptions are the options that stores of every type have, in their own
// group or, for all stores, in [glancefs].
type commonOptions struct {
	Description string `option:"store_description" help:"free text for users"`
	Weight      int    `option:"weight" default:"0" help:"stores with a higher weight are preferred"`

	ReadOnly        bool          `option:"read_only" default:"false" help:"refuse adds, deletes and renames"`
	AllowDelete     bool          `option:"allow_delete" default:"true" help:"false: refuse deletes and renames"`
	RequireDeclared string        `option:"require_declared" default:"" choices:",size,digest" help:"refuse images whose size (or digest) was not declared before the close"`
	VerifyOnRead    bool          `option:"verify_on_read" default:"false" help:"compare the digest of what is read from front to back; of type http the default is true"`
	ConnectTimeout  time.Duration `option:"connect_timeout" default:"10" min:"0.1" help:"seconds to connect"`
	RequestTimeout  time.Duration `option:"request_timeout" default:"20" min:"0.1" help:"seconds that a request may take without progress"`
}

// verifyByDefault is VerifyOnRead of the drivers that have it on.
type verifyByDefault struct {
	VerifyOnRead bool `option:"verify_on_read" default:"true"`
}
