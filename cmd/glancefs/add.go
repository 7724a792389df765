package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"glancefs/backends"
)

// addFlags are the flags of add.
type addFlags struct {
	configuration configFlags
	store         string
	algo          string
	size          string
	checksum      string
	multihash     string
	signature     *signatureFlags
}

func newAddCommand() *cobra.Command {
	var o addFlags
	cmd := &cobra.Command{
		Use:   "add [flags] NAME [FILE|-]",
		Short: "Add an image from a file or stdin, and print its location and digests as JSON",
		Long: `Add an image from FILE, or from stdin if that is - or missing. What is declared
(--size, --checksum, --multihash) is checked before anything is published: of
an image that is something else nothing is stored, and the status is 5.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil // FILE may be missing
			}
			return exactly("NAME", "FILE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := wantNotEmpty(cmd.Flags(), "store", "hashing-algo", "size", "checksum", "multihash"); err != nil {
				return err
			}
			if err := o.signature.check(); err != nil {
				return err
			}
			added, err := o.run(cmd.Context(), args[0], append(args, "")[1])
			if err != nil {
				return err
			}
			return printObject(cmd.OutOrStdout(), added)
		},
	}
	flags := cmd.Flags()
	o.configuration.addTo(flags)
	flags.StringVar(&o.store, "store", "", "the `store`, instead of the default store")
	flags.StringVar(&o.algo, "hashing-algo", "", "`algorithm` of the multihash, instead of the configuration's")
	flags.StringVar(&o.size, "size", "", "the `bytes` that have to come")
	flags.StringVar(&o.checksum, "checksum", "", "the md5 that the image has to have, in `hex`")
	flags.StringVar(&o.multihash, "multihash", "", "the multihash that the image has to have, in `hex`")
	o.signature = addSignatureFlags(cmd)
	return cmd
}

// run adds the image.
func (o *addFlags) run(ctx context.Context, name, file string) (addedImage, error) {
	if err := checkName(name); err != nil {
		return addedImage{}, err
	}
	src, err := openSource(file)
	if err != nil {
		return addedImage{}, err
	}
	defer src.Close()
	stores, err := openStores(ctx, &o.configuration)
	if err != nil {
		return addedImage{}, err
	}
	in, err := o.storeOf(stores)
	if err != nil {
		stores.close()
		return addedImage{}, err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	added, err := o.add(ctx, in, name, src)
	if ctx.Err() != nil {
		return added, err // feed may still be in the store
	}
	return added, errors.Join(err, stores.set.Close())
}

// storeOf returns the store that takes the image.
func (o *addFlags) storeOf(stores *openedStores) (*backends.Instance, error) {
	in := stores.set.Default()
	switch {
	case o.store != "":
		var err error
		if in, err = stores.store(o.store); err != nil {
			return nil, err
		}
	case in == nil:
		return nil, usageErrorf("add: the configuration has no default store ([glance_store] default_backend); name one with --store")
	}
	if o.algo != "" {
		if err := in.SetHashingAlgo(o.algo); err != nil {
			return nil, &statusError{err, statusUsage}
		}
	}
	return in, nil
}

func (o *addFlags) add(ctx context.Context, in *backends.Instance, name string, src *os.File) (addedImage, error) {
	a, err := in.Add(ctx, name)
	if err != nil {
		return addedImage{}, err
	}
	if err := o.declare(a, in.HashingAlgo()); err != nil {
		return addedImage{}, errors.Join(&statusError{err, statusUsage}, a.Abort())
	}
	if err := o.signature.declare(a); err != nil {
		return addedImage{}, errors.Join(err, a.Abort())
	}
	if err := feedUntil(ctx, a, src, in.Name()+"/"+name); err != nil {
		return addedImage{}, errors.Join(interrupted(ctx, "add", in, name, err), a.Abort())
	}
	img, err := a.Commit(time.Time{})
	if err != nil {
		return addedImage{}, err
	}
	// The image is stored; no signal keeps the user from learning where.
	return describe(context.WithoutCancel(ctx), in, img)
}

// wantNotEmpty refuses flags that are given without a value: a script whose
// variable is empty would go unchecked.
func wantNotEmpty(flags *pflag.FlagSet, names ...string) error {
	for _, name := range names {
		if flags.Changed(name) && flags.Lookup(name).Value.String() == "" {
			return usageErrorf("--%s is empty", name)
		}
	}
	return nil
}

// declare tells the add what the image has to be.
func (o *addFlags) declare(a *backends.Add, algo string) error {
	if o.size != "" {
		if _, err := a.Declare(backends.KeySize, o.size); err != nil {
			return err
		}
	}
	return a.Expect("the image", backends.Record{Checksum: o.checksum, Multihash: o.multihash, HashingAlgo: algo})
}

// openSource opens what is added.
func openSource(file string) (*os.File, error) {
	if cmp.Or(file, "-") != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err == nil && info.IsDir() {
			err = usageErrorf("add: %s is a directory", file)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
	if file == "" && term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, usageErrorf("add: FILE is missing, and stdin is a terminal; - means stdin all the same")
	}
	return os.Stdin, nil
}
