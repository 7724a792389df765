package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"glancefs/backends"
)

// schemeRow is a line of `glancefs schemes`.
type schemeRow struct {
	Scheme string   `json:"scheme"`
	Stores []string `json:"stores"`
}

func newSchemesCommand() *cobra.Command {
	var configuration configFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "schemes [--json]",
		Short: "List the URI schemes of the configured stores",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			stores, err := openStores(cmd.Context(), &configuration)
			if err != nil {
				return err
			}
			defer stores.close()
			return printTable(cmd.OutOrStdout(), asJSON, schemeRows(stores.set), []string{"SCHEME", "STORES"},
				func(r schemeRow) []string { return []string{r.Scheme, strings.Join(r.Stores, ",")} })
		},
	}
	configuration.addTo(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// schemeRows lists the schemes of a set, each with the stores that
// understand it.
func schemeRows(set *backends.Set) []schemeRow {
	var rows []schemeRow
	for _, scheme := range set.Schemes() {
		row := schemeRow{Scheme: scheme}
		for _, in := range set.Instances() {
			if slices.Contains(in.Schemes(), scheme) {
				row.Stores = append(row.Stores, in.Name())
			}
		}
		rows = append(rows, row)
	}
	return rows
}
