package signature

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The parts, as Glance names them.
const (
	partValue       = "img_signature"
	partMethod      = "img_signature_hash_method"
	partKeyType     = "img_signature_key_type"
	partCertificate = "the certificate"
)

// Signature is what is known of an image's signature; the parts come in any
// order, the last of each counts. One that was refused is missing, and the
// image is to be verified all the same.
type Signature struct {
	asked   bool             // a part was set, or refused
	refused map[string]error // the parts that were, and why
	value   []byte
	method  hashMethod
	keyType keyType
	cert    *x509.Certificate
}

// Asked tells whether the image is to be verified: a part was set.
func (s *Signature) Asked() bool { return s.asked }

// Algo returns the hashing algorithm of the digest that is signed, by the
// name it has in Python's hashlib; "" if it is not known.
func (s *Signature) Algo() string { return s.method.algo }

// SetValue sets the signature itself, in base64. Line breaks, as openssl
// makes them, do not matter.
func (s *Signature) SetValue(text string) error {
	value, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	switch {
	case err != nil:
		err = fmt.Errorf("not base64: %w", err)
	case len(value) == 0:
		err = errors.New("it is empty")
	}
	s.value = value
	return s.note(partValue, err)
}

// SetHashMethod sets the hash method: SHA-224, SHA-256, SHA-384 or SHA-512.
func (s *Signature) SetHashMethod(name string) error {
	i := slices.IndexFunc(hashMethods, func(m hashMethod) bool { return m.name == name })
	if i < 0 {
		return s.RefuseHashMethod(fmt.Errorf("unknown hash method %q (one of %s)", name, joined(hashMethods)))
	}
	s.method = hashMethods[i]
	return s.note(partMethod, nil)
}

// RefuseHashMethod says why there is no hash method, and returns that.
func (s *Signature) RefuseHashMethod(why error) error {
	s.method = hashMethod{}
	return s.note(partMethod, why)
}

// SetKeyType sets the type of the key: RSA-PSS, ECC_SECP384R1, ECC_SECP521R1
// or DSA. The certificate, if it is set, must have such a key.
func (s *Signature) SetKeyType(name string) error {
	found, err := findKeyType(name)
	if err == nil {
		err = found.agrees(s.cert)
	}
	if err != nil {
		found = keyType{}
	}
	s.keyType = found
	return s.note(partKeyType, err)
}

// SetCertificate sets the certificate, one that a Trust returned. Its key
// must be of the type that is set, if one is.
func (s *Signature) SetCertificate(cert *x509.Certificate) error {
	if err := s.keyType.agrees(cert); err != nil {
		return s.RefuseCertificate(err)
	}
	s.cert = cert
	return s.note(partCertificate, nil)
}

// RefuseCertificate says why there is no certificate, and returns that.
func (s *Signature) RefuseCertificate(why error) error {
	s.cert = nil
	return s.note(partCertificate, why)
}

// note notes what became of a part, and returns it.
func (s *Signature) note(part string, err error) error {
	s.asked = true
	if s.refused == nil {
		s.refused = make(map[string]error)
	}
	s.refused[part] = err
	return err
}

// complete returns an error that names the parts that are missing.
func (s *Signature) complete() error {
	var missing []string
	for _, part := range []string{partValue, partMethod, partKeyType, partCertificate} {
		switch why, set := s.refused[part]; {
		case !set:
			missing = append(missing, part+" is not set")
		case why != nil:
			missing = append(missing, fmt.Sprintf("%s was refused: %v", part, why))
		}
	}
	if missing != nil {
		return fmt.Errorf("it is incomplete: %s", strings.Join(missing, "; "))
	}
	return nil
}

// Verify checks the signature of an image whose digest in the algorithm Algo
// is sum, in hex. A signature that is not complete is an error.
func (s *Signature) Verify(sum string) error {
	if err := s.complete(); err != nil {
		return err
	}
	digest, err := hex.DecodeString(sum)
	if err != nil || len(digest) != s.method.hash.Size() {
		return fmt.Errorf("%q is no %s digest", sum, s.method)
	}
	if err := s.keyType.verify(s.cert.PublicKey, s.method.hash, digest, s.value); err != nil {
		return fmt.Errorf("the %s signature with %s does not match the image (certificate: %s): %w", s.keyType, s.method, s.cert.Subject, err)
	}
	return nil
}

// joined lists names.
func joined[T fmt.Stringer](all []T) string {
	var names []string
	for _, one := range all {
		names = append(names, one.String())
	}
	return strings.Join(names, ", ")
}
