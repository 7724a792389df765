package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"glancefs/backends"
)

// addFlags are the flags of add.
type addFlags struct {
	storeCommand
	hashingAlgo string
	size        string
	checksum    string
	multihash   string
	signature   *signatureFlags
}

// addedImage is what add prints: glance_store's 5-tuple, and the algorithm of
// its multihash.
type addedImage struct {
	Location    string         `json:"location"`
	Size        int64          `json:"size"`
	Checksum    string         `json:"checksum"`
	Multihash   string         `json:"multihash"`
	HashingAlgo string         `json:"hashing_algo"`
	Metadata    map[string]any `json:"metadata"`
}

func newAddCommand() *cobra.Command {
	var o addFlags
	cmd := &cobra.Command{
		Use:   "add [flags] NAME [FILE|-]",
		Short: "Add an image to a store",
		Long: `Add the image NAME from FILE, or from stdin, to the default store or to
--store, and print its location, size, digests and metadata as JSON. What is
declared with --size, --checksum and --multihash is checked before the image
is stored.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return exactly("NAME")(cmd, args)
			}
			return exactly("NAME", "FILE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.signature.check(); err != nil {
				return err
			}
			source, err := openSource(args[1:])
			if err != nil {
				return err
			}
			defer source.Close() // only read
			return o.run(cmd, func(ctx context.Context, stores *openedStores) error {
				image, err := o.add(ctx, stores.set, args[0], source)
				if err != nil {
					return err
				}
				return printJSON(cmd.OutOrStdout(), image)
			})
		},
	}
	o.addTo(cmd)
	return cmd
}

func (o *addFlags) addTo(cmd *cobra.Command) {
	o.storeCommand.addTo(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.hashingAlgo, "hashing-algo", "", "`algorithm` of the multihash (default: hashing_algorithm of the configuration)")
	flags.StringVar(&o.size, "size", "", "the image has this many `bytes`")
	flags.StringVar(&o.checksum, "checksum", "", "the image has this md5, as `hex` digits")
	flags.StringVar(&o.multihash, "multihash", "", "the image has this multihash, as `hex` digits")
	o.signature = addSignatureFlags(cmd)
}

// openSource opens what is to be added.
func openSource(args []string) (*os.File, error) {
	if len(args) == 0 || args[0] == "-" {
		if len(args) == 0 && term.IsTerminal(int(os.Stdin.Fd())) {
			return nil, usageErrorf("add: FILE is missing, and stdin is a terminal; - reads from it all the same")
		}
		return os.Stdin, nil
	}
	f, err := os.Open(args[0])
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", args[0])
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// target returns the store that add adds to.
func (o *addFlags) target(set *backends.Set) (*backends.Instance, error) {
	switch {
	case o.store != "":
		return named(set, o.store)
	case set.Default() == nil:
		return nil, usageErrorf("add: --store is missing, and the configuration has no default_backend")
	}
	return set.Default(), nil
}

// add adds an image from source.
func (o *addFlags) add(ctx context.Context, set *backends.Set, name string, source *os.File) (*addedImage, error) {
	in, err := o.target(set)
	if err != nil {
		return nil, err
	}
	if o.hashingAlgo != "" {
		if err := in.SetHashingAlgo(o.hashingAlgo); err != nil {
			return nil, &statusError{err, statusUsage}
		}
	}
	a, err := in.Add(ctx, name)
	if err != nil {
		return nil, err
	}
	err = o.declare(a, in.HashingAlgo())
	if err == nil {
		err = o.signature.declare(a)
	}
	if err == nil {
		err = copyInto(ctx, a, name, source)
	}
	if err != nil {
		_ = a.Abort() // the first error is the one to report
		return nil, err
	}
	img, err := a.Commit(time.Time{})
	if err != nil {
		return nil, err
	}
	return describeAdded(context.WithoutCancel(ctx), in, img)
}

// declare declares what the flags say of the image; algo is the algorithm of
// its multihash.
func (o *addFlags) declare(a *backends.Add, algo string) error {
	for key, value := range map[string]string{
		backends.KeySize:              o.size,
		backends.KeyChecksum:          o.checksum,
		backends.KeyAlgoPrefix + algo: o.multihash, // refused at once if it is none
	} {
		if value == "" {
			continue
		}
		if _, err := a.Declare(key, value); err != nil {
			return &statusError{err, statusUsage}
		}
	}
	return nil
}

// copyInto copies source into the add. It returns when ctx is done, also
// while a read of source waits for a terminal or a pipe.
func copyInto(ctx context.Context, a *backends.Add, name string, source *os.File) error {
	total := int64(-1)
	if info, err := source.Stat(); err == nil && info.Mode()&fs.ModeType == 0 {
		total = info.Size()
	}
	bar := newProgress(name, total)
	defer bar.Close() // what it shows is not needed any more
	copied := make(chan error, 1)
	go func() {
		_, err := io.CopyBuffer(withProgress(addWriter{a}, bar), onlyReader{source}, make([]byte, backends.ChunkSize))
		copied <- err
	}()
	select {
	case err := <-copied:
		return err
	case <-ctx.Done():
		return fmt.Errorf("add %s: %w", name, context.Cause(ctx))
	}
}

// addWriter is an add as an io.Writer.
type addWriter struct{ *backends.Add }

func (w addWriter) Write(p []byte) (int, error) {
	if err := w.Add.Write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// onlyReader hides the WriteTo of a file, which copies in pieces of 32 KiB.
type onlyReader struct{ io.Reader }

// describeAdded tells of an image that was just added.
func describeAdded(ctx context.Context, in *backends.Instance, img backends.Image) (*addedImage, error) {
	location, err1 := in.Location(ctx, img.Name)
	meta, err2 := in.Metadata(ctx, img.Name)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("the image is stored, but: %w", err)
	}
	image := &addedImage{Location: location, Size: img.Size, Metadata: meta}
	if r := img.Record; r != nil {
		image.Checksum, image.Multihash, image.HashingAlgo = r.Checksum, r.Multihash, r.HashingAlgo
	}
	return image, nil
}
