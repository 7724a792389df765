package signature

import (
	"crypto"
	//lint:ignore SA1019 Go advises against DSA for what is new; Glance's key types have it.
	"crypto/dsa"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// hashMethod is a value of img_signature_hash_method.
type hashMethod struct {
	name string
	algo string // hashlib's name
	hash crypto.Hash
}

func (m hashMethod) String() string { return m.name }

// hashMethods are cursive's HASH_METHODS.
var hashMethods = []hashMethod{
	{"SHA-224", "sha224", crypto.SHA224},
	{"SHA-256", "sha256", crypto.SHA256},
	{"SHA-384", "sha384", crypto.SHA384},
	{"SHA-512", "sha512", crypto.SHA512},
}

// keyType is a value of img_signature_key_type.
type keyType struct {
	name   string
	is     func(key any) bool
	verify func(key any, hash crypto.Hash, digest, signature []byte) error
}

func (k keyType) String() string { return k.name }

// keyTypes are cursive's, but for its curves over binary fields
// (ECC_SECT409K1 and others), which Go does not have.
var keyTypes = []keyType{
	{"RSA-PSS", is[*rsa.PublicKey], verifyPSS},
	{"ECC_SECP384R1", isOnCurve(elliptic.P384()), verifyECDSA},
	{"ECC_SECP521R1", isOnCurve(elliptic.P521()), verifyECDSA},
	{"DSA", is[*dsa.PublicKey], verifyDSA},
}

func findKeyType(name string) (keyType, error) {
	for _, k := range keyTypes {
		if k.name == name {
			return k, nil
		}
	}
	if strings.HasPrefix(name, "ECC_SECT") {
		return keyType{}, fmt.Errorf("the key type %s is not supported: Go has no curves over binary fields (one of %s)", name, joined(keyTypes))
	}
	return keyType{}, fmt.Errorf("unknown key type %q (one of %s)", name, joined(keyTypes))
}

// agrees returns an error when the certificate has a key of another type.
// What is not set yet agrees with everything.
func (k keyType) agrees(cert *x509.Certificate) error {
	if cert == nil || k.is == nil || k.is(cert.PublicKey) {
		return nil
	}
	return fmt.Errorf("the key type is %s, but the certificate has %s", k, describe(cert))
}

// describe says what key a certificate has.
func describe(cert *x509.Certificate) string {
	if key, ok := cert.PublicKey.(*ecdsa.PublicKey); ok {
		return "a key on the curve " + key.Curve.Params().Name
	}
	if cert.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm {
		return "a key of an algorithm that Go does not know"
	}
	return "a key for " + cert.PublicKeyAlgorithm.String()
}

func is[T any](key any) bool {
	_, ok := key.(T)
	return ok
}

func isOnCurve(curve elliptic.Curve) func(any) bool {
	return func(key any) bool {
		public, ok := key.(*ecdsa.PublicKey)
		return ok && public.Curve == curve
	}
}

var errWrong = errors.New("verification failed")

// verifyPSS: MGF1 with the same hash, as cursive has it. cursive wants the
// longest salt that fits; openssl signs with that one or with one as long as
// the hash, so every length is taken: it is no secret, and no weakness.
func verifyPSS(key any, hash crypto.Hash, digest, signature []byte) error {
	return rsa.VerifyPSS(key.(*rsa.PublicKey), hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto})
}

// verifyECDSA: the signature is in ASN.1.
func verifyECDSA(key any, _ crypto.Hash, digest, signature []byte) error {
	if !ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), digest, signature) {
		return errWrong
	}
	return nil
}

// verifyDSA: the signature is in ASN.1 (RFC 3279, 2.2.2). Of the digest the
// leftmost bits count, as many as q has (FIPS 186-4, 4.7); crypto/dsa leaves
// that to its caller.
func verifyDSA(key any, _ crypto.Hash, digest, signature []byte) error {
	public := key.(*dsa.PublicKey)
	var rs struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(signature, &rs)
	if err != nil {
		return fmt.Errorf("not a DSA signature: %w", err)
	}
	if len(rest) > 0 {
		return errors.New("not a DSA signature: bytes after its end")
	}
	digest = digest[:min(len(digest), public.Q.BitLen()/8)]
	if !dsa.Verify(public, digest, rs.R, rs.S) {
		return errWrong
	}
	return nil
}
