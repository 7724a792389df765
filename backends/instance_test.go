package backends_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"glancefs/backends"
	"glancefs/backends/memory"
)

var now = time.Unix(1_700_000_000, 123456789)

// call is a call of an instance that concerns an image (or the store, if it
// takes no name), and how its error calls it.
type call struct {
	op    string
	image bool
	do    func(ctx context.Context, in *backends.Instance, name string) error
}

var calls = []call{
	{"list", false, func(ctx context.Context, in *backends.Instance, _ string) error {
		return in.List(ctx, func(backends.Image) error { return nil })
	}},
	{"space", false, func(ctx context.Context, in *backends.Instance, _ string) error {
		_, err := in.Space(ctx)
		return err
	}},
	{"stat", true, func(ctx context.Context, in *backends.Instance, name string) error {
		_, err := in.Stat(ctx, name)
		return err
	}},
	{"open", true, func(ctx context.Context, in *backends.Instance, name string) error {
		r, err := in.Open(ctx, name)
		if err != nil {
			return err
		}
		return r.Close()
	}},
	{"location", true, func(ctx context.Context, in *backends.Instance, name string) error {
		_, err := in.Location(ctx, name)
		return err
	}},
	{"metadata", true, func(ctx context.Context, in *backends.Instance, name string) error {
		_, err := in.Metadata(ctx, name)
		return err
	}},
	{"add", true, func(ctx context.Context, in *backends.Instance, name string) error {
		add, err := in.Add(ctx, name)
		if err != nil {
			return err
		}
		return add.Abort()
	}},
	{"set mtime", true, func(ctx context.Context, in *backends.Instance, name string) error {
		return in.SetMtime(ctx, name, now)
	}},
	{"rename", true, func(ctx context.Context, in *backends.Instance, name string) error {
		return in.Rename(ctx, name, name+".new")
	}},
	{"delete", true, func(ctx context.Context, in *backends.Instance, name string) error {
		return in.Delete(ctx, name)
	}},
}

// add stores an image in the store itself, past all policies.
func add(t *testing.T, s backends.Store, name string, data []byte) {
	t.Helper()
	ctx := context.Background()
	w, err := s.Create(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(ctx, backends.Chunk{Data: data}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(ctx, backends.Record{Size: int64(len(data))}); err != nil {
		t.Fatal(err)
	}
}

// TestNamesRefused: the store never hears of a bad name.
func TestNamesRefused(t *testing.T) {
	store := memory.New("one", 0)
	store.SetFault(func(_ context.Context, op, name string, call func() error) error {
		t.Errorf("the store was asked: %s %q", op, name)
		return call()
	})
	in := instance(t, store)
	for _, name := range []string{"", ".", "..", "a/b", "/", "a\x00", strings.Repeat("x", 256), ".glancefs", ".glancefs-x"} {
		for _, c := range calls {
			if !c.image {
				continue
			}
			err := c.do(t.Context(), in, name)
			if !errors.Is(err, backends.ErrInvalid) {
				t.Errorf("%s %q: error %v, want ErrInvalid", c.op, name, err)
			}
			wantError(t, err, c.op, name)
		}
		err := in.Rename(t.Context(), "good", name)
		wantIs(t, err, backends.ErrInvalid)
		wantError(t, err, "rename", "good")
	}
}

// TestUnsupported: what a store need not be able to do.
func TestUnsupported(t *testing.T) {
	store := memory.New("one", 1000)
	add(t, store, "there", []byte("bytes"))
	in := instance(t, plain{store})
	for _, c := range calls {
		switch c.op {
		case "space", "rename", "set mtime":
			image := ""
			if c.image {
				image = "there"
			}
			err := c.do(t.Context(), in, image)
			wantIs(t, err, errors.ErrUnsupported)
			wantError(t, err, c.op, image)
		}
	}
	r, err := in.Open(t.Context(), "there")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = r.Seek(t.Context(), 0, true)
	wantIs(t, err, errors.ErrUnsupported)
	wantError(t, err, "seek", "there")
	if fd, ok := r.LocalFile(); ok {
		t.Errorf("a local file: %d", fd)
	}
	add, err := in.Add(t.Context(), "new")
	if err != nil {
		t.Fatal(err)
	}
	if owner := add.Owner(); owner != nil {
		t.Errorf("owner %v", owner)
	}
	if err := add.Abort(); err != nil {
		t.Error(err)
	}
	meta, err := in.Metadata(t.Context(), "there")
	if diff := cmp.Diff(map[string]any{"store": "one"}, meta); diff != "" || err != nil {
		t.Errorf("metadata (-want +got):\n%s%v", diff, err)
	}
	if err := in.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestErrorsOfTheStore come through as what they are, wrapped once.
func TestErrorsOfTheStore(t *testing.T) {
	in := instance(t, memory.New("one", 0))
	put(t, in, "there", []byte("bytes"))

	_, err := in.Stat(t.Context(), "away")
	wantIs(t, err, fs.ErrNotExist)
	wantError(t, err, "stat", "away")
	if got, want := err.Error(), "stat one/away: file does not exist"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	_, err = in.Add(t.Context(), "there")
	wantIs(t, err, fs.ErrExist)
	wantError(t, err, "add", "there")

	stop := errors.New("stop")
	err = in.List(t.Context(), func(backends.Image) error { return stop })
	wantIs(t, err, stop)
	wantError(t, err, "list", "")
	if got, want := err.Error(), "list: store one: stop"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

func TestSetHashingAlgo(t *testing.T) {
	in := instance(t, memory.New("one", 0))
	for _, algo := range []string{"", "SHA512", "shake_128", "rot13"} {
		err := in.SetHashingAlgo(algo)
		wantIs(t, err, backends.ErrInvalid)
		wantError(t, err, "set hashing_algo", "")
	}
	if got := in.HashingAlgo(); got != "sha256" {
		t.Errorf("hashing_algo %s, want the configured one", got)
	}
	if err := in.SetHashingAlgo("sha1"); err != nil {
		t.Fatal(err)
	}
	img := put(t, in, "image", []byte("bytes"))
	want := &backends.Record{
		Size: 5, Mtime: now, HashingAlgo: "sha1",
		Checksum:  "4b3a6218bb3e3a7303e8a171a60fcf92",
		Multihash: "daf529a73101c2be626b99fc6938163e7a27620b",
	}
	if diff := cmp.Diff(want, img.Record); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}
