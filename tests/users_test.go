package tests

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/tests/need"
)

// nobody is an ordinary user.
var nobody = &syscall.Credential{Uid: 65534, Gid: 65534}

// TestOtherUsers: the mount is its user's alone; allow_other lets others in,
// and the modes hold for them.
func TestOtherUsers(t *testing.T) {
	t.Parallel()
	as := func(m *mount, script string) (string, int) {
		p := startAs(t, nobody, "/", script, "M="+m.dir)
		return p.wait(t)
	}
	t.Run("alone", func(t *testing.T) {
		m := newMount(t)
		writeImage(t, m.fast+"/x", nil)
		for _, script := range []string{`ls $M`, `cat $M/fast/x`, `rm -f $M/fast/x`, `touch $M/fast/y`} {
			if out, status := as(m, script); status == 0 || !strings.Contains(out, "Permission denied") {
				t.Errorf("%s: exit status %d, wrote %q", script, status, out)
			}
		}
		wantImage(t, m.fast+"/x", nil)
	})
	t.Run("allow_other", func(t *testing.T) {
		m := setup{args: []string{"-o", "allow_other"}}.mount(t)
		data := random('o', 1000)
		writeImage(t, m.fast+"/x", data)
		if out, status := as(m, `ls $M/fast; md5sum < $M/fast/x; getfattr --only-values -n user.glance.checksum --absolute-names $M/fast/x`); status != 0 ||
			out != "x\n"+md5Hex(data)+"  -\n"+md5Hex(data) {
			t.Errorf("exit status %d, wrote %q", status, out)
		}
		for _, script := range []string{
			`rm -f $M/fast/x`, `touch $M/fast/y`, `mv $M/fast/x $M/fast/y`, `echo > $M/fast/x`, `echo >> $M/fast/x`,
			`setfattr -n user.glance.hashing_algo -v sha256 $M/fast`,
		} {
			if out, status := as(m, script); status == 0 || out == "" {
				t.Errorf("%s: exit status %d, wrote %q", script, status, out)
			}
		}
		wantImage(t, m.fast+"/x", data)
		wantXattr(t, m.fast, "hashing_algo", "sha512")
	})
}

// TestOrdinaryUser: an ordinary user mounts for himself. What the daemon has
// to know of the writers, it may know of its own user's.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	need.Command(t, "fusermount3", "fuse3")
	s := setup{}
	s.attr.Credential = nobody
	m := s.mount(t)
	src := m.sources(t)
	m.log.allow(`"image":"x"`)
	for _, test := range []struct {
		script string
		want   []byte
	}{
		{`cp $S/a fast/x`, src.a},
		{`cp -a $S/a fast/x`, src.a},
		{`(cat $S/b; cat $S/a) > fast/x`, slices.Concat(src.b, src.a)},
		{`exec 5> fast/x; echo a >&5; echo b >&5; cat $S/b >&5; exec 5>&-`, append([]byte("a\nb\n"), src.b...)},
		{`touch fast/x`, nil},
	} {
		want := "0\n" + md5Hex(test.want) + "  -\n" + md5Hex(test.want)
		if out := m.wantSh(t, `bash -c '`+test.script+`'; echo $?; md5sum < fast/x; getfattr --only-values -n user.glance.checksum fast/x`); out != want {
			t.Errorf("%s: wrote %q, want %q", test.script, out, want)
		}
		m.wantSh(t, `rm -f fast/x`)
	}
	for _, script := range []string{`cat; kill -9 $BASHPID`, `cat; exit 3`, `cat $S/a; kill -TERM $BASHPID`} {
		m.wantSh(t, `(`+script+`) > fast/x < $S/b; cp $S/b fast/x && cmp $S/b fast/x && rm -f fast/x`)
	}
	if out, status := m.sh(t, `rm -rf fast/* slow/*; ls -A fast slow; setfattr -n user.glance.hashing_algo -v sha256 fast`); status != 0 || out != "fast:\n\nslow:\n" {
		t.Errorf("exit status %d, wrote %q", status, out)
	}
	if _, err := os.ReadDir(m.dir); err == nil {
		t.Error("root may look into the mount of a user") // no allow_other
	} else {
		wantErrno(t, err, unix.EACCES)
	}
}
