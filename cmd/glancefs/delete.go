package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newDeleteCommand() *cobra.Command {
	var o storeCommand
	cmd := &cobra.Command{
		Use:   "delete URI|STORE/NAME",
		Short: "Delete an image",
		Long:  "Delete an image.\n\n" + targetHelp,
		Args:  exactly("URI|STORE/NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, func(ctx context.Context, stores *openedStores) error {
				in, name, err := o.find(ctx, stores.set, args[0])
				if err != nil {
					return err
				}
				return in.Delete(ctx, name)
			})
		},
	}
	o.addTo(cmd)
	return cmd
}
