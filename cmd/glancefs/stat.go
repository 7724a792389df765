package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"glancefs/backends"
)

// imageRow is an image as stat and list print it; list leaves out what is
// behind Mtime.
type imageRow struct {
	Store       string         `json:"store"`
	Name        string         `json:"name"`
	Size        int64          `json:"size"`  // bytes
	Mtime       string         `json:"mtime"` // RFC 3339
	Location    string         `json:"location,omitempty"`
	Checksum    string         `json:"checksum,omitempty"` // missing where no digests are kept
	Multihash   string         `json:"multihash,omitempty"`
	HashingAlgo string         `json:"hashing_algo,omitempty"`
	Metadata    map[string]any `json:"metadata,omitempty"`
}

func newStatCommand() *cobra.Command {
	var o storeCommand
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stat URI|STORE/NAME",
		Short: "Tell what is known of an image",
		Long:  "Tell what is known of an image: location, size, time, digests, metadata.\n\n" + targetHelp,
		Args:  exactly("URI|STORE/NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, func(ctx context.Context, stores *openedStores) error {
				in, name, err := o.find(ctx, stores.set, args[0])
				if err != nil {
					return err
				}
				row, err := describeImage(ctx, in, name)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), row)
				}
				return row.print(cmd.OutOrStdout())
			})
		},
	}
	o.addTo(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// describeImage asks the store for all that it knows of an image.
func describeImage(ctx context.Context, in *backends.Instance, name string) (*imageRow, error) {
	img, err := in.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	row := newImageRow(in, img)
	if row.Location, err = in.Location(ctx, name); err != nil {
		return nil, err
	}
	if row.Metadata, err = in.Metadata(ctx, name); err != nil {
		return nil, err
	}
	if r := img.Record; r != nil {
		row.Checksum, row.Multihash, row.HashingAlgo = r.Checksum, r.Multihash, r.HashingAlgo
	}
	return &row, nil
}

func newImageRow(in *backends.Instance, img backends.Image) imageRow {
	return imageRow{Store: in.Name(), Name: img.Name, Size: img.Size, Mtime: img.Mtime.Format(time.RFC3339Nano)}
}

// print prints one line for each thing that is known.
func (r *imageRow) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range []struct {
		key   string
		value any
	}{
		{"store", r.Store}, {"name", r.Name}, {"size", r.Size}, {"mtime", r.Mtime}, {"location", r.Location},
		{"checksum", r.Checksum}, {"multihash", r.Multihash}, {"hashing_algo", r.HashingAlgo},
	} {
		if line.value != "" {
			fmt.Fprintf(tw, "%s\t%v\n", line.key, line.value)
		}
	}
	return tw.Flush()
}

func newSizeCommand() *cobra.Command {
	var o storeCommand
	cmd := &cobra.Command{
		Use:   "size URI|STORE/NAME",
		Short: "Print the size of an image in bytes",
		Long:  "Print the size of an image in bytes.\n\n" + targetHelp,
		Args:  exactly("URI|STORE/NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, func(ctx context.Context, stores *openedStores) error {
				in, name, err := o.find(ctx, stores.set, args[0])
				if err != nil {
					return err
				}
				img, err := in.Stat(ctx, name)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), img.Size)
				return err
			})
		},
	}
	o.addTo(cmd)
	return cmd
}
