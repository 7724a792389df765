package signature_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"glancefs/backends/signature"
	"glancefs/tests/signed"
)

var image = []byte("the bytes of an image\n")

// sum is the digest of data in hex, by Glance's name of the hash method.
func sum(method string, data []byte) string {
	switch method {
	case "SHA-224":
		d := sha256.Sum224(data)
		return hex.EncodeToString(d[:])
	case "SHA-256":
		d := sha256.Sum256(data)
		return hex.EncodeToString(d[:])
	case "SHA-384":
		d := sha512.Sum384(data)
		return hex.EncodeToString(d[:])
	case "SHA-512":
		d := sha512.Sum512(data)
		return hex.EncodeToString(d[:])
	}
	panic(method)
}

var methods = []string{"SHA-224", "SHA-256", "SHA-384", "SHA-512"}

// keyTypes are Glance's names of the types of the keys, by signed.Keys.
var keyTypes = map[string]string{
	"RSA-PSS": "RSA-PSS", "RSA-1024": "RSA-PSS",
	"ECC_SECP384R1": "ECC_SECP384R1", "ECC_SECP521R1": "ECC_SECP521R1",
	"DSA": "DSA", "DSA-1024": "DSA",
}

// claim makes a signature of all four parts.
func claim(t *testing.T, cert *x509.Certificate, keyType, method, value string) *signature.Signature {
	t.Helper()
	var s signature.Signature
	for _, err := range []error{s.SetValue(value), s.SetHashMethod(method), s.SetKeyType(keyType), s.SetCertificate(cert)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := strings.ToLower(strings.ReplaceAll(method, "-", "")); s.Algo() != want || !s.Asked() {
		t.Errorf("the algorithm is %q, want %q; asked %v", s.Algo(), want, s.Asked())
	}
	return &s
}

func wantErr(t *testing.T, what string, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("%s: error %v, want one with %q", what, err, part)
	}
}

// TestVerify: what openssl signed is right, and nothing else is.
func TestVerify(t *testing.T) {
	ca := signed.NewCA(t, "authority")
	trust := signature.Trust{CAFile: ca.File}
	for kind, keyType := range keyTypes {
		t.Run(kind, func(t *testing.T) {
			key, other := ca.Issue(t, kind, 2), ca.Issue(t, kind, 2)
			cert, err := trust.Certificate(key.PEM(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, method := range methods {
				for name, data := range map[string][]byte{"an image": image, "an empty image": nil} {
					value := key.Sign(t, method, data)
					s := claim(t, cert, keyType, method, value)
					if err := s.Verify(sum(method, data)); err != nil {
						t.Errorf("%s, %s: %v", method, name, err)
					}
					wantErr(t, "another image", s.Verify(sum(method, []byte("x"))), "does not match the image")

					raw, err := base64.StdEncoding.DecodeString(value)
					if err != nil {
						t.Fatal(err)
					}
					for at := range raw {
						if at%16 != 0 && at != len(raw)-1 {
							continue
						}
						bad := slices.Clone(raw)
						bad[at] ^= 1
						s := claim(t, cert, keyType, method, base64.StdEncoding.EncodeToString(bad))
						wantErr(t, fmt.Sprint("byte ", at, " is wrong"), s.Verify(sum(method, data)), "does not match the image")
					}
					for what, bad := range map[string][]byte{"cut off": raw[:len(raw)-1], "longer": append(slices.Clone(raw), 0)} {
						s := claim(t, cert, keyType, method, base64.StdEncoding.EncodeToString(bad))
						wantErr(t, what, s.Verify(sum(method, data)), "does not match the image")
					}
				}
				s := claim(t, cert, keyType, method, other.Sign(t, method, image))
				wantErr(t, "another key", s.Verify(sum(method, image)), "does not match the image")
				i := (slices.Index(methods, method) + 1) % len(methods)
				s = claim(t, cert, keyType, method, key.Sign(t, methods[i], image))
				wantErr(t, "another hash method", s.Verify(sum(method, image)), "does not match the image")
			}
		})
	}
}

// TestSalt: cursive asks for the longest salt; openssl makes others, too.
// PKCS #1 v1.5, an older padding, is no PSS.
func TestSalt(t *testing.T) {
	ca := signed.NewCA(t, "authority")
	key := ca.Issue(t, "RSA-PSS", 2)
	cert, err := signature.Trust{CAFile: ca.File}.Certificate(key.PEM(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []string{"max", "digest", "20", "0"} {
		s := claim(t, cert, "RSA-PSS", "SHA-256", key.Sign(t, "SHA-256", image, "-sigopt", "rsa_pss_saltlen:"+length))
		if err := s.Verify(sum("SHA-256", image)); err != nil {
			t.Errorf("salt of length %s: %v", length, err)
		}
	}
	s := claim(t, cert, "RSA-PSS", "SHA-256", key.Sign(t, "SHA-256", image, "-sigopt", "rsa_mgf1_md:sha1"))
	wantErr(t, "MGF1 of another hash", s.Verify(sum("SHA-256", image)), "does not match")
	s = claim(t, cert, "RSA-PSS", "SHA-256", key.Sign(t, "SHA-256", image, "-sigopt", "rsa_padding_mode:pkcs1"))
	wantErr(t, "PKCS #1 v1.5", s.Verify(sum("SHA-256", image)), "does not match")
}

// TestOutOfRange: numbers that some libraries took for a signature of
// everything (CVE-2022-21449) are none.
func TestOutOfRange(t *testing.T) {
	ca := signed.NewCA(t, "authority")
	for _, kind := range []string{"ECC_SECP384R1", "ECC_SECP521R1", "DSA-1024"} {
		cert, err := signature.Trust{CAFile: ca.File}.Certificate(ca.Issue(t, kind, 2).PEM(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, numbers := range [][2]int64{{0, 0}, {0, 1}, {1, 0}, {-1, 1}, {1, -1}} {
			raw, err := asn1.Marshal(struct{ R, S *big.Int }{big.NewInt(numbers[0]), big.NewInt(numbers[1])})
			if err != nil {
				t.Fatal(err)
			}
			s := claim(t, cert, keyTypes[kind], "SHA-256", base64.StdEncoding.EncodeToString(raw))
			wantErr(t, fmt.Sprint(kind, numbers), s.Verify(sum("SHA-256", image)), "does not match the image")
		}
	}
}

// TestParts: nonsense is refused at once, and refused is not the same as
// never set.
func TestParts(t *testing.T) {
	setValue, setMethod, setKeyType := (*signature.Signature).SetValue, (*signature.Signature).SetHashMethod, (*signature.Signature).SetKeyType
	for _, test := range []struct {
		set  func(*signature.Signature, string) error
		text string
		want string // "" is accepted
	}{
		{setValue, "AAAA", ""},
		{setValue, "AA\nAA\n", ""},
		{setValue, "", "empty"},
		{setValue, "A", "base64"},
		{setValue, "-_==", "base64"},
		{setMethod, "SHA-224", ""},
		{setMethod, "SHA-1", "SHA-224, SHA-256, SHA-384, SHA-512"},
		{setMethod, "sha256", "unknown hash method"},
		{setMethod, "", "unknown hash method"},
		{setKeyType, "DSA", ""},
		{setKeyType, "ECC_SECT571K1", "not supported"},
		{setKeyType, "ECC_SECT409R1", "not supported"},
		{setKeyType, "ECC_SECP256R1", "unknown key type"},
		{setKeyType, "RSA", "RSA-PSS, ECC_SECP384R1, ECC_SECP521R1, DSA"},
		{setKeyType, "", "unknown key type"},
	} {
		var s signature.Signature
		if s.Asked() {
			t.Error("asked before a part is set")
		}
		err := test.set(&s, test.text)
		if !s.Asked() {
			t.Errorf("%q: not asked", test.text)
		}
		verify := s.Verify(sum("SHA-256", image))
		if test.want == "" {
			if err != nil {
				t.Errorf("%q: %v", test.text, err)
			}
			wantErr(t, test.text, verify, "the certificate is not set")
			continue
		}
		wantErr(t, test.text, err, test.want)
		wantErr(t, test.text, verify, "was refused: "+err.Error())
	}
}

// TestKeyTypeAgrees: the certificate's key is of the type that is named,
// whichever of the two comes first.
func TestKeyTypeAgrees(t *testing.T) {
	ca := signed.NewCA(t, "authority")
	trust := signature.Trust{CAFile: ca.File}
	for _, kind := range []string{"RSA-PSS", "ECC_SECP256R1", "ECC_SECP384R1", "ECC_SECP521R1", "DSA-1024"} {
		cert, err := trust.Certificate(ca.Issue(t, kind, 2).PEM(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, keyType := range []string{"RSA-PSS", "ECC_SECP384R1", "ECC_SECP521R1", "DSA"} {
			var a, b signature.Signature
			_, _ = a.SetKeyType(keyType), b.SetCertificate(cert)
			for _, err := range []error{a.SetCertificate(cert), b.SetKeyType(keyType)} {
				if keyTypes[kind] == keyType {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				wantErr(t, keyType+" with a certificate of "+kind, err, "the key type is "+keyType+", but the certificate has a key")
			}
		}
	}
}

func write(t *testing.T, path string, data ...[]byte) string {
	t.Helper()
	if err := os.WriteFile(path, slices.Concat(data...), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTrust: which certificates are accepted.
func TestTrust(t *testing.T) {
	ca, stranger := signed.NewCA(t, "authority"), signed.NewCA(t, "stranger")
	between := ca.Between(t, "RSA-PSS")
	dsa := ca.Between(t, "DSA-1024")
	middle, err := os.ReadFile(between.File)
	if err != nil {
		t.Fatal(err)
	}
	key, below := ca.Issue(t, "RSA-PSS", 2), between.Issue(t, "RSA-PSS", 2)
	bent := key.DER(t)
	bent[len(bent)-5] ^= 1
	own := write(t, filepath.Join(t.TempDir(), "own.pem"), key.PEM(t))
	empty := write(t, filepath.Join(t.TempDir(), "empty.pem"))
	for _, test := range []struct {
		name, caFile string
		data         []byte
		want         string // "" is accepted
	}{
		{"PEM", ca.File, key.PEM(t), ""},
		{"PEM with text before", ca.File, append([]byte("Certificate:\n    Data:\n"), key.PEM(t)...), ""},
		{"DER", ca.File, key.DER(t), ""},
		{"DSA", ca.File, ca.Issue(t, "DSA-1024", 2).PEM(t), ""},
		{"trusted itself", own, key.PEM(t), ""},
		{"with the authority between", ca.File, slices.Concat(below.PEM(t), middle), ""},
		{"between as the authority", between.File, below.PEM(t), ""},
		{"of an authority with DSA", dsa.File, dsa.Issue(t, "RSA-PSS", 2).PEM(t), "algorithm unimplemented"},
		{"without it", ca.File, below.PEM(t), "not trusted"},
		{"expired", ca.File, ca.Issue(t, "RSA-PSS", -1).PEM(t), "expired"},
		{"of a stranger", ca.File, stranger.Issue(t, "RSA-PSS", 2).PEM(t), "not trusted"},
		{"of one with the same name", signed.NewCA(t, "authority").File, key.PEM(t), "not trusted"},
		{"changed", ca.File, bent, "not trusted"},
		{"no authority", "", key.PEM(t), "ca_file: it is not set"},
		{"missing authority", "/nowhere/ca.pem", key.PEM(t), "ca_file"},
		{"empty authority", empty, key.PEM(t), "ca_file: no certificate"},
		{"nonsense", ca.File, []byte("nonsense"), "not a certificate"},
		{"nothing", ca.File, nil, "not a certificate"},
		{"a key", ca.File, []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "no certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cert, err := signature.Trust{CAFile: test.caFile}.Certificate(test.data)
			if test.want != "" {
				wantErr(t, "certificate", err, test.want)
			} else if err != nil || !strings.HasPrefix(cert.Subject.CommonName, "image signer") {
				t.Errorf("certificate %v, error %v", cert, err)
			}
		})
	}
}

// TestByUUID: certificates come from the folder, and from nowhere else.
func TestByUUID(t *testing.T) {
	ca := signed.NewCA(t, "authority")
	key := ca.Issue(t, "ECC_SECP384R1", 2)
	base := t.TempDir()
	dir := filepath.Join(base, "certificates")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const uuid = "6f0e4a5c-0d7b-4c3e-9a51-00000000000"
	for i, suffix := range []string{".pem", ".crt", ".cer", ".der"} {
		data := key.PEM(t)
		if suffix == ".der" {
			data = key.DER(t)
		}
		write(t, filepath.Join(dir, fmt.Sprint(uuid, i, suffix)), data)
	}
	write(t, filepath.Join(dir, uuid+"5.pem"), ca.Issue(t, "ECC_SECP384R1", -1).PEM(t))
	write(t, filepath.Join(base, uuid+"6.pem"), key.PEM(t))
	trust := signature.Trust{CAFile: ca.File, Dir: dir}
	for _, test := range []struct {
		uuid string
		want string // "" is accepted
	}{
		{uuid + "0", ""}, {uuid + "1", ""}, {uuid + "2", ""}, {uuid + "3", ""},
		{strings.ToUpper(uuid + "0"), ""},
		{uuid + "4", "no certificate " + uuid + "4 in " + dir},
		{uuid + "5", "expired"},
		{uuid + "6", "no certificate"},
		{"../" + uuid + "6", "not a UUID"},
		{uuid + "0.pem", "not a UUID"},
		{uuid + "0\n", "not a UUID"},
		{"", "not a UUID"},
		{strings.ReplaceAll(uuid+"0", "-", ""), "not a UUID"},
	} {
		cert, err := trust.ByUUID(test.uuid)
		if test.want != "" {
			wantErr(t, test.uuid, err, test.want)
		} else if err != nil || cert.Subject.CommonName != "image signer ECC_SECP384R1" {
			t.Errorf("%s: certificate %v, error %v", test.uuid, cert, err)
		}
	}
	_, err := signature.Trust{CAFile: ca.File}.ByUUID(uuid + "0")
	wantErr(t, "no folder", err, "certificate_dir is not set")
}
