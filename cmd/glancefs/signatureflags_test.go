package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"glancefs/backends"
	"glancefs/backends/all"
	"glancefs/config"
	"glancefs/tests/signed"
)

// newSignatureCommand is a command that adds the image one/image with the
// bytes that are its argument.
func newSignatureCommand(set *backends.Set) *cobra.Command {
	cmd := &cobra.Command{Args: exactly("DATA"), SilenceUsage: true, SilenceErrors: true}
	signature := addSignatureFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := signature.check(); err != nil {
			return err
		}
		in, _ := set.Get("one")
		a, err := in.Add(cmd.Context(), "image")
		if err != nil {
			return err
		}
		if err := signature.declare(a); err != nil {
			return errors.Join(err, a.Abort())
		}
		if err := a.Write([]byte(args[0])); err != nil {
			return err
		}
		_, err = a.Commit(time.Time{})
		return err
	}
	return cmd
}

// TestSignatureFlags: an image is added with a right signature, or none.
func TestSignatureFlags(t *testing.T) {
	ca := signed.NewCA(t, "authority")
	key := ca.Issue(t, "RSA-PSS", 2)
	expired := ca.Issue(t, "RSA-PSS", -1)
	der := filepath.Join(t.TempDir(), "cert.der")
	if err := os.WriteFile(der, key.DER(t), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := func(name, value string) []string {
		all := map[string]string{
			"img-signature":             key.Sign(t, "SHA-256", []byte("bytes")),
			"img-signature-hash-method": "SHA-256",
			"img-signature-key-type":    "RSA-PSS",
			"img-signature-certificate": key.Certificate,
		}
		all[name] = value
		var args []string
		for flag, value := range all {
			if flag != "" {
				args = append(args, "--"+flag+"="+value)
			}
		}
		return args
	}
	for _, test := range []struct {
		name, data string
		flags      []string
		status     int
		tells      string
	}{
		{"right", "bytes", flags("", ""), statusDone, ""},
		{"DER", "bytes", flags("img-signature-certificate", der), statusDone, ""},
		{"none", "bytes", nil, statusDone, ""},
		{"another image", "other", flags("", ""), statusMismatch, "does not match the image"},
		{"another hash method", "bytes", flags("img-signature-hash-method", "SHA-384"), statusMismatch, "does not match the image"},
		{"expired", "bytes", flags("img-signature-certificate", expired.Certificate), statusMismatch, "expired"},
		{"no certificate", "bytes", flags("img-signature-certificate", ca.File+".x"), statusFailed, "--img-signature-certificate: open "},
		{"unsupported key type", "bytes", flags("img-signature-key-type", "ECC_SECT571K1"), statusFailed, "ECC_SECT571K1 is not supported"},
		{"another key type", "bytes", flags("img-signature-key-type", "DSA"), statusFailed, "the key type is DSA, but the certificate has a key for RSA"},
		{"incomplete", "bytes", flags("img-signature-key-type", ""), statusUsage, "--img-signature-key-type missing"},
		{"incomplete", "bytes", []string{"--img-signature-certificate=x"}, statusUsage, "--img-signature, --img-signature-hash-method, --img-signature-key-type missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg, err := config.Parse("test.conf", []byte("[DEFAULT]\nenabled_backends = one:memory\n[glancefs]\nca_file = "+ca.File+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			set, warnings, err := all.Open(t.Context(), cfg, all.Options{Log: newLogger(os.Stderr, formatText, 0)})
			if err != nil || warnings != nil {
				t.Fatal(err, warnings)
			}
			defer set.Close()
			cmd := newSignatureCommand(set)
			cmd.SetArgs(slices.Concat(test.flags, []string{test.data}))
			err = cmd.ExecuteContext(t.Context())
			if status := exitStatus(err); status != test.status {
				t.Errorf("exit status %d (%v), want %d", status, err, test.status)
			}
			if err != nil && (test.tells == "" || !strings.Contains(err.Error(), test.tells)) {
				t.Errorf("error %v, want one with %q", err, test.tells)
			}
			in, _ := set.Get("one")
			if _, err := in.Stat(t.Context(), "image"); test.status != statusDone && !errors.Is(err, fs.ErrNotExist) || test.status == statusDone && err != nil {
				t.Errorf("stat: %v", err)
			}
		})
	}
}
