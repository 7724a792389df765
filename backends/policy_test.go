package backends_test

import (
	"errors"
	"testing"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// TestPolicies: what each configuration refuses, and with which error.
func TestPolicies(t *testing.T) {
	type refused map[string]error
	readOnly := refused{
		"add": backends.ErrReadOnly, "set mtime": backends.ErrReadOnly,
		"rename": backends.ErrReadOnly, "delete": backends.ErrReadOnly,
	}
	misconfigured := refused{
		"add": backends.ErrMisconfigured, "set mtime": backends.ErrMisconfigured,
		"rename": backends.ErrMisconfigured, "delete": backends.ErrMisconfigured,
	}
	nothing := make(refused)
	for _, c := range calls {
		nothing[c.op] = backends.ErrMisconfigured
	}
	for _, test := range []struct {
		name    string
		options string
		mount   bool // the whole mount is read-only
		change  func(d *backends.Driver)
		store   bool // there is one
		want    refused
	}{
		{name: "nothing", store: true},
		{name: "read_only", options: "read_only = true", store: true, want: readOnly},
		{name: "read-only mount", mount: true, store: true, want: readOnly},
		{name: "allow_delete", options: "allow_delete = false", store: true, want: refused{
			"rename": backends.ErrReadOnly, "delete": backends.ErrReadOnly,
		}},
		{name: "driver that can't write", store: true, want: readOnly, change: func(d *backends.Driver) {
			d.Capabilities &^= backends.WriteAccess
		}},
		{name: "misconfigured", options: "weight = heavy", store: true, want: misconfigured},
		{name: "misconfigured driver that can't write", options: "weight = heavy", store: true, want: misconfigured, change: func(d *backends.Driver) {
			d.Capabilities &^= backends.WriteAccess
		}},
		{name: "misconfigured and read_only", options: "weight = heavy\nread_only = true", store: true, want: readOnly},
		{name: "no store", want: nothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := memory.New("one", 1<<20)
			add(t, store, "there", []byte("bytes"))
			d := driver(func(backends.Opening) (backends.Store, error) {
				if !test.store {
					return nil, errors.New("broken")
				}
				return store, nil
			})
			if test.change != nil {
				test.change(&d)
			}
			cfg := configure(t, "[one]\n"+test.options, "one:memory")
			cfg.ReadOnly = test.mount
			in := mustOpen(t, cfg, d).Instances()[0]

			for _, c := range calls {
				image := ""
				if c.image {
					image = "there"
				}
				if c.op == "add" {
					image = "new"
				}
				err := c.do(t.Context(), in, image)
				if want := test.want[c.op]; want == nil {
					if err != nil {
						t.Errorf("%s: %v", c.op, err)
					}
				} else {
					wantIs(t, err, want)
					wantError(t, err, c.op, image)
				}
				if c.op == "rename" && err == nil {
					if err := store.Rename(t.Context(), "there.new", "there"); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}
