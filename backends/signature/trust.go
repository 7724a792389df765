package signature

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Trust says where the certificates of signed images are, and who vouches
// for them. The files are read anew each time: what is renewed or withdrawn
// counts from then on.
type Trust struct {
	// CAFile has the certificates of the authorities, in PEM. Without it no
	// certificate is trusted: a signature by a key that anybody can have
	// made proves nothing, and the system's authorities vouch for web
	// servers, not for images.
	CAFile string
	Dir    string // of the certificates, UUID.pem and the like
}

// suffixes are what the name of a certificate's file may end with.
var suffixes = []string{".pem", ".crt", ".cer", ".der"}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// ErrUUID is the error for a text that is no UUID.
var ErrUUID = errors.New("not a UUID")

// ByUUID returns the certificate that is in the folder under a UUID, checked.
func (t Trust) ByUUID(uuid string) (*x509.Certificate, error) {
	uuid = strings.ToLower(uuid)
	if !uuidForm.MatchString(uuid) {
		return nil, fmt.Errorf("%w: %q", ErrUUID, uuid)
	}
	if t.Dir == "" {
		return nil, errors.New("certificates are not looked for by UUID: the option certificate_dir is not set")
	}
	for _, suffix := range suffixes {
		data, err := os.ReadFile(filepath.Join(t.Dir, uuid+suffix))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		cert, err := t.Certificate(data)
		if err != nil {
			return nil, fmt.Errorf("%s%s: %w", uuid, suffix, err)
		}
		return cert, nil
	}
	// A wrapped fs.ErrNotExist would read as: no such image.
	return nil, fmt.Errorf("no certificate %s in %s (%s)", uuid, t.Dir, strings.Join(suffixes, ", "))
}

// Certificate checks a certificate, in PEM or DER: it is valid today, and one
// of the authorities has issued it, or the authorities between, which may
// follow it in the same file. One that is itself in the file of the
// authorities is trusted as it is.
func (t Trust) Certificate(data []byte) (*x509.Certificate, error) {
	certs, err := parse(data)
	if err != nil {
		return nil, err
	}
	roots, err := t.authorities()
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	between := x509.NewCertPool()
	for _, cert := range certs[1:] {
		between.AddCert(cert)
	}
	// What a key may be used for is about servers and mail; OpenStack knows
	// no such rule for images.
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	if _, err := certs[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: usages}); err != nil {
		return nil, fmt.Errorf("the certificate (%s) is not trusted: %w", certs[0].Subject, err)
	}
	return certs[0], nil
}

// authorities reads the file of the authorities.
func (t Trust) authorities() (*x509.CertPool, error) {
	if t.CAFile == "" {
		return nil, errors.New("it is not set, and without it no certificate is trusted: signed images are refused")
	}
	data, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("no certificate in %s", t.CAFile)
	}
	return pool, nil
}

// Check returns what is wrong with either of the two; nothing is if neither
// is set. It is a look in advance: what counts is what is there when an image
// is added.
func (t Trust) Check() (caFile, dir error) {
	if t.CAFile != "" || t.Dir != "" {
		_, caFile = t.authorities()
	}
	if t.Dir != "" {
		_, dir = os.ReadDir(t.Dir)
	}
	return caFile, dir
}

// parse reads certificates: one in DER, or those of a PEM file, which may
// have other things before and between them.
func parse(data []byte) ([]*x509.Certificate, error) {
	if !bytes.Contains(data, []byte("-----BEGIN")) {
		cert, err := x509.ParseCertificate(data)
		if err != nil {
			return nil, fmt.Errorf("not a certificate in PEM or DER: %w", err)
		}
		return []*x509.Certificate{cert}, nil
	}
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("not a certificate: %w", err)
		}
		certs = append(certs, cert)
	}
	if certs == nil {
		return nil, errors.New("no certificate in the PEM file")
	}
	return certs, nil
}
