package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// newRootCommand makes the command line: one command a file.
func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:     "glancefs",
		Short:   "Mount OpenStack glance_store backends as a filesystem",
		Version: versionText(),
		Args:    noSuchCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SilenceUsage:  true, // an error is one line
		SilenceErrors: true, // run prints it

		SuggestionsMinimumDistance: 2, // cobra's own default, which it sets too late
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageErrorf("%w; see %s --help", err, cmd.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		newMountCommand(),
		newUmountCommand(),
		newAddCommand(),
		newGetCommand(),
		newSizeCommand(),
		newStatCommand(),
		newDeleteCommand(),
		newListCommand(),
		newVerifyCommand(),
		newStoresCommand(),
		newSchemesCommand(),
		newCheckCommand(),
	)
	return root
}

// noSuchCommand refuses what is no command.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see glancefs --help"
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		hint = "did you mean " + strings.Join(similar, " or ") + "?"
	}
	return usageErrorf("no command %q; %s", args[0], hint)
}

// exactly makes a check that the arguments are those of the usage line, one
// for each name.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usageErrorf("%s: %s is missing; usage: %s", cmd.Name(), names[len(args)], cmd.UseLine())
		case len(args) > len(names):
			return usageErrorf("%s: %q is too much; usage: %s", cmd.Name(), args[len(names)], cmd.UseLine())
		}
		return nil
	}
}
