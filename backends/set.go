package backends

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"glancefs/backends/readahead"
	"glancefs/backends/signature"
	"glancefs/digest"
)

// Config is what the configuration says of a set of stores.
type Config struct {
	Stores      []StoreConfig // enabled_backends in their order, then the reserved ones
	Default     string        // [glance_store] default_backend; "" if not set
	HashingAlgo string        // [DEFAULT] hashing_algorithm
	ReadOnly    bool          // of the whole mount
	SyncOnClose bool
	Trust       signature.Trust // of the certificates of signed images
	Log         *logrus.Entry
}

// StoreConfig is what the configuration says of one store.
type StoreConfig struct {
	Name, Type string
	Reserved   bool
	Configured bool // it has a group; a reserved store without is shown only if it is there

	// Decode fills the tagged struct that dst points to from the store's
	// own group, and where that says nothing, from the groups of fallback.
	// Its error names every option at fault.
	Decode func(dst any, fallback ...string) error
	// Unknown reports the options of the store's group that no struct
	// declares.
	Unknown func(declared ...any) error
	// IsSet tells whether an option is set in the store's group or in
	// [backend_defaults].
	IsSet func(option string) bool
}

// GroupDefaults is the group whose options hold for all stores (glance_store
// ≥ 5.0), GroupOwn the group of glancefs' own options.
const (
	GroupDefaults = "backend_defaults"
	GroupOwn      = "glancefs"
)

// glanceTypes are glance_store's types (its driver entry points): one that
// no driver is for disables its store, any other stops the start.
var glanceTypes = []string{"file", "http", "swift", "rbd", "cinder", "vmware", "s3"}

const (
	// aheadTotal is the memory for what is read ahead of all readers of a
	// set, in bytes: four blocks of 8 MiB saturate one stream from Ceph, and
	// four such streams more than a network of 10 Gbit/s.
	aheadTotal = 128 << 20

	// aheadFloor is what a store may have of it whatever the others have:
	// two blocks of 8 MiB, or four of 4 MiB.
	aheadFloor = 16 << 20
)

// Set is the stores of one configuration. It is immutable and safe for
// parallel use.
type Set struct {
	instances []*Instance
	byName    map[string]*Instance
	def       *Instance
	drivers   []Driver // also those of no store
}

// Open opens the stores of a configuration, all at once. A store that can't
// be opened, or not as configured, is in the set all the same, and says why
// (Instance.Faults). The error is one that stops everything: a type that
// nobody knows, an unknown default store or hashing algorithm.
func Open(ctx context.Context, cfg Config, drivers []Driver) (*Set, error) {
	if err := digest.Check(cfg.HashingAlgo); err != nil {
		return nil, fmt.Errorf("[DEFAULT] hashing_algorithm: %w", err)
	}
	for _, sc := range cfg.Stores {
		if findDriver(drivers, sc.Type) == nil && !slices.Contains(glanceTypes, sc.Type) {
			return nil, fmt.Errorf("[DEFAULT] enabled_backends: store %s: unknown type %q (one of %v)", sc.Name, sc.Type, glanceTypes)
		}
	}
	instances := make([]*Instance, len(cfg.Stores))
	ahead := readahead.NewBudget(aheadTotal, aheadFloor)
	var wg sync.WaitGroup
	for i, sc := range cfg.Stores {
		wg.Go(func() { instances[i] = openInstance(ctx, cfg, sc, findDriver(drivers, sc.Type), ahead.Share()) })
	}
	wg.Wait()

	s := &Set{byName: make(map[string]*Instance), drivers: drivers}
	for _, in := range instances {
		if in.absent() {
			continue
		}
		s.instances = append(s.instances, in)
		s.byName[in.Name()] = in
	}
	if err := s.setDefault(cfg.Default); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// setDefault chooses the default store: the configured one, or the only one.
func (s *Set) setDefault(name string) error {
	if name == "" {
		var usual []*Instance
		for _, in := range s.instances {
			if !in.Reserved() {
				usual = append(usual, in)
			}
		}
		if len(usual) == 1 {
			s.def = usual[0]
		}
		return nil
	}
	in, ok := s.byName[name]
	if !ok {
		return fmt.Errorf("[glance_store] default_backend: no store is named %q", name)
	}
	s.def = in
	return nil
}

func findDriver(drivers []Driver, typ string) *Driver {
	for i := range drivers {
		if drivers[i].Type == typ {
			return &drivers[i]
		}
	}
	return nil
}

// Instances returns the stores in the order of the configuration, the
// reserved ones last.
func (s *Set) Instances() []*Instance { return s.instances }

// ByWeight returns the stores with the highest weight first, those of one
// weight in the order of the configuration: the order in which Glance prefers
// the locations of an image.
func (s *Set) ByWeight() []*Instance {
	return slices.SortedStableFunc(slices.Values(s.instances), func(a, b *Instance) int {
		return cmp.Compare(b.Weight(), a.Weight())
	})
}

// Get returns the store of that name.
func (s *Set) Get(name string) (*Instance, bool) {
	in, ok := s.byName[name]
	return in, ok
}

// Default returns the default store, nil if there is none.
func (s *Set) Default() *Instance { return s.def }

// Schemes returns the URI schemes that the stores of the set understand,
// sorted.
func (s *Set) Schemes() []string {
	var all []string
	for _, in := range s.instances {
		all = append(all, in.Schemes()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Close closes all stores.
func (s *Set) Close() error {
	var errs []error
	for _, in := range s.instances {
		errs = append(errs, in.close())
	}
	return errors.Join(errs...)
}

// openInstance opens one store.
func openInstance(ctx context.Context, cfg Config, sc StoreConfig, drv *Driver, ahead *readahead.Share) *Instance {
	in := &Instance{
		cfg:     sc,
		drv:     drv,
		algo:    cfg.HashingAlgo,
		trust:   cfg.Trust,
		ahead:   ahead,
		log:     cfg.Log.WithField("store", sc.Name),
		current: new(attempt),
	}
	in.life, in.end = context.WithCancel(context.WithoutCancel(ctx))
	in.faults = split(sc.Decode(&in.opts, GroupOwn))
	in.opts.ReadOnly = in.opts.ReadOnly || cfg.ReadOnly
	if drv == nil {
		in.faults = append(in.faults, fmt.Errorf("stores of type %s are not supported by this version of glancefs", sc.Type))
		return in
	}
	options := drv.Options()
	in.faults = append(in.faults, split(sc.Decode(options, GroupDefaults))...)
	in.warning = sc.Unknown(&in.opts, options)
	if drv.VerifyOnRead {
		var opts verifyByDefault
		_ = sc.Decode(&opts, GroupOwn) // its fault is in in.faults already
		in.opts.VerifyOnRead = opts.VerifyOnRead
	}

	in.open = func(ctx context.Context) *attempt {
		ctx, cancel := context.WithTimeout(ctx, in.opts.ConnectTimeout)
		defer cancel()
		store, err := drv.Open(ctx, Opening{
			Name:        sc.Name,
			Options:     options,
			IsSet:       sc.IsSet,
			Reserved:    sc.Reserved,
			ReadOnly:    in.opts.ReadOnly,
			SyncOnClose: cfg.SyncOnClose,
			Log:         in.log,

			ConnectTimeout: in.opts.ConnectTimeout,
			RequestTimeout: in.opts.RequestTimeout,
		})
		return &attempt{store: store, faults: split(err)}
	}
	in.current = in.open(ctx)
	in.tried = time.Now()
	in.notThere = sc.Reserved && !sc.Configured && errors.Is(errors.Join(in.current.faults...), fs.ErrNotExist)
	return in
}
