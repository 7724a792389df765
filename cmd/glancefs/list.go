package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"glancefs/backends"
)

// imageRow is a line of `glancefs list`.
type imageRow struct {
	Name  string    `json:"name"`
	Size  int64     `json:"size"` // bytes
	Mtime time.Time `json:"mtime"`
}

func newListCommand() *cobra.Command {
	var configuration configFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [--json] STORE",
		Short: "List the images of a store",
		Args:  exactly("STORE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			stores, err := openStores(cmd.Context(), &configuration)
			if err != nil {
				return err
			}
			defer stores.close()
			in, err := stores.store(args[0])
			if err != nil {
				return err
			}
			rows, err := imageRows(cmd.Context(), in)
			if err != nil {
				return err
			}
			return printTable(cmd.OutOrStdout(), asJSON, rows, []string{"NAME", "SIZE", "MTIME"}, imageRow.cells)
		},
	}
	configuration.addTo(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// imageRows lists the images of a store by name.
func imageRows(ctx context.Context, in *backends.Instance) (rows []imageRow, err error) {
	err = in.List(ctx, func(img backends.Image) error {
		rows = append(rows, imageRow{img.Name, img.Size, img.Mtime.UTC()})
		return nil
	})
	slices.SortFunc(rows, func(a, b imageRow) int { return cmp.Compare(a.Name, b.Name) })
	return rows, err
}

func (r imageRow) cells() []string {
	return []string{printable(r.Name), strconv.FormatInt(r.Size, 10), r.Mtime.Format(time.RFC3339)}
}
