package tests

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func sha384Hex(data []byte) string {
	sum := sha512.Sum384(data)
	return hex.EncodeToString(sum[:])
}

// pair is an xattr's name and value.
type pair struct{ name, value string }

func declare(t *testing.T, f *os.File, declarations []pair) {
	t.Helper()
	for _, d := range declarations {
		if err := unix.Fsetxattr(int(f.Fd()), d.name, []byte(d.value), 0); err != nil {
			t.Errorf("%s=%s: %v", d.name, d.value, err)
		}
	}
}

// TestDeclared: what an image under way is declared to be is checked at the
// close, whenever and in whatever order it was declared.
func TestDeclared(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data := random('d', 200_001)
	other := []byte("other")
	m.log.allow(`"image":"x"`)
	for _, test := range []struct {
		name         string
		declarations []pair
		want         syscall.Errno
	}{
		{"size", []pair{{"user.glance.size", "200001"}}, 0},
		{"checksum", []pair{{"user.glance.checksum", md5Hex(data)}}, 0},
		{"checksum in capitals", []pair{{"user.glance.checksum", strings.ToUpper(md5Hex(data))}}, 0},
		{"multihash", []pair{{"user.glance.multihash", sha512Hex(data)}}, 0},
		{"multihash and algorithm", []pair{{"user.glance.multihash", sha512Hex(data)}, {"user.glance.hashing_algo", "sha512"}}, 0},
		{"md5 by algorithm", []pair{{"user.checksum.md5", md5Hex(data)}}, 0},
		{"sha512 by algorithm", []pair{{"user.checksum.sha512", sha512Hex(data)}}, 0},
		{"everything", []pair{
			{"user.glance.size", "200001"}, {"user.glance.checksum", md5Hex(data)},
			{"user.glance.multihash", sha512Hex(data)}, {"user.glance.hashing_algo", "sha512"},
			{"user.checksum.md5", md5Hex(data)}, {"user.checksum.sha512", sha512Hex(data)},
		}, 0},
		{"what is not kept", []pair{
			{"user.glance.store", "slow"}, {"user.glance.location", "file:///x"}, {"user.glance.metadata", "{}"},
			{"user.mine", "1"}, {"user.checksum.unheard-of", "1"}, {"user.glance.of", "1 2.000000003"},
		}, 0},
		{"last one counts", []pair{{"user.glance.size", "1"}, {"user.glance.size", "200001"}}, 0},

		{"too large", []pair{{"user.glance.size", "200002"}}, unix.EBADMSG},
		{"too small", []pair{{"user.glance.size", "200000"}}, unix.EBADMSG},
		{"size 0", []pair{{"user.glance.size", "0"}}, unix.EBADMSG},
		{"wrong checksum", []pair{{"user.glance.checksum", md5Hex(other)}}, unix.EBADMSG},
		{"wrong multihash", []pair{{"user.glance.multihash", sha512Hex(other)}}, unix.EBADMSG},
		{"wrong multihash, algorithm", []pair{{"user.glance.multihash", sha512Hex(other)}, {"user.glance.hashing_algo", "sha512"}}, unix.EBADMSG},
		{"wrong sha512 by algorithm", []pair{{"user.checksum.sha512", sha512Hex(other)}}, unix.EBADMSG},
		{"one of two wrong", []pair{{"user.glance.checksum", md5Hex(data)}, {"user.glance.multihash", sha512Hex(other)}}, unix.EBADMSG},
		{"the other of two", []pair{{"user.glance.checksum", md5Hex(other)}, {"user.glance.size", "200001"}}, unix.EBADMSG},
	} {
		for _, at := range []string{"before the first byte", "between", "after the last byte"} {
			t.Run(test.name+" "+at, func(t *testing.T) {
				f := create(t, m.fast+"/x")
				half := len(data) / 2
				for _, part := range []struct {
					at   string
					data []byte
				}{{"before the first byte", data[:half]}, {"between", data[half:]}, {"after the last byte", nil}} {
					if part.at == at {
						declare(t, f, test.declarations)
					}
					if _, err := f.Write(part.data); err != nil {
						t.Fatal(err)
					}
				}
				wantErrno(t, f.Close(), test.want)
				if test.want != 0 {
					wantNoImage(t, m.fast+"/x")
					return
				}
				wantImage(t, m.fast+"/x", data)
				if names := listXattrs(t, m.fast+"/x"); slices.Contains(names, "user.mine") {
					t.Errorf("kept: %q", names)
				}
				m.wantSh(t, `rm fast/x`)
			})
		}
	}
}

// TestDeclaredAlgorithm: a digest in an algorithm that is not computed anyway
// is checked when it is declared before the first byte.
func TestDeclaredAlgorithm(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data := random('d', 200_001)
	other := []byte("other")
	m.log.allow(`"image":"x"`)
	for _, test := range []struct {
		name         string
		declarations []pair
		early, late  syscall.Errno // of close
	}{
		{"right", []pair{{"user.checksum.sha256", sha256Hex(data)}}, 0, 0},
		{"wrong", []pair{{"user.checksum.sha256", sha256Hex(other)}}, unix.EBADMSG, 0},
		{"right multihash", []pair{{"user.glance.multihash", sha384Hex(data)}, {"user.glance.hashing_algo", "sha384"}}, 0, 0},
		{"right multihash, algorithm first", []pair{{"user.glance.hashing_algo", "sha384"}, {"user.glance.multihash", sha384Hex(data)}}, 0, 0},
		{"wrong multihash", []pair{{"user.glance.multihash", sha384Hex(other)}, {"user.glance.hashing_algo", "sha384"}}, unix.EBADMSG, 0},
		{"wrong multihash, right checksum", []pair{
			{"user.glance.checksum", md5Hex(data)},
			{"user.glance.multihash", sha384Hex(other)}, {"user.glance.hashing_algo", "sha384"},
		}, unix.EBADMSG, 0},
		{"wrong checksum", []pair{
			{"user.glance.checksum", md5Hex(other)},
			{"user.glance.multihash", sha384Hex(data)}, {"user.glance.hashing_algo", "sha384"},
		}, unix.EBADMSG, unix.EBADMSG},
	} {
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s early %v", test.name, early), func(t *testing.T) {
				f := create(t, m.fast+"/x")
				want := test.late
				if early {
					want = test.early
					declare(t, f, test.declarations)
				}
				if _, err := f.Write(data); err != nil {
					t.Fatal(err)
				}
				if !early {
					declare(t, f, test.declarations)
				}
				wantErrno(t, f.Close(), want)
				if want != 0 {
					wantNoImage(t, m.fast+"/x")
					return
				}
				wantImage(t, m.fast+"/x", data) // the multihash is in the store's algorithm
				m.wantSh(t, `rm fast/x`)
			})
		}
	}
}

// TestDeclaredNonsense: a declaration that can't be right is refused at once,
// and is none.
func TestDeclaredNonsense(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	f := create(t, m.fast+"/x")
	for _, d := range []pair{
		{"user.glance.size", "many"}, {"user.glance.size", "-1"}, {"user.glance.size", ""},
		{"user.glance.checksum", "zz"}, {"user.glance.checksum", "abcd"},
		{"user.glance.hashing_algo", "rot13"}, {"user.glance.hashing_algo", "shake_128"},
		{"user.checksum.sha256", "abcd"},
	} {
		if err := unix.Fsetxattr(int(f.Fd()), d.name, []byte(d.value), 0); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%s=%q: %v, want EINVAL", d.name, d.value, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wantImage(t, m.fast+"/x", nil)
}

// failure is an entry of user.glance.errors.
type failure struct{ Name, Time, Errno, Reason string }

// failures returns the adds that failed in a store; there is at least one.
func failures(t *testing.T, store string) (all []failure) {
	t.Helper()
	value, err := xattr(store, "user.glance.errors")
	if err := errors.Join(err, json.Unmarshal([]byte(value), &all)); err != nil || len(all) == 0 {
		t.Fatalf("user.glance.errors is %q: %v", value, err)
	}
	return all
}

// TestMismatchIsTold: what did not match is in the log and in the store's
// user.glance.errors, with both values.
func TestMismatchIsTold(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	data, other := random('d', 1000), []byte("other")
	for i, test := range []struct {
		declared pair
		computed string
	}{
		{pair{"user.glance.checksum", md5Hex(other)}, md5Hex(data)},
		{pair{"user.glance.multihash", sha512Hex(other)}, sha512Hex(data)},
		{pair{"user.glance.size", "4321"}, "1000"},
		{pair{"user.checksum.sha256", sha256Hex(other)}, sha256Hex(data)},
	} {
		image := fmt.Sprintf("image%d", i)
		f := create(t, m.fast+"/"+image)
		declare(t, f, []pair{test.declared})
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		wantErrno(t, f.Close(), unix.EBADMSG)
		m.log.want(t, image+`.*`+test.declared.name+`|`+test.declared.name+`.*`+image)
		for _, part := range []string{test.declared.name, test.declared.value, test.computed, "setfattr -x"} {
			if part == "setfattr -x" && test.declared.name == "user.glance.size" {
				continue // cp copies no size
			}
			if !slices.ContainsFunc(m.log.warnings(), func(line string) bool {
				return strings.Contains(line, image) && strings.Contains(line, part)
			}) {
				t.Errorf("the log does not tell %s of %s", part, image)
			}
		}
		failed := failures(t, m.fast)
		at := slices.IndexFunc(failed, func(e failure) bool { return e.Name == image })
		if at < 0 {
			t.Fatalf("user.glance.errors does not have %s: %+v", image, failed)
		}
		if e := failed[at]; e.Errno != "EBADMSG" || e.Time == "" || !strings.Contains(e.Reason, test.declared.value) || !strings.Contains(e.Reason, test.computed) {
			t.Errorf("user.glance.errors tells %+v", e)
		}
	}
}

// TestDigestsTravel: tools that copy xattrs make every copy check itself, out
// of a store and back, and between stores of different algorithms.
func TestDigestsTravel(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	src := m.sources(t)
	if err := unix.Setxattr(m.slow, "user.glance.hashing_algo", []byte("sha256"), 0); err != nil {
		t.Fatal(err)
	}
	m.wantSh(t, `cp $S/a fast/a`)
	for _, copier := range []string{"cp --preserve=xattr", "cp -a", "cp -a --sparse=always", "mv"} {
		t.Run(copier+" between stores", func(t *testing.T) {
			m.wantSh(t, `cp fast/a fast/src`)
			if out, status := m.sh(t, copier+` fast/src slow/x`); status != 0 || out != "" {
				t.Errorf("exit status %d, wrote %q", status, out)
			}
			wantContent(t, m.slow+"/x", src.a)
			wantXattr(t, m.slow+"/x", "checksum", md5Hex(src.a))
			wantXattr(t, m.slow+"/x", "multihash", sha256Hex(src.a))
			wantXattr(t, m.slow+"/x", "hashing_algo", "sha256")
			wantXattr(t, m.slow+"/x", "store", "slow")
			m.wantSh(t, `rm -f slow/x fast/src`)
		})
		t.Run(copier+" out and back", func(t *testing.T) {
			m.wantSh(t, `cp -a fast/a $S/local`)
			if out, status := m.sh(t, copier+` $S/local fast/back`); status != 0 || out != "" {
				t.Errorf("exit status %d, wrote %q", status, out)
			}
			wantImage(t, m.fast+"/back", src.a)
			m.wantSh(t, `rm fast/back; rm -f $S/local`)
		})
		t.Run(copier+" of an edited copy", func(t *testing.T) {
			m.wantSh(t, `cp -a fast/a $S/local && chmod +w $S/local && echo changed >> $S/local`)
			out, status := m.sh(t, copier+` $S/local fast/back`)
			if status != 1 || !strings.Contains(out, "Bad message") {
				t.Errorf("exit status %d, wrote %q", status, out)
			}
			wantNoImage(t, m.fast+"/back")
			m.wantSh(t, `ls $S/local`) // mv, too, keeps the source
			m.log.want(t, `"image":"back"`)
			m.wantSh(t, `for a in checksum multihash hashing_algo; do setfattr -x user.glance.$a $S/local; done &&
				`+copier+` $S/local fast/back && rm fast/back; rm -f $S/local`)
		})
	}
}

// TestRequireDeclared: such a store takes only what was declared, and so
// notices the producer of a pipe that was killed.
func TestRequireDeclared(t *testing.T) {
	t.Parallel()
	m := newMount(t, "[fast]", "require_declared = size", "[slow]", "require_declared = digest")
	src := m.sources(t)
	size := pair{"user.glance.size", fmt.Sprint(len(src.b))}
	sum := pair{"user.glance.checksum", md5Hex(src.b)}
	m.log.allow(`"image":"x"`)
	for _, test := range []struct {
		store        string
		declarations []pair
		want         syscall.Errno
	}{
		{m.fast, nil, unix.EBADMSG},
		{m.fast, []pair{{"user.mine", "1"}}, unix.EBADMSG},
		{m.fast, []pair{size}, 0},
		{m.fast, []pair{sum}, 0}, // a digest says more than a size
		{m.slow, nil, unix.EBADMSG},
		{m.slow, []pair{size}, unix.EBADMSG},
		{m.slow, []pair{sum}, 0},
		{m.slow, []pair{{"user.checksum.sha512", sha512Hex(src.b)}}, 0},
		// Neither computed nor checked: it came after the first byte.
		{m.slow, []pair{{"user.checksum.sha256", sha256Hex(src.b)}}, unix.EBADMSG},
	} {
		t.Run(fmt.Sprint(test.store, test.declarations), func(t *testing.T) {
			f := create(t, test.store+"/x")
			if _, err := f.Write(src.b); err != nil {
				t.Fatal(err)
			}
			declare(t, f, test.declarations)
			wantErrno(t, f.Close(), test.want)
			if test.want != 0 {
				wantNoImage(t, test.store+"/x")
				return
			}
			wantImage(t, test.store+"/x", src.b)
			if err := os.Remove(test.store + "/x"); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("killed producer", func(t *testing.T) {
		m.wantSh(t, `exec 5> fast/x && setfattr -n user.glance.size -v 5000000 fast/x && (cat $S/a; kill -9 $BASHPID) | cat >&5; exec 5>&-`)
		wantNoImage(t, m.fast+"/x")
	})
	t.Run("nothing written", func(t *testing.T) {
		m.sh(t, `touch fast/x`)
		wantNoImage(t, m.fast+"/x")
	})
}
