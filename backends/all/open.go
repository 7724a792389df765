package all

import (
	"context"
	"sync"

	"github.com/sirupsen/logrus"

	"glancefs/backends"
	"glancefs/config"
)

// Options say how to open the stores of a configuration.
type Options struct {
	ReadOnly bool // nothing is ever written
	Log      *logrus.Entry
}

// Open opens the stores that cfg describes. A store that is misconfigured
// does not stop the others (see backends.Open). The warnings are about the
// groups that no single store has: options of [glancefs] and
// [backend_defaults] that nothing reads, or that name files which are missing.
func Open(ctx context.Context, cfg *config.Config, o Options) (*backends.Set, config.Problems, error) {
	stores, err := cfg.Stores()
	if err != nil {
		return nil, nil, err
	}
	settings, err := ReadSettings(cfg)
	if err != nil {
		return nil, nil, err
	}
	var deployment struct {
		HashingAlgo string `option:"hashing_algorithm" default:"sha512"`
	}
	var glanceStore struct {
		Default string `option:"default_backend"`
	}
	problems := cfg.Decode("DEFAULT", nil, &deployment)
	problems = append(problems, cfg.Decode("glance_store", nil, &glanceStore)...)
	if err := problems.Err(); err != nil {
		return nil, nil, err
	}

	readers := readers{cfg: cfg}
	drivers := Drivers()
	readers.add(backends.GroupOwn, new(ownOptions))
	for _, driver := range drivers {
		readers.add(backends.GroupDefaults, driver.Options())
	}
	setConfig := backends.Config{
		Default:     glanceStore.Default,
		HashingAlgo: deployment.HashingAlgo,
		ReadOnly:    o.ReadOnly,
		SyncOnClose: settings.SyncOnClose,
		Trust:       settings.Trust,
		Log:         o.Log,
	}
	for _, store := range stores {
		setConfig.Stores = append(setConfig.Stores, readers.storeConfig(store))
	}
	set, err := backends.Open(ctx, setConfig, drivers)
	if err != nil {
		return nil, nil, err
	}
	return set, append(readers.unread(backends.GroupOwn, backends.GroupDefaults), settings.trustProblems()...), nil
}

// readers remembers, of the groups that several stores share, which structs
// were filled from them: what those do not declare, nothing reads.
type readers struct {
	cfg *config.Config

	mu      sync.Mutex // guards structs; stores are opened in parallel
	structs map[string][]any
}

func (r *readers) add(group string, dst any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.structs == nil {
		r.structs = make(map[string][]any)
	}
	r.structs[group] = append(r.structs[group], dst)
}

// unread reports the options of groups that nothing reads.
func (r *readers) unread(groups ...string) config.Problems {
	var problems config.Problems
	for _, group := range groups {
		problems = append(problems, r.cfg.Unknown(group, r.structs[group]...)...)
	}
	return problems
}

// storeConfig is what the configuration says of one store.
func (r *readers) storeConfig(store config.Store) backends.StoreConfig {
	return backends.StoreConfig{
		Name:       store.Name,
		Type:       store.Type,
		Reserved:   store.Reserved,
		Configured: r.cfg.HasGroup(store.Name),
		Decode: func(dst any, fallback ...string) error {
			for _, group := range fallback {
				r.add(group, dst)
			}
			return r.cfg.Decode(store.Name, fallback, dst).Err()
		},
		Unknown: func(declared ...any) error {
			return r.cfg.Unknown(store.Name, declared...).Err()
		},
		IsSet: func(option string) bool {
			return r.cfg.IsSet(store.Name, option) || r.cfg.IsSet(backends.GroupDefaults, option)
		},
	}
}
