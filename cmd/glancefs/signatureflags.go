package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"glancefs/backends"
)

// signatureFlags are the flags that say that an image is signed, and how.
type signatureFlags struct {
	signature, hashMethod, keyType string
	certificate                    string // a path
}

// addSignatureFlags gives a command that adds an image these flags. It calls
// check before it opens anything, and declare before the first byte.
func addSignatureFlags(cmd *cobra.Command) *signatureFlags {
	f := new(signatureFlags)
	flags := cmd.Flags()
	flags.StringVar(&f.signature, "img-signature", "", "the image's signature, in `base64`; it is verified before the image is stored")
	flags.StringVar(&f.hashMethod, "img-signature-hash-method", "", "`method` of the signed digest: SHA-224, SHA-256, SHA-384 or SHA-512")
	flags.StringVar(&f.keyType, "img-signature-key-type", "", "`type` of the key: RSA-PSS, ECC_SECP384R1, ECC_SECP521R1 or DSA")
	flags.StringVar(&f.certificate, "img-signature-certificate", "", "`file` of the key's certificate, PEM or DER, which an authority in [glancefs] ca_file vouches for")
	return f
}

// check refuses a signature of which a part is missing.
func (f *signatureFlags) check() error {
	var missing []string
	all := []struct{ flag, value string }{
		{"--img-signature", f.signature},
		{"--img-signature-hash-method", f.hashMethod},
		{"--img-signature-key-type", f.keyType},
		{"--img-signature-certificate", f.certificate},
	}
	for _, one := range all {
		if one.value == "" {
			missing = append(missing, one.flag)
		}
	}
	if len(missing) == 0 || len(missing) == len(all) {
		return nil
	}
	return usageErrorf("the signature is incomplete: %s missing", strings.Join(missing, ", "))
}

// declare declares the signature on an add, which verifies it in its commit.
func (f *signatureFlags) declare(a *backends.Add) error {
	if f.certificate == "" {
		return nil // check: then there is nothing of a signature
	}
	for _, one := range []struct{ key, value string }{
		{backends.KeySignature, f.signature},
		{backends.KeySignatureHashMethod, f.hashMethod},
		{backends.KeySignatureKeyType, f.keyType},
	} {
		if _, err := a.Declare(one.key, one.value); err != nil {
			return err
		}
	}
	certificate, err := os.ReadFile(f.certificate)
	if err != nil {
		return fmt.Errorf("--img-signature-certificate: %w", err)
	}
	return a.DeclareCertificate(certificate)
}
