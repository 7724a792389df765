package all_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"glancefs/backends"
	"glancefs/backends/all"
	"glancefs/config"
)

// conf is a glance-api.conf with one store of type file.
func conf(datadir string) string {
	return `
[DEFAULT]
enabled_backends = fast:file
hashing_algorithm = sha256
[glance_store]
default_backend = fast
[fast]
store_description = the fast one
filesystem_store_datadir = ` + datadir + "\n"
}

// A program loads a configuration, opens its stores, and adds, looks at,
// reads and deletes an image. It needs no mount.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "glance-api.conf")
	if err := os.WriteFile(path, []byte(conf(dir+"/images")), 0o600); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	cfg, err := config.Load(config.Location{Path: path})
	if err != nil {
		log.Fatal(err)
	}
	set, warnings, err := all.Open(ctx, cfg, all.Options{Log: logrus.NewEntry(logrus.New())})
	if err != nil {
		log.Fatal(err)
	}
	defer set.Close()
	store := set.Default()
	fmt.Println("store:", store.Name(), store.Type(), store.Description(), store.Faults(), warnings)

	// An add: nothing is visible before Commit has returned nil.
	add, err := store.Add(ctx, "cirros")
	if err != nil {
		log.Fatal(err)
	}
	defer add.Abort() // after Commit it does nothing
	for _, piece := range []string{"a", "b", "c"} {
		if err := add.Write([]byte(piece)); err != nil {
			log.Fatal(err)
		}
	}
	img, err := add.Commit(time.Time{}) // now
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("added:", img.Name, img.Size, img.Record.Checksum)

	// A look at it.
	img, err = store.Stat(ctx, "cirros")
	if err != nil {
		log.Fatal(err)
	}
	location, err := store.Location(ctx, "cirros")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("multihash:", img.Record.HashingAlgo, img.Record.Multihash[:16]+"…")
	fmt.Println("location:", strings.ReplaceAll(location, dir, "DIR"))

	// A read, of any part.
	opened, err := store.Open(ctx, "cirros")
	if err != nil {
		log.Fatal(err)
	}
	defer opened.Close()
	part := make([]byte, 2)
	n, err := opened.ReadAt(ctx, part, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("read: %s\n", part[:n])

	// By its URI; all of it, compared with its digests.
	if store, _, err = set.Find(ctx, location, ""); err != nil {
		log.Fatal(err)
	}
	sums, err := opened.Verify(ctx, io.Discard, "md5") // ErrMismatch: it is something else
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("verified:", sums["md5"])

	// The end of it.
	if err := store.Delete(ctx, "cirros"); err != nil {
		log.Fatal(err)
	}
	_, err = store.Stat(ctx, "cirros")
	fmt.Println("deleted:", errors.Is(err, fs.ErrNotExist))
	// Output:
	// store: fast file the fast one [] []
	// added: cirros 3 900150983cd24fb0d6963f7d28e17f72
	// multihash: sha256 ba7816bf8f01cfea…
	// location: file://DIR/images/cirros
	// read: bc
	// verified: 900150983cd24fb0d6963f7d28e17f72
	// deleted: true
}

// What an image must be can be declared; an image that is not that is not
// stored.
func Example_declared() {
	ctx := context.Background()
	cfg, err := config.Parse("example.conf", []byte("[DEFAULT]\nenabled_backends = m:memory\n"))
	if err != nil {
		log.Fatal(err)
	}
	set, _, err := all.Open(ctx, cfg, all.Options{Log: logrus.NewEntry(logrus.New())})
	if err != nil {
		log.Fatal(err)
	}
	defer set.Close()
	store, _ := set.Get("m")
	add, err := store.Add(ctx, "cirros")
	if err != nil {
		log.Fatal(err)
	}
	defer add.Abort()
	if _, err := add.Declare(backends.KeyChecksum, "900150983cd24fb0d6963f7d28e17f72"); err != nil {
		log.Fatal(err)
	}
	if err := add.Write([]byte("abd")); err != nil {
		log.Fatal(err)
	}
	_, err = add.Commit(time.Time{})
	fmt.Println(errors.Is(err, backends.ErrMismatch))
	_, err = store.Stat(ctx, "cirros")
	fmt.Println(err)
	// Output:
	// true
	// stat m/cirros: file does not exist
}

// A store that is misconfigured does not stop the others.
func Example_misconfigured() {
	ctx := context.Background()
	cfg, err := config.Parse("example.conf", []byte(`
[DEFAULT]
enabled_backends = good:memory, bad:memory
[bad]
memory_store_size = much
`))
	if err != nil {
		log.Fatal(err)
	}
	set, _, err := all.Open(ctx, cfg, all.Options{Log: logrus.NewEntry(logrus.New())})
	if err != nil {
		log.Fatal(err)
	}
	defer set.Close()
	for _, store := range set.Instances() {
		fmt.Println(store.Name(), store.Faults())
	}
	bad, _ := set.Get("bad")
	_, err = bad.Add(ctx, "cirros")
	fmt.Println(errors.Is(err, backends.ErrMisconfigured))
	// Output:
	// good []
	// bad [example.conf: [bad] memory_store_size: "much" is not an integer of at least 0]
	// true
}
