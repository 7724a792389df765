package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"glancefs/backends"
)

// getFlags are the flags of get.
type getFlags struct {
	storeCommand
	offset, length int64
	output         string
}

func newGetCommand() *cobra.Command {
	var o getFlags
	cmd := &cobra.Command{
		Use:   "get [flags] URI|STORE/NAME",
		Short: "Write an image to stdout or to a file",
		Long: `Write an image, or the part of it from --offset on, to stdout or to --output.
A whole image is compared with its digests: if they do not match, the exit
status is 5 and --output is not made. An --output that exists is replaced when
everything is written.

` + targetHelp,
		Args: exactly("URI|STORE/NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.offset < 0 || cmd.Flags().Changed("length") && o.length < 0 {
				return usageErrorf("get: --offset and --length can't be negative")
			}
			return o.run(cmd, func(ctx context.Context, stores *openedStores) error {
				return o.get(ctx, stores.set, args[0], cmd.OutOrStdout())
			})
		},
	}
	o.addTo(cmd)
	flags := cmd.Flags()
	flags.Int64Var(&o.offset, "offset", 0, "begin `bytes` into the image")
	flags.Int64Var(&o.length, "length", math.MaxInt64, "write at most so many `bytes`")
	flags.Lookup("length").DefValue = "0" // not shown
	flags.StringVarP(&o.output, "output", "o", "", "write to `FILE`")
	return cmd
}

// get writes the image that target means.
func (o *getFlags) get(ctx context.Context, set *backends.Set, target string, stdout io.Writer) error {
	in, name, err := o.find(ctx, set, target)
	if err != nil {
		return err
	}
	image, err := in.Open(ctx, name)
	if err != nil {
		return err
	}
	defer image.Close() // only read
	if o.output == "" || o.output == "-" {
		return o.copy(ctx, image, stdout)
	}
	return replaceFile(o.output, func(w io.Writer) error { return o.copy(ctx, image, w) })
}

// copy writes the image, or the part of it that is asked for.
func (o *getFlags) copy(ctx context.Context, image *backends.Opened, w io.Writer) error {
	img := image.Image()
	length := min(o.length, max(0, img.Size-o.offset))
	bar := newProgress(img.Name, length)
	defer bar.Close() // what it shows is not needed any more
	write := func(p []byte) error {
		_, err := withProgress(w, bar).Write(p)
		return err
	}
	var err error
	if o.offset == 0 && length == img.Size {
		_, err = image.Verify(ctx, nil, write)
	} else {
		err = image.Read(ctx, o.offset, length, write)
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("get %s: %w", img.Name, context.Cause(ctx))
	}
	return err
}

// replaceFile writes a file under a temporary name, and gives it its name
// when all of it is on disk. A path that is no regular file (a device, a
// pipe) is written to.
func replaceFile(path string, fill func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fillFile(path, fill)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".glancefs-*")
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error { return fill(temp) },
		func() error { return temp.Chmod(newMode()) },
		temp.Sync,
		temp.Close,
		func() error { return os.Rename(temp.Name(), path) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			_, _ = temp.Close(), os.Remove(temp.Name()) // the first error is the one to report
			return err
		}
	}
	return nil
}

// newMode is the mode of a new file: 0666 less the umask.
func newMode() os.FileMode {
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	return 0o666 &^ os.FileMode(mask)
}

// fillFile writes to a file that exists.
func fillFile(path string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(fill(f), f.Close())
}
