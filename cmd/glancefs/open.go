package main

import (
	"context"
	"os"
	"sync"

	"github.com/sirupsen/logrus"

	"glancefs/backends"
	"glancefs/backends/all"
	"glancefs/config"
)

// openedStores are the stores of a configuration, opened.
type openedStores struct {
	set      *backends.Set
	settings all.Settings
	warnings config.Problems // options that nothing reads, outside of the stores' groups
	source   string          // which configuration it was
}

// openStores reads the configuration and opens its stores, for a command
// that works without a mount. What a driver logs goes to stderr.
func openStores(ctx context.Context, configuration *configFlags) (*openedStores, error) {
	log := newLogger(os.Stderr, formatText, logrus.WarnLevel)
	return openStoresWith(ctx, configuration, all.Options{Log: log})
}

func openStoresWith(ctx context.Context, configuration *configFlags, o all.Options) (*openedStores, error) {
	cfg, source, err := configuration.load()
	if err != nil {
		return nil, err
	}
	settings, err := all.ReadSettings(cfg)
	if err != nil {
		return nil, err
	}
	set, warnings, err := all.Open(ctx, cfg, o)
	if err != nil {
		return nil, err
	}
	return &openedStores{set: set, settings: settings, warnings: warnings, source: source}, nil
}

// status asks all stores at once how they are; nil is well. The result is in
// the order of the stores.
func (s *openedStores) status(ctx context.Context) []error {
	status := make([]error, len(s.set.Instances()))
	var wg sync.WaitGroup
	for i, in := range s.set.Instances() {
		wg.Go(func() { status[i] = in.Status(ctx) })
	}
	wg.Wait()
	return status
}

// close closes the stores of a command that has only read: there is nothing
// that could still fail.
func (s *openedStores) close() { _ = s.set.Close() }
