package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"glancefs/backends"
)

// addedImage is what add prints: glance_store's 5-tuple, and the algorithm.
// The digests are "" if none are kept.
type addedImage struct {
	Location    string         `json:"location"`
	Size        int64          `json:"size"` // bytes
	Checksum    string         `json:"checksum"`
	Multihash   string         `json:"multihash"`
	Metadata    map[string]any `json:"metadata"`
	HashingAlgo string         `json:"hashing_algo"`
}

// imageStat is what stat prints.
type imageStat struct {
	Store string    `json:"store"`
	Name  string    `json:"name"`
	Mtime time.Time `json:"mtime"`
	addedImage
}

// describe asks the store for what it has not told of an image.
func describe(ctx context.Context, in *backends.Instance, img backends.Image) (a addedImage, err error) {
	a.Size = img.Size
	if r := img.Record; r != nil {
		a.Checksum, a.Multihash, a.HashingAlgo = r.Checksum, r.Multihash, r.HashingAlgo
	}
	if a.Location, err = in.Location(ctx, img.Name); err != nil {
		return a, err
	}
	a.Metadata, err = in.Metadata(ctx, img.Name)
	return a, err
}

// imageCommand makes a command for one image, which run gets.
func imageCommand(cmd *cobra.Command, run func(ctx context.Context, in *backends.Instance, name string) error) *cobra.Command {
	var configuration configFlags
	var store string
	cmd.Args = exactly(targetUsage)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		stores, err := openStores(cmd.Context(), &configuration)
		if err != nil {
			return err
		}
		defer stores.close()
		in, name, err := stores.target(cmd.Context(), args[0], store)
		if err != nil {
			return err
		}
		return run(cmd.Context(), in, name)
	}
	configuration.addTo(cmd.Flags())
	addStoreFlag(cmd.Flags(), &store)
	return cmd
}

func newSizeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "size [flags] " + targetUsage,
		Short: "Print the size of an image in bytes",
	}
	return imageCommand(cmd, func(ctx context.Context, in *backends.Instance, name string) error {
		img, err := in.Stat(ctx, name)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), img.Size)
		return err
	})
}

func newStatCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stat [flags] " + targetUsage,
		Short: "Print where an image is, its size and its digests",
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return imageCommand(cmd, func(ctx context.Context, in *backends.Instance, name string) error {
		img, err := in.Stat(ctx, name)
		if err != nil {
			return err
		}
		described, err := describe(ctx, in, img)
		if err != nil {
			return err
		}
		s := imageStat{in.Name(), name, img.Mtime.UTC(), described}
		if asJSON {
			return printObject(cmd.OutOrStdout(), s)
		}
		return s.print(cmd.OutOrStdout())
	})
}

// print prints a line for each field.
func (s imageStat) print(w io.Writer) error {
	metadata, err := json.Marshal(s.Metadata)
	if err != nil {
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{
		{"STORE", s.Store}, {"NAME", printable(s.Name)}, {"LOCATION", printable(s.Location)},
		{"SIZE", strconv.FormatInt(s.Size, 10)}, {"MTIME", s.Mtime.Format(time.RFC3339)},
		{"CHECKSUM", s.Checksum}, {"MULTIHASH", s.Multihash}, {"HASHING_ALGO", s.HashingAlgo},
		{"METADATA", string(metadata)},
	} {
		if line[1] == "" {
			line[1] = "-"
		}
		fmt.Fprintln(tw, line[0]+"\t"+line[1])
	}
	return tw.Flush()
}
