package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"glancefs/backends"
)

func newListCommand() *cobra.Command {
	var configuration storeCommand
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [--json] STORE",
		Short: "List the images of a store",
		Args:  exactly("STORE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return configuration.run(cmd, func(ctx context.Context, stores *openedStores) error {
				in, err := named(stores.set, args[0])
				if err != nil {
					return err
				}
				rows, err := listImages(ctx, in)
				if err != nil {
					return err
				}
				return printTable(cmd.OutOrStdout(), asJSON, rows, []string{"NAME", "SIZE", "MTIME"}, func(r imageRow) []string {
					return []string{printable(r.Name), strconv.FormatInt(r.Size, 10), r.Mtime}
				})
			})
		},
	}
	configuration.configuration.addTo(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// listImages returns the images of a store, sorted by name.
func listImages(ctx context.Context, in *backends.Instance) ([]imageRow, error) {
	var rows []imageRow
	err := in.List(ctx, func(img backends.Image) error {
		rows = append(rows, newImageRow(in, img))
		return nil
	})
	slices.SortFunc(rows, func(a, b imageRow) int { return strings.Compare(a.Name, b.Name) })
	return rows, err
}

// printable is a name in which nothing breaks a line or moves a cursor: as
// Go quotes it, without the quotes.
func printable(name string) string {
	quoted := strconv.Quote(name)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
