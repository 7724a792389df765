package backends_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"glancefs/backends"
	"glancefs/backends/memory"
	"glancefs/backends/signature"
	"glancefs/tests/signed"
)

const uuid = "6f0e4a5c-0d7b-4c3e-9a51-000000000000"

// signer has an authority, and a folder with the certificate of a key.
type signer struct {
	*signed.Key
	trust signature.Trust
}

func newSigner(t *testing.T, kind string) signer {
	t.Helper()
	ca := signed.NewCA(t, "authority")
	s := signer{ca.Issue(t, kind, 2), signature.Trust{CAFile: ca.File, Dir: t.TempDir()}}
	if err := os.WriteFile(filepath.Join(s.trust.Dir, uuid+".pem"), s.PEM(t), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// instance makes an instance "one" of store that has the signer's trust; it
// computes md5 and sha256.
func (s signer) instance(t *testing.T, store backends.Store, options ...string) *backends.Instance {
	t.Helper()
	cfg := configure(t, "[one]\n"+strings.Join(options, "\n"), "one:memory")
	cfg.Trust = s.trust
	set := mustOpen(t, cfg, driver(func(backends.Opening) (backends.Store, error) { return store, nil }))
	return set.Instances()[0]
}

// part is a key and its value; want is what Declare says.
type part struct {
	key, value string
	want       error
}

// parts are the four of a right signature of data.
func (s signer) parts(t *testing.T, method string, data []byte) []part {
	return []part{
		{backends.KeySignature, s.Sign(t, method, data), nil},
		{backends.KeySignatureHashMethod, method, nil},
		{backends.KeySignatureKeyType, s.Kind, nil},
		{backends.KeySignatureCertificate, uuid, nil},
	}
}

// with replaces the part of the same key.
func with(parts []part, other part) []part {
	var all []part
	for _, p := range parts {
		if p.key == other.key {
			p = other
		}
		all = append(all, p)
	}
	return all
}

func addParts(t *testing.T, in *backends.Instance, early []part, data []byte, late []part) error {
	t.Helper()
	a, err := in.Add(context.Background(), "image")
	if err != nil {
		t.Fatal(err)
	}
	declare := func(parts []part) {
		t.Helper()
		for _, p := range parts {
			known, err := a.Declare(p.key, p.value)
			if !known || !errors.Is(err, p.want) {
				t.Errorf("declare %s=%s: known %v, error %v, want %v", p.key, p.value, known, err, p.want)
			}
			if err != nil {
				wantError(t, err, "declare", "image")
			}
		}
	}
	declare(early)
	if len(data) > 0 {
		if err := a.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	declare(late)
	_, err = a.Commit(now)
	return err
}

// TestSigned: an image with a right signature is stored, any other is not.
func TestSigned(t *testing.T) {
	data := []byte("bytes")
	s := newSigner(t, "ECC_SECP384R1")
	parts := s.parts(t, "SHA-384", data)
	inSHA256 := s.parts(t, "SHA-256", data)
	for _, test := range []struct {
		name        string
		early, late []part
		data        []byte
		want        error
		tells       string
	}{
		{"right", parts, nil, data, nil, ""},
		{"right, empty image", s.parts(t, "SHA-384", nil), nil, nil, nil, ""},
		{"right, of the store's algorithm", inSHA256, nil, data, nil, ""},
		{"after the bytes", nil, inSHA256, data, nil, ""},
		{"hash method before, the others after", parts[1:2], append(parts[:1:1], parts[2:]...), data, nil, ""},
		{"the last one counts", append(with(parts, part{backends.KeySignature, "AAAA", nil}), parts[0]), nil, data, nil, ""},
		{"refused, then right", append([]part{{backends.KeySignatureKeyType, "RSA", backends.ErrInvalid}}, parts...), nil, data, nil, ""},

		{"another image", parts, nil, []byte("other"), backends.ErrSignature, "does not match the image"},
		{"empty image", parts, nil, nil, backends.ErrSignature, "does not match the image"},
		{"another signature", with(parts, part{backends.KeySignature, s.Sign(t, "SHA-384", []byte("x")), nil}), nil, data, backends.ErrSignature, "does not match the image"},
		{"another hash method", with(parts, part{backends.KeySignatureHashMethod, "SHA-512", nil}), nil, data, backends.ErrSignature, "does not match the image"},
		{"hash method after the bytes", nil, with(parts, part{backends.KeySignatureHashMethod, "SHA-384", backends.ErrInvalid}), data, backends.ErrSignature, "has to be declared before the first byte"},
		{"changed after the bytes", parts, []part{{backends.KeySignatureHashMethod, "SHA-512", backends.ErrInvalid}}, data, backends.ErrSignature, "has to be declared before the first byte"},

		{"only the signature", parts[:1], nil, data, backends.ErrSignature, "img_signature_hash_method is not set; img_signature_key_type is not set; the certificate is not set"},
		{"no signature", parts[1:], nil, data, backends.ErrSignature, "incomplete: img_signature is not set"},
		{"no certificate", parts[:3], nil, data, backends.ErrSignature, "incomplete: the certificate is not set"},
		{"unsupported key type", with(parts, part{backends.KeySignatureKeyType, "ECC_SECT571K1", backends.ErrInvalid}), nil, data, backends.ErrSignature, "ECC_SECT571K1 is not supported"},
		{"only that", []part{{backends.KeySignatureKeyType, "ECC_SECT571K1", backends.ErrInvalid}}, nil, data, backends.ErrSignature, "ECC_SECT571K1 is not supported"},
		{"another key type", with(parts, part{backends.KeySignatureKeyType, "DSA", nil})[:3], []part{{backends.KeySignatureCertificate, uuid, backends.ErrInvalid}}, data, backends.ErrSignature, "the certificate has a key on the curve P-384"},
		{"path for a UUID", with(parts, part{backends.KeySignatureCertificate, "../" + uuid, backends.ErrInvalid}), nil, data, backends.ErrSignature, "not a UUID"},
		{"unknown UUID", with(parts, part{backends.KeySignatureCertificate, strings.Replace(uuid, "6", "7", 1), backends.ErrSignature}), nil, data, backends.ErrSignature, "no certificate 7f0e"},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := memory.New("one", 0)
			err := addParts(t, s.instance(t, store), test.early, test.data, test.late)
			wantIs(t, err, test.want)
			if test.want == nil {
				wantNames(t, store, "image")
				return
			}
			wantError(t, err, "add", "image")
			if !strings.Contains(err.Error(), test.tells) {
				t.Errorf("error %v, want one with %q", err, test.tells)
			}
			wantNames(t, store)
		})
	}
}

// TestSignedWithoutAuthority: without ca_file nothing signed is stored.
func TestSignedWithoutAuthority(t *testing.T) {
	data := []byte("bytes")
	s := newSigner(t, "ECC_SECP384R1")
	s.trust.CAFile = ""
	store := memory.New("one", 0)
	parts := with(s.parts(t, "SHA-256", data), part{backends.KeySignatureCertificate, uuid, backends.ErrSignature})
	err := addParts(t, s.instance(t, store), parts, data, nil)
	wantIs(t, err, backends.ErrSignature)
	if err == nil || !strings.Contains(err.Error(), "ca_file: it is not set") {
		t.Errorf("error %v", err)
	}
	wantNames(t, store)
}

// TestSignedIsDeclared: a signature is of a digest, so it is what
// require_declared asks for; one that is not right is none.
func TestSignedIsDeclared(t *testing.T) {
	data := []byte("bytes")
	s := newSigner(t, "ECC_SECP384R1")
	store := memory.New("one", 0)
	in := s.instance(t, store, "require_declared = digest")
	wantIs(t, addParts(t, in, s.parts(t, "SHA-512", data)[:3], data, nil), backends.ErrSignature)
	wantIs(t, addParts(t, in, nil, data, nil), backends.ErrMismatch)
	wantNames(t, store)
	if err := addParts(t, in, s.parts(t, "SHA-512", data), data, nil); err != nil {
		t.Error(err)
	}
}

// TestDeclareCertificate: a certificate may be given as it is.
func TestDeclareCertificate(t *testing.T) {
	data := []byte("bytes")
	s := newSigner(t, "RSA-PSS")
	s.trust.Dir = ""
	in := s.instance(t, memory.New("one", 0))
	for _, certificate := range [][]byte{s.PEM(t), s.DER(t)} {
		a, err := in.Add(t.Context(), "image")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range s.parts(t, "SHA-224", data)[:3] {
			if _, err := a.Declare(p.key, p.value); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.DeclareCertificate(certificate); err != nil {
			t.Fatal(err)
		}
		if err := a.Write(data); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Commit(now); err != nil {
			t.Error(err)
		}
		if err := in.Delete(t.Context(), "image"); err != nil {
			t.Error(err)
		}
	}
	a, err := in.Add(t.Context(), "image")
	if err != nil {
		t.Fatal(err)
	}
	err = a.DeclareCertificate([]byte("nonsense"))
	wantIs(t, err, backends.ErrSignature)
	wantError(t, err, "declare", "image")
	_, err = a.Commit(now)
	wantIs(t, err, backends.ErrSignature)
}
