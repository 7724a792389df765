package signature_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"glancefs/backends/signature"
	"glancefs/tests/need"
	"glancefs/tests/signed"
)

// task is a line for testdata/ask_cursive.py.
type task struct {
	Key       string `json:"key,omitempty"`
	Cert      string `json:"cert"`
	Type      string `json:"type"`
	Method    string `json:"method"`
	Signature string `json:"signature"`
	Data      []byte `json:"data"`
}

// cursive answers tasks.
func cursive(t *testing.T, tasks []task) []string {
	t.Helper()
	need.PythonModule(t, "cursive", "python3-cursive")
	var in, stderr bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, task := range tasks {
		if err := enc.Encode(task); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(need.Python, "testdata/ask_cursive.py")
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || len(answers) != len(tasks) {
		t.Fatalf("%v: %d answers of %d, %v\n%s", cmd, len(answers), len(tasks), err, &stderr)
	}
	return answers
}

// ours answers a task.
func ours(trust signature.Trust, k task) error {
	cert, err := trust.Certificate([]byte(k.Cert))
	if err != nil {
		return err
	}
	var s signature.Signature
	for _, set := range []func() error{
		func() error { return s.SetValue(k.Signature) },
		func() error { return s.SetHashMethod(k.Method) },
		func() error { return s.SetKeyType(k.Type) },
		func() error { return s.SetCertificate(cert) },
	} {
		if err := set(); err != nil {
			return err
		}
	}
	return s.Verify(sum(k.Method, k.Data))
}

// TestAsCursive: what cursive signs is right here, what openssl signs is
// right there, and what is wrong is wrong in both.
func TestAsCursive(t *testing.T) {
	ca := signed.NewCA(t, "authority")
	trust := signature.Trust{CAFile: ca.File}
	var signs []task
	for kind, keyType := range keyTypes {
		key := ca.Issue(t, kind, 2)
		for _, method := range methods {
			for _, data := range [][]byte{image, {}} {
				signs = append(signs, task{Key: string(key.PrivatePEM(t)), Cert: string(key.PEM(t)), Type: keyType, Method: method, Data: data,
					Signature: key.Sign(t, method, data)})
			}
		}
	}
	var tasks []task
	for i, value := range cursive(t, signs) {
		right := signs[i]
		right.Key = ""
		theirs := right
		theirs.Signature = value
		tasks = append(tasks, right, theirs)

		otherImage, otherMethod, otherType, bent := right, right, right, theirs
		otherImage.Data = []byte("another image")
		otherMethod.Method = map[string]string{"SHA-224": "SHA-256", "SHA-256": "SHA-384", "SHA-384": "SHA-512", "SHA-512": "SHA-224"}[right.Method]
		otherType.Type = map[string]string{"RSA-PSS": "DSA", "DSA": "ECC_SECP384R1"}[right.Type]
		raw, err := base64.StdEncoding.DecodeString(bent.Signature)
		if err != nil {
			t.Fatalf("cursive signs: %s", value)
		}
		raw[len(raw)/2] ^= 4
		bent.Signature = base64.StdEncoding.EncodeToString(raw)
		noMethod, noBase64 := right, right
		noMethod.Method, noBase64.Signature = "MD5", "A"
		tasks = append(tasks, otherImage, otherMethod, otherType, bent, noMethod, noBase64)
	}
	accepted := 0
	for i, answer := range cursive(t, tasks) {
		k := tasks[i]
		err := ours(trust, k)
		if (answer == "ok") != (err == nil) {
			t.Errorf("%s %s, task %d: cursive says %q, we %v", k.Type, k.Method, i, answer, err)
		}
		if err == nil {
			accepted++
		}
	}
	if want := 2 * len(signs); accepted != want {
		t.Errorf("%d signatures were right, want %d", accepted, want)
	}
}
