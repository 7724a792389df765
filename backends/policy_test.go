package backends_test

import (
	"errors"
	"testing"
	"time"

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

// TestVerifyByDefault: a driver may have verify_on_read on, unless the
// configuration says something else.
func TestVerifyByDefault(t *testing.T) {
	for _, test := range []struct {
		byDefault bool
		text      string
		want      bool
	}{
		{false, "", false},
		{false, "[one]\nverify_on_read = yes", true},
		{true, "", true},
		{true, "[one]\nverify_on_read = no", false},
		{true, "[glancefs]\nverify_on_read = no", false},
		{true, "[glancefs]\nverify_on_read = no\n[one]\nverify_on_read = yes", true},
	} {
		d := memory.Driver()
		d.VerifyOnRead = test.byDefault
		in := mustOpen(t, configure(t, test.text, "one:memory"), d).Instances()[0]
		if got := in.VerifyOnRead(); got != test.want || in.Faults() != nil {
			t.Errorf("%v by default, %q: %v, want %v; faults %v", test.byDefault, test.text, got, test.want, in.Faults())
		}
	}
	d := memory.Driver()
	d.VerifyOnRead = true
	in := mustOpen(t, configure(t, "[one]\nverify_on_read = perhaps", "one:memory"), d).Instances()[0]
	if len(in.Faults()) != 1 {
		t.Errorf("faults: %v, want one", in.Faults())
	}
}

// TestTimeouts: a driver is told the store's timeouts.
func TestTimeouts(t *testing.T) {
	var got backends.Opening
	d := driver(func(in backends.Opening) (backends.Store, error) {
		got = in
		return memory.New("one", 0), nil
	})
	mustOpen(t, configure(t, "[one]\nconnect_timeout = 3\nrequest_timeout = 4", "one:memory"), d)
	if got.ConnectTimeout != 3*time.Second || got.RequestTimeout != 4*time.Second {
		t.Errorf("timeouts %v and %v", got.ConnectTimeout, got.RequestTimeout)
	}
}
