package main

import (
	"context"
	"fmt"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"glancefs/backends"
)

// storeCommand is what the commands that work on images have in common: the
// configuration, and an end by a signal.
type storeCommand struct {
	configuration configFlags
	store         string
}

func (c *storeCommand) addTo(cmd *cobra.Command) {
	c.configuration.addTo(cmd.Flags())
	cmd.Flags().StringVar(&c.store, "store", "", "the `store` that is meant")
}

// run opens the stores for fn. A signal ends fn's context, so that what is
// half done is undone.
func (c *storeCommand) run(cmd *cobra.Command, fn func(context.Context, *openedStores) error) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	stores, err := openStores(ctx, &c.configuration)
	if err != nil {
		return err
	}
	defer stores.close()
	return fn(ctx, stores)
}

// targetHelp is for the commands that take a target.
const targetHelp = `The image is STORE/NAME, or a URI as add prints it (location). A URI is looked
for in all stores, in the order of the configuration, or in --store alone.
With --store the image can be given by its NAME.`

// find finds the image that a target of the command line means.
func (c *storeCommand) find(ctx context.Context, set *backends.Set, target string) (*backends.Instance, string, error) {
	if strings.Contains(target, "://") {
		return set.Find(ctx, target, c.store)
	}
	store, name := c.store, target
	if store == "" {
		var ok bool
		if store, name, ok = strings.Cut(target, "/"); !ok {
			return nil, "", usageErrorf("%q is neither a URI nor STORE/NAME", target)
		}
	}
	in, err := named(set, store)
	return in, name, err
}

// named returns the store of that name.
func named(set *backends.Set, name string) (*backends.Instance, error) {
	in, ok := set.Get(name)
	if !ok {
		return nil, &statusError{fmt.Errorf("no store is named %q; see glancefs stores", name), statusNotFound}
	}
	return in, nil
}
