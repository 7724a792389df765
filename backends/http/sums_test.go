package http

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"glancefs/backends"
)

// hexOf is a digest of an algorithm, all of one digit.
func hexOf(algo, digit string) string { return strings.Repeat(digit, 2*digestSizes[algo]) }

// noDigest stands for a name whose digest is an error.
const noDigest = "?"

// TestParseSums reads the forms that coreutils, BSD and OpenSSL write.
func TestParseSums(t *testing.T) {
	a, b := hexOf("sha256", "a"), hexOf("sha256", "b")
	for _, test := range []struct {
		name, text string
		want       map[string]string
	}{
		{"empty", "", nil},
		{"GNU", a + "  x\n" + b + " *y.img\n", map[string]string{"x": a, "y.img": b}},
		{"no newline at the end", a + "  x", map[string]string{"x": a}},
		{"CRLF", a + "  x\r\n" + b + "  y\r\n", map[string]string{"x": a, "y": b}},
		{"capitals", strings.ToUpper(a) + "  X", map[string]string{"X": a}},
		{"spaces and stars in names", a + "   x \n" + b + " **y", map[string]string{" x ": a, "*y": b}},
		{"escaped", `\` + a + `  x\ny\\z\r` + "\n", map[string]string{"x\ny\\z\r": a}},
		{"not escaped", a + `  x\ny`, map[string]string{`x\ny`: a}},
		{"BSD", "SHA256 (x) = " + a + "\nSHA512 (x) = " + hexOf("sha512", "c") + "\nMD5 (y) = " + hexOf("md5", "d"), map[string]string{"x": a}},
		{"BSD, escaped and odd", `\SHA256 (x\n) = ` + a + "\nSHA256 (y) (z) = " + b, map[string]string{"x\n": a, "y) (z": b}},
		{"bare", a + "\n", map[string]string{"": a}},
		{"this directory", a + "  ./x", map[string]string{"x": a}},
		{"signed", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + a + "  x\n-----BEGIN PGP SIGNATURE-----\n\niQIz\n", map[string]string{"x": a}},
		{"other lengths", a[1:] + "  x\n" + a + "b  y\n" + hexOf("md5", "d") + "  z", map[string]string{"x": noDigest, "y": noDigest, "z": noDigest}},
		{"other lengths, bare", a[1:] + "\n", nil},
		{"no digests", "oops  x\nSHA256 (y) = \n", map[string]string{"x": noDigest, "y": noDigest}},
		{"with and without", "oops  x\n" + a + "  x\noops  x\n", map[string]string{"x": a}},
		{"a page", "<!DOCTYPE html><html><body>Not here</body></html>", nil},
		{"twice", a + "  x\n" + strings.ToUpper(a) + " *./x\nMD5 (x) = " + hexOf("md5", "d"), map[string]string{"x": a}},
		{"twice, differently", a + "  x\n" + b + "  x\n" + a + "  x\n" + b + "  y", map[string]string{"x": noDigest, "y": b}},
		{"BSD, reversed", a + " x\n" + b + " y z", map[string]string{"x": a, "y z": b}},
		{"tabs", a + "\tx\n\t" + b + "  y", map[string]string{"x": a, "y": b}},
		{"OpenSSL", "SHA256(x)= " + a + "\nSHA2-256(y)= " + b + "\nSHA512(z)= " + hexOf("sha512", "c"), map[string]string{"x": a, "y": b}},
		{"other algorithms", "SHA512/256 (x) = " + a + "\nSHA3-256(x)= " + a, nil},
		{"byte order mark", "\ufeff" + a + "  x", map[string]string{"x": a}},
		{"bare, spaces", a + "  \n", map[string]string{"": a}},
		{"bare, differently", a + "\n" + b + "\n", map[string]string{"": noDigest}},
		{"elsewhere", a + "  build/x\n", map[string]string{"x": a}},
		{"elsewhere, differently", a + "  build/x\n" + b + "  dist/x", map[string]string{"x": noDigest}},
		{"not understood", "x: " + a, map[string]string{"x": noDigest, a: noDigest}},
		{"not understood, two spaces", "x  " + a, map[string]string{"x": noDigest, a: noDigest}},
		{"not understood, in a comment", "# x " + a + "\n" + b + "  x", map[string]string{"#": noDigest, "x": b, a: noDigest}},
		{"prose", "Hash x\nx is 64 bytes\n", nil},
	} {
		if test.want == nil {
			test.want = map[string]string{}
		}
		got := make(map[string]string)
		for name, said := range parseSums(test.text, "sha256", true) {
			if got[name] = said.digest; said.err != nil {
				got[name] = noDigest
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// directory is a server of small files; every name that is none is an image.
type directory struct {
	mu    sync.Mutex // guards the rest
	files map[string]string
	fails map[string]int // a status by name
	asked map[string]int // GETs by name
}

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := strings.TrimPrefix(r.URL.Path, "/images/")
	if d.asked == nil {
		d.asked = make(map[string]int)
	}
	if r.Method == http.MethodGet {
		d.asked[name]++
	}
	text, ok := d.files[name]
	switch {
	case d.fails[name] != 0:
		w.WriteHeader(d.fails[name])
	case ok:
		fmt.Fprint(w, text)
	case isSums(name):
		w.WriteHeader(http.StatusNotFound)
	default:
		answer(w, r, 0)
	}
}

// TestRecord: the best published digest is the multihash, md5 the checksum.
func TestRecord(t *testing.T) {
	a512, b512, a256, aMD5 := hexOf("sha512", "a"), hexOf("sha512", "b"), hexOf("sha256", "a"), hexOf("md5", "a")
	for _, test := range []struct {
		name  string
		files map[string]string
		want  backends.Record
	}{
		{"all", map[string]string{"SHA512SUMS": a512 + "  x", "SHA256SUMS": a256 + "  x", "MD5SUMS": aMD5 + "  x"},
			backends.Record{Multihash: a512, HashingAlgo: "sha512", Checksum: aMD5}},
		{"small letters", map[string]string{"sha512sums": a512 + "  x"}, backends.Record{Multihash: a512, HashingAlgo: "sha512"}},
		{"both spellings", map[string]string{"SHA512SUMS": a512 + "  x", "sha512sums": b512 + "  x\n" + b512 + "  y"},
			backends.Record{Multihash: a512, HashingAlgo: "sha512"}},
		{"the other spelling", map[string]string{"SHA512SUMS": a512 + "  y", "sha512sums": b512 + "  x"},
			backends.Record{Multihash: b512, HashingAlgo: "sha512"}},
		{"sha256 only", map[string]string{"SHA256SUMS": a256 + " *x"}, backends.Record{Multihash: a256, HashingAlgo: "sha256"}},
		{"md5 only", map[string]string{"MD5SUMS": aMD5 + "  x"}, backends.Record{Multihash: aMD5, HashingAlgo: "md5", Checksum: aMD5}},
		{"of its own", map[string]string{"x.sha512": a512 + "  x", "x.md5": "MD5 (x) = " + aMD5},
			backends.Record{Multihash: a512, HashingAlgo: "sha512", Checksum: aMD5}},
		{"of its own, bare", map[string]string{"x.sha256": a256 + "\n"}, backends.Record{Multihash: a256, HashingAlgo: "sha256"}},
		{"of its own, made elsewhere", map[string]string{"x.sha256": a256 + "  build/out/x\n"}, backends.Record{Multihash: a256, HashingAlgo: "sha256"}},
		{"of its own, of another", map[string]string{"x.sha256": a256 + "  y\n"}, backends.Record{}},
		{"of the directory first", map[string]string{"SHA512SUMS": a512 + "  x", "x.sha512": b512}, backends.Record{Multihash: a512, HashingAlgo: "sha512"}},
		{"in a subdirectory", map[string]string{"SHA512SUMS": a512 + "  sub/x"}, backends.Record{}},
		{"of others", map[string]string{"SHA512SUMS": a512 + "  xx\n" + a512 + "\n"}, backends.Record{}},
		{"none", nil, backends.Record{}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newWeb(t, (&directory{files: test.files}).ServeHTTP)
			img, err := s.Stat(t.Context(), "x")
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			var got backends.Record
			if img.Record != nil {
				got = *img.Record
				if got.Size != img.Size || !got.Mtime.Equal(img.Mtime) {
					t.Errorf("%s: the record is of %d bytes, %v", test.name, got.Size, got.Mtime)
				}
				got.Mtime = time.Time{}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		})
	}
}

// TestSumsFail: digests that can't be had are no image without digests.
func TestSumsFail(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		want   error
	}{
		"SHA256SUMS": {503, backends.ErrUnavailable}, "md5sums": {403, fs.ErrPermission}, "x.sha512": {401, fs.ErrPermission},
		"SHA512SUMS": {206, nil}, "MD5SUMS": {400, backends.ErrInvalid},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &directory{fails: map[string]int{name: test.status}}
			s, _ := newWeb(t, d.ServeHTTP)
			_, err := s.Stat(t.Context(), "x")
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s answers %d: %v", name, test.status, err)
			}
			if _, err := s.Open(t.Context(), "x"); err == nil {
				t.Errorf("%s answers %d: x opens", name, test.status)
			}
			d.mu.Lock()
			d.fails = nil // the error is not kept
			d.mu.Unlock()
			if _, err := s.Stat(t.Context(), "x"); err != nil {
				t.Errorf("%s is gone: %v", name, err)
			}
		})
	}
}

// TestSumsGarbage: what is published as an image's digest and is none is an
// error of that image, and of no other; garbage that does not name it is
// nothing.
func TestSumsGarbage(t *testing.T) {
	a := hexOf("sha256", "a")
	for _, test := range []struct {
		name, text string
		want       string // of the error; "": none
	}{
		{"SHA256SUMS", "oops  x\n" + a + "  y\n", `SHA256SUMS has of x: its line 1 has no sha256 digest: "oops  x"`},
		{"SHA256SUMS", "\n" + a[1:] + " *x\n", "SHA256SUMS has of x: its line 2"},
		{"SHA256SUMS", "SHA256 (x) = none\n", "SHA256SUMS has of x: its line 1"},
		{"x.sha256", a[2:] + "  x\n", "x.sha256 has of x: its line 1"},
		{"x.sha256", "oops\n", ""},
		{"SHA256SUMS", "<html><a href=x>x</a></html>\noops  z\n", ""},
		{"SHA256SUMS", "SHA512 (x) = none\n", ""},
		{"sha256sums", a + "  x\n\n" + hexOf("sha256", "b") + "  x\n", "sha256sums has of x: its lines 1 and 3 have different ones"},
		{"x.sha256", "", "x.sha256 is empty"},
		{"x.sha256", "\n", "x.sha256 is empty"},
		{"SHA256SUMS", "", ""},
		{"sha256sums", "", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newWeb(t, (&directory{files: map[string]string{test.name: test.text}}).ServeHTTP)
			img, err := s.Stat(t.Context(), "x")
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) || img.Record != nil {
				t.Errorf("%s with %q: %+v, %v", test.name, test.text, img, err)
			}
			if _, err := s.Stat(t.Context(), "y"); err != nil {
				t.Errorf("another image: %v", err)
			}
		})
	}
}

// TestSumsCompressed: a file of digests that comes compressed, though that was
// not asked for, is neither readable nor absent.
func TestSumsCompressed(t *testing.T) {
	for encoding, ok := range map[string]bool{"": true, "identity": true, "gzip": false} {
		synctest.Test(t, func(t *testing.T) {
			a := hexOf("sha256", "a")
			d := &directory{files: map[string]string{"SHA256SUMS": a + "  x"}}
			s, _ := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
				if encoding != "" && isSums(path.Base(r.URL.Path)) {
					w.Header().Set("Content-Encoding", encoding)
				}
				d.ServeHTTP(w, r)
			})
			img, err := s.Stat(t.Context(), "x")
			switch {
			case ok && (err != nil || img.Record == nil || img.Record.Multihash != a):
				t.Errorf("%q: %+v, %v", encoding, img, err)
			case !ok && (err == nil || !strings.Contains(err.Error(), "SHA256SUMS") || !strings.Contains(err.Error(), encoding)):
				t.Errorf("%q: %+v, %v", encoding, img, err)
			}
		})
	}
}

// TestSumsCut: a file of digests, or an index page, that ends early is no
// shorter one.
func TestSumsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &directory{}
		s, _ := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
			if name := path.Base(r.URL.Path); name != "SHA256SUMS" && name != "images" {
				d.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, hexOf("sha256", "a")+"  x")
		})
		const want = "ended at byte 67: unexpected EOF"
		if _, err := s.Stat(t.Context(), "x"); err == nil || !strings.HasSuffix(err.Error(), "SHA256SUMS may have: the body "+want) {
			t.Error(err)
		}
		if _, err := listed(t, s); err == nil || err.Error() != "the index page: the body "+want {
			t.Error(err)
		}
	})
}

// TestSumsKept: what is published is asked for once in a while, by many at
// once, and nobody waits longer than he wants.
func TestSumsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := hexOf("sha256", "a"), hexOf("sha256", "b")
		d := &directory{files: map[string]string{"SHA256SUMS": a + "  x"}}
		s, _ := newWeb(t, d.ServeHTTP)
		want := func(digest string, asked int) {
			t.Helper()
			errs := make(chan error)
			for range 10 {
				go func() {
					img, err := s.Stat(t.Context(), "x")
					if err == nil && (img.Record == nil || img.Record.Multihash != digest) {
						err = fmt.Errorf("record %+v, want %s", img.Record, digest)
					}
					errs <- err
				}()
			}
			for range 10 {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			for _, name := range []string{"SHA256SUMS", "MD5SUMS", "x.md5"} {
				if d.asked[name] != asked {
					t.Errorf("%s was asked for %d times, want %d", name, d.asked[name], asked)
				}
			}
		}
		want(a, 1)
		d.mu.Lock()
		d.files["SHA256SUMS"] = b + "  x"
		d.mu.Unlock()
		time.Sleep(sumsValid - time.Second)
		want(a, 1)
		time.Sleep(time.Second)
		want(b, 2)
		if _, err := s.Stat(t.Context(), "SHA256SUMS"); err != nil {
			t.Error(err)
		}
		if d.asked["SHA256SUMS.sha256"] != 0 {
			t.Error("digests of digests are asked for")
		}
		time.Sleep(sumsValid)
		want(b, 3)
		if kept := len(s.sums.files); kept > 9 {
			t.Errorf("%d files are kept", kept)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		s, _ := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "SUMS") {
				select {
				case <-hang:
				case <-r.Context().Done():
				}
			}
			onlyImages(func(w http.ResponseWriter, r *http.Request) { answer(w, r, 0) })(w, r)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := s.Stat(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		close(hang) // those that were begun for it are of use to others
		if _, err := s.Stat(t.Context(), "x"); err != nil || time.Since(begin) != time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

// TestSumsOfAnother: when an image is replaced, what was published for the
// one before is not believed to be of the new one.
func TestSumsOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := hexOf("md5", "a"), hexOf("md5", "b")
		f := &files{manners: manners{etag: `"a"`}, data: map[string][]byte{"x": nil, "MD5SUMS": []byte(a + "  x")}}
		s, _ := newWeb(t, f.ServeHTTP)
		want := func(digest string) {
			t.Helper()
			if img, err := s.Stat(t.Context(), "x"); err != nil || img.Record == nil || img.Record.Checksum != digest {
				t.Errorf("%+v (%v), want the digest %s", img, err, digest)
			}
		}
		want(a)
		f.set(func() { f.data["MD5SUMS"] = []byte(b + "  x") })
		want(a)
		f.set(func() { f.manners.etag = `"b"` })
		want(b)
	})
}
