package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/tests/signed"
)

// certificates is a folder of certificates by UUID.
type certificates string

// put puts the certificate of a key there, and returns its UUID.
func (c certificates) put(t *testing.T, k *signed.Key, number int) string {
	t.Helper()
	uuid := fmt.Sprintf("6f0e4a5c-0d7b-4c3e-9a51-%012d", number)
	if err := os.WriteFile(filepath.Join(string(c), uuid+".pem"), k.PEM(t), 0o644); err != nil {
		t.Fatal(err)
	}
	return uuid
}

// signing returns the attributes of a signed image.
func signing(value, method, keyType, uuid string) []pair {
	return []pair{
		{"user.glance.img_signature", value},
		{"user.glance.img_signature_hash_method", method},
		{"user.glance.img_signature_key_type", keyType},
		{"user.glance.img_signature_certificate_uuid", uuid},
	}
}

// setSigned declares with setfattr on an image under way, adds the bytes, and
// returns what the tools said and the error of the close.
func (m *mount) setSigned(t *testing.T, attributes []pair, data []byte) (said string, closed error) {
	t.Helper()
	if err := os.WriteFile(m.scratch+"/data", data, 0o644); err != nil {
		t.Fatal(err)
	}
	script := ":"
	for _, a := range attributes {
		script += fmt.Sprintf("; setfattr -n %s -v '%s' fast/x", a.name, a.value)
	}
	f := create(t, m.fast+"/x")
	said, _ = m.sh(t, script)
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	return said, f.Close()
}

// TestSigned: signed images, through the mount, with openssl and setfattr.
func TestSigned(t *testing.T) {
	t.Parallel()
	ca, stranger := signed.NewCA(t, "authority"), signed.NewCA(t, "stranger")
	dir := certificates(t.TempDir())
	m := newMount(t, "[glancefs]", "ca_file = "+ca.File, "certificate_dir = "+string(dir))
	m.log.allow(`"image":"x"`)
	data := random('s', 1_234_567)

	t.Run("right", func(t *testing.T) {
		for i, kind := range []string{"RSA-PSS", "ECC_SECP384R1", "ECC_SECP521R1", "DSA"} {
			key := ca.Issue(t, kind, 2)
			uuid := dir.put(t, key, i)
			for _, method := range []string{"SHA-224", "SHA-256", "SHA-384", "SHA-512"} {
				said, err := m.setSigned(t, signing(key.Sign(t, method, data), method, kind, uuid), data)
				wantErrno(t, err, 0)
				if said != "" {
					t.Errorf("%s, %s: setfattr wrote %q", kind, method, said)
				}
				wantImage(t, m.fast+"/x", data)
				m.wantSh(t, `rm fast/x`)
			}
		}
	})

	key := ca.Issue(t, "RSA-PSS", 2)
	uuid := dir.put(t, key, 10)
	expired := dir.put(t, ca.Issue(t, "RSA-PSS", -1), 11)
	strange := dir.put(t, stranger.Issue(t, "RSA-PSS", 2), 12)
	value := key.Sign(t, "SHA-256", data)
	right := signing(value, "SHA-256", "RSA-PSS", uuid)
	for _, test := range []struct {
		name       string
		attributes []pair
		data       []byte
		said       string        // by setfattr; "" is nothing
		want       syscall.Errno // of close
		reason     string        // in user.glance.errors
	}{
		{"in two lines", signing(value[:64]+"\n"+value[64:], "SHA-256", "RSA-PSS", uuid), data, "", 0, ""},
		{"empty image", signing(key.Sign(t, "SHA-256", nil), "SHA-256", "RSA-PSS", uuid), nil, "", 0, ""},
		{"corrupted image", right, data[1:], "", unix.EKEYREJECTED, "does not match the image"},
		{"corrupted signature", signing("AAAA"+value[4:], "SHA-256", "RSA-PSS", uuid), data, "", unix.EKEYREJECTED, "does not match the image"},
		{"another hash method", signing(value, "SHA-384", "RSA-PSS", uuid), data, "", unix.EKEYREJECTED, "does not match the image"},
		{"incomplete", right[:3], data, "", unix.EKEYREJECTED, "the certificate is not set"},
		{"another key type", signing(value, "SHA-256", "DSA", uuid), data, "Invalid argument", unix.EKEYREJECTED, "the key type is DSA, but the certificate has a key for RSA"},
		{"unsupported key type", signing(value, "SHA-256", "ECC_SECT571K1", uuid), data, "Invalid argument", unix.EKEYREJECTED, "ECC_SECT571K1 is not supported"},
		{"path for a UUID", signing(value, "SHA-256", "RSA-PSS", "../"+uuid), data, "Invalid argument", unix.EKEYREJECTED, "not a UUID"},
		{"unknown UUID", signing(value, "SHA-256", "RSA-PSS", strings.Replace(uuid, "6", "7", 1)), data, "Key was rejected by service", unix.EKEYREJECTED, "no certificate 7f0e"},
		{"expired certificate", signing(value, "SHA-256", "RSA-PSS", expired), data, "Key was rejected by service", unix.EKEYREJECTED, "expired"},
		{"stranger's certificate", signing(value, "SHA-256", "RSA-PSS", strange), data, "Key was rejected by service", unix.EKEYREJECTED, "not trusted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			said, err := m.setSigned(t, test.attributes, test.data)
			wantErrno(t, err, test.want)
			if (said == "") != (test.said == "") || !strings.Contains(said, test.said) {
				t.Errorf("setfattr wrote %q, want %q", said, test.said)
			}
			if test.want == 0 {
				wantImage(t, m.fast+"/x", test.data)
				m.wantSh(t, `rm fast/x`)
				return
			}
			wantNoImage(t, m.fast+"/x")
			all := failures(t, m.fast)
			if last := all[len(all)-1]; last.Name != "x" || last.Errno != "EKEYREJECTED" || !strings.Contains(last.Reason, test.reason) {
				t.Errorf("user.glance.errors ends with %+v, want the reason %q", last, test.reason)
			}
		})
	}

	t.Run("by a shell's descriptor", func(t *testing.T) {
		for _, bad := range []bool{false, true} {
			bytes := data
			if bad {
				bytes = data[1:]
			}
			if err := os.WriteFile(m.scratch+"/data", bytes, 0o644); err != nil {
				t.Fatal(err)
			}
			script := "exec 5> fast/x\n"
			for _, a := range right {
				script += fmt.Sprintf("setfattr -n %s -v '%s' fast/x\n", a.name, a.value)
			}
			m.wantSh(t, script+"cat $S/data >&5; exec 5>&-")
			if bad {
				wantNoImage(t, m.fast+"/x")
				continue
			}
			wantImage(t, m.fast+"/x", bytes)
			m.wantSh(t, `rm fast/x`)
		}
	})
	t.Run("after the bytes", func(t *testing.T) {
		inStores := signing(key.Sign(t, "SHA-512", data), "SHA-512", "RSA-PSS", uuid)
		f := create(t, m.fast+"/x")
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		declare(t, f, inStores)
		wantErrno(t, f.Close(), 0)
		wantImage(t, m.fast+"/x", data)
		m.wantSh(t, `rm fast/x`)

		f = create(t, m.fast+"/x")
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		wantErrno(t, unix.Fsetxattr(int(f.Fd()), right[1].name, []byte(right[1].value), 0), unix.EINVAL)
		wantErrno(t, f.Close(), unix.EKEYREJECTED)
		wantNoImage(t, m.fast+"/x")
	})
}
