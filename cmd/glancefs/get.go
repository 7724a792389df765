package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"glancefs/backends"
)

// getFlags are the flags of get.
type getFlags struct {
	offset, length int64 // length -1: to the end
	output         string
}

func newGetCommand() *cobra.Command {
	var o getFlags
	cmd := &cobra.Command{
		Use:   "get [flags] " + targetUsage,
		Short: "Write an image to stdout or a file",
		Long: `Write an image to stdout, or to the file --output, which is replaced only when
the image is complete. A whole image that carries digests is checked: if it
does not match, the status is 5, and --output is as it was. With a store of
type http, a URL can be any, also of what is in no store.`,
	}
	flags := cmd.Flags()
	flags.Int64Var(&o.offset, "offset", 0, "begin at this `byte`")
	flags.Int64Var(&o.length, "length", -1, "at most so many `bytes`")
	flags.StringVarP(&o.output, "output", "O", "", "the `file` to write, instead of stdout")
	imageCommand(cmd, o.run)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if o.offset < 0 || flags.Changed("length") && o.length < 0 {
			return usageErrorf("get: --offset and --length can't be negative")
		}
		return nil
	}
	return cmd
}

func (o *getFlags) run(ctx context.Context, in *backends.Instance, name string) error {
	img, err := in.Open(ctx, name)
	if err != nil {
		return err
	}
	defer img.Close()
	if o.output == "" || o.output == "-" {
		// No signal is caught: there is nothing to be cleaned up, and a
		// write to a pipe that nobody reads would outlast it. SIGPIPE ends
		// the program quietly.
		return img.CopyTo(ctx, os.Stdout, o.offset, o.length)
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	out, err := newOutput(o.output)
	if err != nil {
		return err
	}
	p := newProgress(out.file, o.total(img.Image().Size), in.Name()+"/"+name)
	err = img.CopyTo(ctx, p, o.offset, o.length)
	p.Close()
	if err != nil {
		return errors.Join(interrupted(ctx, "get", in, name, err), out.abort())
	}
	return out.commit()
}

// total tells how many bytes of an image of that size are asked for.
func (o *getFlags) total(size int64) int64 {
	rest := max(0, size-o.offset)
	if o.length >= 0 {
		return min(rest, o.length)
	}
	return rest
}
