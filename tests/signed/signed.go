// Package signed makes certificates and signatures with the real openssl, for
// the tests of signed images.
package signed

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"glancefs/tests/need"
)

// Keys are the kinds of keys that Issue makes: the arguments of openssl
// genpkey, or genpkey -genparam for the two of DSA.
var Keys = map[string][]string{
	"RSA-PSS":       {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"},
	"RSA-1024":      {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"},
	"ECC_SECP256R1": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"},
	"ECC_SECP384R1": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"},
	"ECC_SECP521R1": {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"},
	"DSA":           {"-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:2048", "-pkeyopt", "dsa_paramgen_q_bits:256"},
	"DSA-1024":      {"-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024", "-pkeyopt", "dsa_paramgen_q_bits:160"},
}

// CA is an authority.
type CA struct {
	File string // its certificate, in PEM
	key  string
}

// NewCA makes an authority that nobody vouches for but itself.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	need.Command(t, "openssl", "openssl")
	dir := t.TempDir()
	ca := &CA{File: filepath.Join(dir, "ca.pem"), key: filepath.Join(dir, "ca.key")}
	run(t, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-subj", "/CN="+name, "-days", "30", "-keyout", ca.key, "-out", ca.File)
	return ca
}

// Key is a private key and its certificate.
type Key struct {
	Kind        string
	Certificate string // the file, in PEM
	file        string
}

// Issue makes a key of a kind, and a certificate of it that is valid for days
// from now; -1 is one that expired yesterday.
func (ca *CA) Issue(t testing.TB, kind string, days int) *Key {
	t.Helper()
	return ca.issue(t, kind, "image signer "+kind, days, "basicConstraints=critical,CA:false")
}

// Between makes an authority below this one, with a key of a kind.
func (ca *CA) Between(t testing.TB, kind string) *CA {
	t.Helper()
	k := ca.issue(t, kind, "between "+kind, 30, "basicConstraints=critical,CA:true\nkeyUsage=keyCertSign")
	return &CA{File: k.Certificate, key: k.file}
}

func (ca *CA) issue(t testing.TB, kind, name string, days int, extensions string) *Key {
	t.Helper()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	k := &Key{Kind: kind, Certificate: in("cert.pem"), file: in("key.pem")}
	args := Keys[kind]
	if args[0] == "-genparam" {
		run(t, append([]string{"genpkey", "-out", in("param.pem")}, args...)...)
		args = []string{"-paramfile", in("param.pem")}
	}
	run(t, append([]string{"genpkey", "-out", k.file}, args...)...)
	if err := os.WriteFile(in("ext"), []byte(extensions+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "req", "-new", "-key", k.file, "-subj", "/CN="+name, "-out", in("csr"))
	run(t, "x509", "-req", "-in", in("csr"), "-CA", ca.File, "-CAkey", ca.key, "-CAcreateserial", "-CAserial", in("serial"),
		"-days", strconv.Itoa(days), "-extfile", in("ext"), "-out", k.Certificate)
	return k
}

// DER returns the certificate in DER.
func (k *Key) DER(t testing.TB) []byte {
	t.Helper()
	return run(t, "x509", "-in", k.Certificate, "-outform", "DER")
}

// PEM returns the certificate's file.
func (k *Key) PEM(t testing.TB) []byte { return read(t, k.Certificate) }

// PrivatePEM returns the private key's file.
func (k *Key) PrivatePEM(t testing.TB) []byte { return read(t, k.file) }

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Sign signs data, with a hash method in Glance's spelling, and returns the
// signature in base64. options go to openssl dgst; RSA is always PSS, with
// the longest salt unless options say otherwise.
func (k *Key) Sign(t testing.TB, method string, data []byte, options ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"dgst", "-" + strings.ToLower(strings.ReplaceAll(method, "-", "")), "-sign", k.file}
	if strings.HasPrefix(k.Kind, "RSA") {
		if options == nil {
			options = []string{"-sigopt", "rsa_pss_saltlen:max"}
		}
		args = append(args, "-sigopt", "rsa_padding_mode:pss")
	}
	args = append(append(args, options...), file)
	return base64.StdEncoding.EncodeToString(run(t, args...))
}

func run(t testing.TB, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &stderr)
	}
	return out
}
