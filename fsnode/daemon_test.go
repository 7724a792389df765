package fsnode

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/rpc"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/sirupsen/logrus"

	"glancefs/backends"
	"glancefs/backends/memory"
	"glancefs/config"
)

// daemon is the process that mounts, in its tests. Its exported methods are
// the RPC of mounted.
type daemon struct {
	set     *backends.Set
	mounted *Mounted
	ready   chan struct{} // closed when it is mounted

	mu       sync.Mutex // guards the rest
	changed  *sync.Cond
	rules    map[Call]Rule
	released chan struct{} // closed by Release
	entered  map[Call]int  // calls of stores so far
	underWay map[string][]string
}

// The arguments and replies of the RPC.
type (
	none = struct{}

	// Call is an operation of a store on an image; see memory.Fault.
	Call struct{ Store, Op, Name string }

	// Rule is what is wrong with a call.
	Rule struct {
		Call
		Kind string
		Row  int
	}

	Awaited struct {
		Call
		Times int
	}

	Image struct {
		Call
		Data []byte
	}

	// Filling is a number of images, image-00000 and so on.
	Filling struct {
		Store string
		Count int
	}

	// Holding is what a store has. UnderWay are the names of the adds that
	// were begun and neither committed nor aborted.
	Holding struct {
		Names    []string
		UnderWay []string
	}
)

// The kinds of faults.
const (
	failing = "fail" // with the error of a row of errnoOf, or another one
	hanging = "hang" // until the context of the call ends
	holding = "hold" // until it is released; then it goes on
	losing  = "lose" // its reply
)

// serve mounts, and returns when stdin has ended and the mount is over. The
// error tells what is left: goroutines of ours, descriptors, adds under way.
func serve(dir, settings string) error {
	log := logrus.New()
	log.SetLevel(logrus.DebugLevel)
	d := &daemon{
		ready:    make(chan struct{}),
		rules:    make(map[Call]Rule),
		released: make(chan struct{}),
		entered:  make(map[Call]int),
		underWay: make(map[string][]string),
	}
	d.changed = sync.NewCond(&d.mu)
	server, ended := rpc.NewServer(), make(chan struct{})
	if err := server.RegisterName("Daemon", d); err != nil {
		return err
	}
	go func() {
		defer close(ended)
		server.ServeConn(stdio{os.Stdin, os.Stdout})
	}()
	var err error
	if d.set, err = d.openStores(settings, logrus.NewEntry(log)); err != nil {
		return err
	}
	before := descriptors()
	if d.mounted, err = Mount(dir, Options{
		Set: d.set, Log: logrus.NewEntry(log), Version: "test", FileMode: 0o440,
		UID: uint32(os.Getuid()), GID: uint32(os.Getgid()),
	}); err != nil {
		return err
	}
	close(d.ready)
	go func() {
		<-ended
		d.mounted.Shutdown(false)
	}()
	d.mounted.Wait()
	<-ended
	return errors.Join(d.leftAdds(), d.set.Close(), leftGoroutines(), leftDescriptors(before))
}

// stdio is a connection over two pipes.
type stdio struct {
	io.ReadCloser
	io.WriteCloser
}

func (c stdio) Close() error { return errors.Join(c.WriteCloser.Close(), c.ReadCloser.Close()) }

func (d *daemon) openStores(text string, log *logrus.Entry) (*backends.Set, error) {
	settings, err := config.Parse("test", []byte(text))
	if err != nil {
		return nil, err
	}
	drv := memory.Driver()
	open := drv.Open
	drv.Open = func(ctx context.Context, in backends.Opening) (backends.Store, error) {
		s, err := open(ctx, in)
		if err != nil {
			return nil, err
		}
		s.(*memory.Store).SetFault(func(ctx context.Context, op, name string, call func() error) error {
			return d.storeCalled(ctx, Call{in.Name, op, name}, call)
		})
		return withExtra(settings, in.Name, s)
	}
	cfg := backends.Config{HashingAlgo: "sha512", Default: "one", SyncOnClose: true, Log: log}
	for _, name := range []string{"one", "two"} {
		cfg.Stores = append(cfg.Stores, backends.StoreConfig{
			Name: name, Type: "memory",
			Decode:  func(dst any, fallback ...string) error { return settings.Decode(name, fallback, dst).Err() },
			Unknown: func(...any) error { return nil },
			IsSet:   func(option string) bool { return settings.IsSet(name, option) },
		})
	}
	return backends.Open(context.Background(), cfg, []backends.Driver{drv})
}

// storeCalled stands around all calls of the stores.
func (d *daemon) storeCalled(ctx context.Context, c Call, call func() error) error {
	d.mu.Lock()
	d.entered[c]++
	d.changed.Broadcast()
	rule, ok := d.rules[c]
	if !ok {
		rule = d.rules[Call{c.Store, c.Op, ""}]
	}
	released := d.released
	d.mu.Unlock()

	switch rule.Kind {
	case failing:
		if rule.Row < 0 {
			return errors.New("injected")
		}
		return fmt.Errorf("injected: %w", errnoOf[rule.Row].err)
	case hanging:
		<-ctx.Done()
		return context.Cause(ctx)
	case holding:
		select {
		case <-released:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := call()
	d.noteAdd(c, err)
	if rule.Kind == losing && err == nil {
		return backends.ErrUnknown
	}
	return err
}

// noteAdd keeps count of the adds that are under way.
func (d *daemon) noteAdd(c Call, err error) {
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.underWay[c.Store]
	switch c.Op {
	case "create":
		list = append(list, c.Name)
	case "commit", "abort":
		if i := slices.Index(list, c.Name); i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
	}
	d.underWay[c.Store] = list
	d.changed.Broadcast()
}

func (d *daemon) store(name string) *memory.Store {
	in, _ := d.set.Get(name)
	s, _ := backends.As[*memory.Store](in.Store())
	return s
}

// Ready waits until the stores are mounted.
func (d *daemon) Ready(none, *none) error {
	<-d.ready
	return nil
}

func (d *daemon) Fault(r Rule, _ *none) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rules[r.Call] = r
	return nil
}

func (d *daemon) Release(none, *none) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.rules)
	close(d.released)
	d.released = make(chan struct{})
	return nil
}

func (d *daemon) Await(a Awaited, _ *none) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.entered[a.Call] < a.Times {
		d.changed.Wait()
	}
	return nil
}

func (d *daemon) Count(c Call, times *int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	*times = d.entered[c]
	return nil
}

func (d *daemon) Put(img Image, _ *none) error {
	s, ctx := d.store(img.Store), context.Background()
	in, _ := d.set.Get(img.Store)
	_ = s.Delete(ctx, img.Name) // one that is there
	add, err := in.Add(ctx, img.Name)
	if err != nil {
		return err
	}
	if err := add.Write(img.Data); err != nil {
		return err
	}
	_, err = add.Commit(time.Unix(1_700_000_000, 0))
	return err
}

func (d *daemon) Fill(f Filling, _ *none) error {
	for i := range f.Count {
		w, err := d.store(f.Store).Create(context.Background(), fmt.Sprintf("image-%05d", i))
		if err != nil {
			return err
		}
		if _, err := w.Commit(context.Background(), backends.Record{}); err != nil {
			return err
		}
	}
	return nil
}

func (d *daemon) Corrupt(img Image, _ *none) error {
	s := d.store(img.Store)
	have, err := s.Stat(context.Background(), img.Name)
	if err != nil {
		return err
	}
	s.Replace(img.Name, img.Data, have.Mtime)
	return nil
}

func (d *daemon) Record(img Image, _ *none) error {
	s, ctx := d.store(img.Store), context.Background()
	have, err := s.Stat(ctx, img.Name)
	if err != nil {
		return err
	}
	record := *have.Record
	record.Multihash = fmt.Sprintf("%x", sha256.Sum256(img.Data))
	record.HashingAlgo = "sha256"
	return s.KeepRecord(ctx, have, record)
}

func (d *daemon) Holding(store string, h *Holding) error {
	err := d.store(store).List(context.Background(), func(img backends.Image) error {
		h.Names = append(h.Names, img.Name)
		return nil
	})
	slices.Sort(h.Names)
	d.mu.Lock()
	defer d.mu.Unlock()
	h.UnderWay = slices.Clone(d.underWay[store])
	return err
}

func (d *daemon) Shutdown(force bool, _ *none) error {
	d.mounted.Shutdown(force)
	return nil
}

func (d *daemon) Wait(none, *none) error {
	d.mounted.Wait()
	return nil
}

func (d *daemon) CanPassThrough(_ none, can *bool) error {
	*can = os.Geteuid() == 0 && d.mounted.server.KernelSettings().Flags64()&fuse.CAP_PASSTHROUGH != 0
	return nil
}

func (d *daemon) leftAdds() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for store, list := range d.underWay {
		if len(list) > 0 {
			return fmt.Errorf("adds left over in store %s: %q", store, list)
		}
	}
	return nil
}

// leftGoroutines reports goroutines that run our code or go-fuse's once the
// mount is over.
func leftGoroutines() error {
	var left string
	for range 100 { // a goroutine that has just ended may still be listed
		buf := make([]byte, 1<<20)
		left = ""
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")[1:] {
			ours := strings.Contains(g, "glancefs/") || strings.Contains(g, "go-fuse")
			if ours && !strings.Contains(g, "fsnode.serve") && !strings.Contains(g, "fsnode.(*daemon)") {
				left += g + "\n\n"
			}
		}
		if left == "" {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("goroutines left over:\n" + left)
}

// descriptors counts the open descriptors by what they are of, but for those
// of the Go runtime.
func descriptors() map[string]int {
	fds, _ := filepath.Glob("/proc/self/fd/*")
	open := make(map[string]int)
	for _, fd := range fds {
		what, err := os.Readlink(fd)
		if err == nil && !strings.Contains(what, "event") && !strings.Contains(what, "pidfd") {
			open[what]++
		}
	}
	return open
}

func leftDescriptors(before map[string]int) error {
	after := descriptors()
	maps.DeleteFunc(after, func(what string, n int) bool { return n <= before[what] })
	if len(after) > 0 {
		return fmt.Errorf("descriptors left over: %v", after)
	}
	return nil
}
