package main

import (
	"math"
	"runtime"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"glancefs/backends"
)

// The outcomes of verify.
const (
	outcomeOK       = "ok"
	outcomeMismatch = "mismatch"
	outcomeNone     = "no digest"
	outcomeStale    = "stale"    // size or mtime changed after the digests were kept
	outcomeRecorded = "recorded" // --record: had none, and has them now
	outcomeFailed   = "failed"
)

// verifyRow is an image, or a store that can't be listed, as verify prints it.
type verifyRow struct {
	Store   string `json:"store"`
	Name    string `json:"name"` // "" for the store itself
	Size    int64  `json:"size"` // bytes
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"` // why, where it is not ok

	sum string // for --format sums
	err error
}

// verifyFlags are the flags of verify.
type verifyFlags struct {
	configuration  configFlags
	jobs           int
	bandwidth      string
	record, asJSON bool
	format         string
	hashingAlgo    string
}

func newVerifyCommand() *cobra.Command {
	var o verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [flags] [STORE[/NAME]…]",
		Short: "Read images, and compare them with their digests",
		Long: `Read images whole, hash them, and compare them with their digests: the images
of all stores, of the STOREs given, or those given. The outcome of an image is
ok, mismatch, no digest, stale (its size or time has changed since its digests
were kept), recorded (--record) or failed.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			limiter, err := o.check()
			if err != nil {
				return err
			}
			stores, err := openStores(cmd.Context(), &o.configuration)
			if err != nil {
				return err
			}
			defer stores.close()
			if err := o.setAlgo(stores.set); err != nil {
				return err
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			v := &verification{flags: &o, limiter: limiter}
			if err := v.collect(ctx, stores, args); err != nil {
				return err
			}
			v.run(ctx)
			if err := v.print(cmd.OutOrStdout()); err != nil {
				return err
			}
			return v.verdict(ctx)
		},
	}
	o.configuration.addTo(cmd.Flags())
	flags := cmd.Flags()
	flags.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "read so many images at once")
	flags.StringVar(&o.bandwidth, "bwlimit", "", "read at most so many `bytes` a second, all together (100MB, 1GiB)")
	flags.BoolVar(&o.record, "record", false, "keep digests for the images that have none")
	flags.BoolVar(&o.asJSON, "json", false, "print JSON")
	flags.StringVar(&o.format, "format", "table", "`table`, or sums: lines for sha512sum -c and the like, to be run in the mountpoint")
	flags.StringVar(&o.hashingAlgo, "hashing-algo", "", "`algorithm` of the sums, and of the digests that --record keeps (default: hashing_algorithm of the configuration)")
	return cmd
}

// check checks the flags, and returns the limiter that they ask for.
func (o *verifyFlags) check() (*rate.Limiter, error) {
	switch {
	case o.jobs < 1:
		return nil, usageErrorf("verify: --jobs must be 1 or more")
	case o.format != "table" && o.format != "sums":
		return nil, usageErrorf("verify: --format is table or sums, not %q", o.format)
	case o.format == "sums" && o.asJSON:
		return nil, usageErrorf("verify: --format sums is not JSON")
	case o.bandwidth == "":
		return rate.NewLimiter(rate.Inf, 0), nil
	}
	bytes, err := humanize.ParseBytes(o.bandwidth)
	if err != nil || bytes == 0 || bytes > math.MaxInt32 {
		return nil, usageErrorf("verify: --bwlimit %q is no number of bytes, such as 100MB, up to 2GiB", o.bandwidth)
	}
	return rate.NewLimiter(rate.Limit(bytes), backends.ChunkSize), nil
}

// setAlgo sets the algorithm of the sums.
func (o *verifyFlags) setAlgo(set *backends.Set) error {
	if o.hashingAlgo == "" {
		return nil
	}
	for _, in := range set.Instances() {
		if err := in.SetHashingAlgo(o.hashingAlgo); err != nil {
			return &statusError{err, statusUsage}
		}
	}
	return nil
}
