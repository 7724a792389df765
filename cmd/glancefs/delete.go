package main

import (
	"context"

	"github.com/spf13/cobra"

	"glancefs/backends"
)

func newDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete [flags] " + targetUsage,
		Short: "Delete an image",
	}
	return imageCommand(cmd, func(ctx context.Context, in *backends.Instance, name string) error {
		return in.Delete(ctx, name)
	})
}
