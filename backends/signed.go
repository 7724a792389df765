package backends

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"glancefs/backends/signature"
)

// The names by which an image under way is declared to be signed: Glance's
// image properties. All four or none are to be set.
const (
	KeySignature            = "user.glance.img_signature"
	KeySignatureHashMethod  = "user.glance.img_signature_hash_method"
	KeySignatureKeyType     = "user.glance.img_signature_key_type"
	KeySignatureCertificate = "user.glance.img_signature_certificate_uuid"
)

// declareSignature takes one part of a signature. A hash method whose digest
// is not computed is refused after the first byte: unlike a digest, for which
// the md5 stands in, nothing else vouches for the image then. What is refused
// here fails the commit, unless it is declared anew.
func (a *Add) declareSignature(key, value string) (known bool, err error) {
	if key == KeySignatureCertificate {
		return true, a.declareCertificate(key, func(t signature.Trust) (*x509.Certificate, error) { return t.ByUUID(value) })
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &a.declared.signature
	switch key {
	case KeySignature:
		err = s.SetValue(value)
	case KeySignatureHashMethod:
		if err = s.SetHashMethod(value); err == nil && a.computed != nil && !slices.Contains(a.computed, s.Algo()) {
			err = s.RefuseHashMethod(fmt.Errorf("%s has to be declared before the first byte: the store computes md5 and %s", value, a.algo))
		}
	case KeySignatureKeyType:
		err = s.SetKeyType(value)
	default:
		return false, nil
	}
	return true, invalid(key, err)
}

// DeclareCertificate declares the certificate of a signed image, in PEM or
// DER, in the place of KeySignatureCertificate.
func (a *Add) DeclareCertificate(data []byte) error {
	return a.in.fail("declare", a.name, a.declareCertificate("certificate", func(t signature.Trust) (*x509.Certificate, error) {
		return t.Certificate(data)
	}))
}

// declareCertificate declares the certificate that read returns, read without
// the lock: it may come from a slow disk.
func (a *Add) declareCertificate(what string, read func(signature.Trust) (*x509.Certificate, error)) error {
	cert, err := read(a.in.trust)
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &a.declared.signature
	if err == nil {
		return invalid(what, s.SetCertificate(cert))
	}
	_ = s.RefuseCertificate(err)
	if errors.Is(err, signature.ErrUUID) {
		return invalid(what, err)
	}
	// %v: a file that is missing is no missing image.
	return fmt.Errorf("%w: %s: %v", ErrSignature, what, err)
}

func invalid(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s: %w", ErrInvalid, what, err)
}

// checkSignature verifies the signature, if the image is declared to have
// one.
func (d *declared) checkSignature(sums map[string]string) error {
	if !d.signature.Asked() {
		return nil
	}
	if err := d.signature.Verify(sums[d.signature.Algo()]); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}
