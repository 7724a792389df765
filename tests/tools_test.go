package tests

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"glancefs/tests/need"
)

// sources are what the tools copy.
type sources struct {
	a, b   []byte // odd sizes, more than one chunk and less
	sparse []byte // holes in the middle and at the end
}

func (m *mount) sources(t *testing.T) sources {
	t.Helper()
	s := sources{a: random('a', 3<<20+123), b: random('b', 77_777), sparse: make([]byte, 8<<20)}
	copy(s.sparse[1<<20:], s.b)
	copy(s.sparse[5<<20:], s.b)
	m.source(t, "a", s.a)
	m.source(t, "b", s.b)
	m.source(t, "empty", nil)
	m.wantSh(t, `cd $S && truncate -s 8M sparse && for at in 1 5; do
		dd if=b of=sparse bs=1M seek=$at conv=notrunc status=none; done`)
	return s
}

// TestTools adds images with the usual tools: exit status 0, no message, and
// all bytes in the store.
func TestTools(t *testing.T) {
	t.Parallel()
	need.Command(t, "rsync", "rsync")
	need.Command(t, "xz", "xz-utils")
	m := newMount(t)
	src := m.sources(t)
	ab := slices.Concat(src.a, src.b)
	zeros := make([]byte, 5_000_000)
	for _, test := range []struct {
		name, script string
		image        string // in the store fast, if not x
		want         []byte
	}{
		{"cp", `cp $S/a fast/x`, "", src.a},
		{"cp empty", `cp $S/empty fast/x`, "", nil},
		{"cp -p", `cp -p $S/a fast/x`, "", src.a},
		{"cp -a", `cp -a $S/a fast/x`, "", src.a},
		{"cp -f", `cp $S/b fast/x && cp -f $S/a fast/x`, "", src.a},
		{"cp onto itself -f", `cp $S/a fast/x && cp -f $S/a fast/x`, "", src.a},
		{"cp --sparse=always", `cp --sparse=always $S/sparse fast/x`, "", src.sparse},
		{"cp --sparse=never", `cp --sparse=never $S/sparse fast/x`, "", src.sparse},
		{"cp of a sparse file", `cp $S/sparse fast/x`, "", src.sparse},
		{"cp --preserve=xattr", `cp --preserve=xattr $S/a fast/x`, "", src.a},
		{"cp --preserve=xattr between stores", `cp $S/a slow/x && cp --preserve=xattr slow/x fast/x`, "", src.a},
		{"cp to a folder", `cp $S/a $S/b fast`, "a", src.a},
		{"cp to default", `cp $S/a default/x`, "", src.a},
		{"cat", `cat $S/a > fast/x`, "", src.a},
		{"cat of a pipe", `cat $S/a | cat > fast/x`, "", src.a},
		{"(a; b)", `(cat $S/a; cat $S/b) > fast/x`, "", ab},
		{"{ a; b; }", `{ cat $S/a; cat $S/b; } > fast/x`, "", ab},
		{"exec 5> and programs", `exec 5> fast/x; cat $S/a >&5; cat $S/b >&5; exec 5>&-`, "", ab},
		{"exec 5> and builtins", `exec 5> fast/x; echo a >&5; echo b >&5; exec 5>&-`, "", []byte("a\nb\n")},
		{"exec 5> without close", `exec 5> fast/x; echo a >&5; cat $S/b >&5`, "", append([]byte("a\n"), src.b...)},
		{"printf", `printf hello > fast/x`, "", []byte("hello")},
		{"tee", `tee fast/x < $S/a > $S/teed && cmp $S/teed $S/a`, "", src.a},
		{"tee to two stores", `tee slow/tee fast/x < $S/a > $S/teed && cmp slow/tee $S/a`, "", src.a},
		{"dd", `dd if=$S/a of=fast/x status=none bs=64K`, "", src.a},
		{"dd conv=fsync", `dd if=$S/a of=fast/x status=none bs=1M conv=fsync`, "", src.a},
		{"dd conv=sparse", `dd if=$S/sparse of=fast/x status=none bs=64K conv=sparse`, "", src.sparse},
		{"dd seek", `dd if=$S/b of=fast/x status=none bs=12345 seek=1`, "", append(make([]byte, 12345), src.b...)},
		{"dd oflag=append", `dd if=$S/b of=fast/x status=none oflag=append conv=notrunc`, "", src.b},
		{"dd oflag=direct", `dd if=$S/a of=fast/x status=none bs=64K oflag=direct`, "", src.a},
		{"touch", `touch fast/x`, "", nil},
		{"touch of an image", `cp $S/a fast/x; touch fast/x`, "", src.a},
		{"redirection of nothing", `: > fast/x`, "", nil},
		{">> on a new name", `cat $S/a >> fast/x`, "", src.a},
		{"install", `install -m 644 $S/a fast/x`, "", src.a},
		{"install again", `install -m 644 $S/b fast/x; install -p -m 600 $S/a fast/x`, "", src.a},
		{"mv in", `cp -p $S/a $S/moved && mv $S/moved fast/x && ! ls $S/moved 2> $S/err`, "", src.a},
		{"mv in a sparse file", `cp --sparse=always $S/sparse $S/moved && mv $S/moved fast/x`, "", src.sparse},
		{"mv inside", `cp $S/a fast/y && mv fast/y fast/x && ! ls fast/y 2> $S/err`, "", src.a},
		{"mv across stores", `cp $S/a slow/y && mv slow/y fast/x && ! ls slow/y 2> $S/err`, "", src.a},
		{"truncate", `truncate -s 5000000 fast/x`, "", zeros},
		{"fallocate", `fallocate -l 5000000 fast/x`, "", zeros},
		{"head of an endless stream", `head -c 5000000 /dev/zero > fast/x`, "", zeros},
		{"xz -dc", `xz -c0 $S/a | xz -dc > fast/x`, "", src.a},
		{"sort -o", `printf 'b\na\n' | sort -o fast/x`, "", []byte("a\nb\n")},
		{"shuffled names", `cp $S/b 'fast/a b	ü*"'`, "a b\tü*\"", src.b},
		{"python shutil", `$PY -c 'import shutil, sys; shutil.copyfile(*sys.argv[1:])' $S/a fast/x`, "", src.a},
		{"python mkstemp", `$PY -c '
import os, sys, tempfile
fd, path = tempfile.mkstemp(dir="fast")
os.write(fd, open(sys.argv[1], "rb").read())
os.close(fd)
os.rename(path, "fast/x")' $S/b`, "", src.b},
	} {
		t.Run(test.name, func(t *testing.T) {
			if out, status := m.sh(t, test.script); status != 0 || out != "" {
				t.Errorf("exit status %d, wrote %q", status, out)
			}
			image := test.image
			if image == "" {
				image = "x"
			}
			wantImage(t, filepath.Join(m.fast, image), test.want)
			wantContent(t, filepath.Join(m.fastData, image), test.want)
			wantSumsOfTools(t, m.fast)
			m.wantSh(t, `rm -f fast/* slow/*`)
		})
	}
}

// wantSumsOfTools compares the digests of every image in a store with those
// that md5sum and sha512sum compute.
func wantSumsOfTools(t *testing.T, store string) {
	t.Helper()
	out, _ := startIn(t, store, `for f in *; do
		for pair in checksum:md5sum multihash:sha512sum; do
			is=$(getfattr --only-values -n user.glance.${pair%:*} "$f")
			should=$(${pair#*:} < "$f")
			[ "$is" = "${should%% *}" ] || echo "$f: $pair: $is, not $should"
		done
	done`).wait(t)
	if out != "" {
		t.Error(out)
	}
}

// TestToolsKeepTimes: the tools that keep the times of a file do, and its
// digests stay.
func TestToolsKeepTimes(t *testing.T) {
	t.Parallel()
	need.Command(t, "rsync", "rsync")
	m := newMount(t)
	a := m.source(t, "a", random('a', 300_000))
	m.wantSh(t, `touch -d '2001-02-03 04:05:06.789' $S/a`)
	for _, test := range []struct{ name, script string }{
		{"cp -p", `cp -p $S/a fast/x`},
		{"cp -a", `cp -a $S/a fast/x`},
		{"install -p", `install -p $S/a fast/x`},
		{"mv", `cp -a $S/a $S/m; mv $S/m fast/x`},
		{"mv across stores", `cp -a $S/a slow/y; mv slow/y fast/x`},
		{"mv inside", `cp -a $S/a fast/y; mv fast/y fast/x`},
		{"tar", `tar -c --format=posix -C $S a | tar -x -C fast --transform s/a/x/`},
		{"rsync -a", `rsync -a $S/a fast/x`},
		{"touch afterwards", `cp $S/a fast/x; touch -r $S/a fast/x`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if out, status := m.sh(t, test.script); status != 0 || out != "" {
				t.Errorf("exit status %d, wrote %q", status, out)
			}
			times := m.wantSh(t, `stat -c %.9Y $S/a fast/x`)
			want, got, _ := bytes.Cut([]byte(times), []byte("\n"))
			if string(want)+"\n" != string(got) {
				t.Errorf("mtime is %s, want %s", got, want)
			}
			wantImage(t, m.fast+"/x", a)
			m.wantSh(t, `rm fast/x`)
		})
	}
}

// TestRsync: every way of rsync to write, and a second run that transfers
// nothing.
func TestRsync(t *testing.T) {
	t.Parallel()
	need.Command(t, "rsync", "rsync")
	m := newMount(t)
	src := m.sources(t)
	for _, flags := range []string{
		"-a", "-a --inplace", "-a --sparse", "-a --preallocate", "-a --append", "-a --fsync",
		"-a --whole-file", "-a --temp-dir=" + m.fast, "-a --checksum", "-aH --inplace --sparse",
	} {
		t.Run(flags, func(t *testing.T) {
			const run = `rsync --stats --exclude=out* %s $S/a $S/sparse fast/`
			rsync := func() string {
				return m.wantSh(t, string(bytes.Replace([]byte(run), []byte("%s"), []byte(flags), 1)))
			}
			rsync()
			wantImage(t, m.fast+"/a", src.a)
			wantImage(t, m.fast+"/sparse", src.sparse)
			if out := rsync(); !bytes.Contains([]byte(out), []byte("Number of regular files transferred: 0\n")) {
				t.Errorf("the second run:\n%s", out)
			}
			wantImage(t, m.fast+"/a", src.a)
			m.wantSh(t, `rm fast/*`)
		})
	}
	t.Run("onto another image", func(t *testing.T) {
		m.wantSh(t, `cp $S/b fast/a`)
		// rsync renames its temporary image; what it then leaves it removes.
		if out, status := m.sh(t, `rsync -a $S/a fast/a`); status != 23 {
			t.Errorf("exit status %d, want 23\n%s", status, out)
		}
		wantImage(t, m.fast+"/a", src.b)
		if names := m.wantSh(t, `ls -A fast`); names != "a\n" {
			t.Errorf("images: %q", names)
		}
	})
	t.Run("with attributes from outside", func(t *testing.T) {
		// It wants to remove the digests, which the source does not have.
		if out, status := m.sh(t, `rsync -aX $S/b fast/`); status != 23 || !bytes.Contains([]byte(out), []byte("removexattr")) {
			t.Errorf("exit status %d, want 23\n%s", status, out)
		}
		wantImage(t, m.fast+"/b", src.b)
	})
	t.Run("from a store", func(t *testing.T) {
		m.wantSh(t, `mkdir $S/back && rsync -a fast/ $S/back`)
		wantContent(t, m.scratch+"/back/a", src.b)
	})
}

// TestTar: archives in and out.
func TestTar(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	src := m.sources(t)
	m.wantSh(t, `tar -cSf $S/in.tar -C $S ./a b sparse`)
	for range 2 { // the second time tar removes each image first
		if out := m.wantSh(t, `tar -xf $S/in.tar -C fast`); out != "" {
			t.Errorf("tar wrote %q", out)
		}
		wantImage(t, m.fast+"/a", src.a)
		wantImage(t, m.fast+"/b", src.b)
		wantImage(t, m.fast+"/sparse", src.sparse)
	}
	m.wantSh(t, `mkdir $S/out && tar -cf - -C fast . | tar -xf - -C $S/out --no-same-permissions --exclude=.`)
	m.wantSh(t, `tar -cf - -C fast a b sparse | tar -xf - -C $S/out`)
	wantContent(t, m.scratch+"/out/a", src.a)
	wantContent(t, m.scratch+"/out/sparse", src.sparse)
}

// TestReadingTools: what only looks at the mount.
func TestReadingTools(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	src := m.sources(t)
	m.wantSh(t, `cp $S/a $S/sparse $S/empty fast; touch -d '2020-01-02 03:04:05' fast/a`)
	for _, test := range []struct{ name, script, want string }{
		{"ls -A of the root", `ls -A`, "default\nfast\nslow\n"},
		{"ls of a store", `ls -AU fast | sort`, "a\nempty\nsparse\n"},
		{"ls -l", `TZ=UTC ls -l --time-style=full-iso fast/a`,
			"-r--r--r-- 1 root root 3145851 2020-01-02 03:04:05.000000000 +0000 fast/a\n"},
		{"ls -l of a store", `ls -l fast | sed 1d | wc -l`, "3\n"},
		{"ls -l of an absent image", `ls -l fast/none; echo $?`, "ls: cannot access 'fast/none': No such file or directory\n2\n"},
		{"default", `readlink default; ls -A default/ | head -1`, "fast\na\n"},
		{"find", `find fast -type f -size +1M -printf '%f %s\n' | sort`, "a 3145851\nsparse 8388608\n"},
		{"find all", `find . | sort`, ".\n./default\n./fast\n./fast/a\n./fast/empty\n./fast/sparse\n./slow\n"},
		{"du --apparent-size", `du -b fast/a`, "3145851\tfast/a\n"},
		{"du", `du -B1 fast/a ` + m.fastData + `/a | cut -f 1 | uniq | wc -l`, "1\n"},
		{"stat", `stat -c '%F %h %o %a' fast/a; stat -c '%F %a' fast slow .`,
			"regular file 1 1048576 444\ndirectory 755\ndirectory 755\ndirectory 755\n"},
		{"file types", `test -f fast/a && test -d fast && test -L default && test ! -e fast/none && test -s fast/a && echo yes`, "yes\n"},
		{"df", `df --output=size fast; df --output=size fast/a; df --output=size $S`, ""},
		{"stat -f", `stat -f -c '%T %l' fast fast/a .`, "fuseblk 255\nfuseblk 255\nfuseblk 255\n"},
		{"md5sum", `md5sum fast/a`, md5Hex(src.a) + "  fast/a\n"},
		{"cmp", `cmp fast/a $S/a && cmp fast/sparse $S/sparse`, ""},
		{"cp out", `cp fast/a $S/out && cmp $S/a $S/out && cp -a fast/sparse $S/out2 && cmp $S/sparse $S/out2`, ""},
		{"cat, head, tail", `cat fast/a | md5sum; head -c 1000 fast/a | cmp -n 1000 - $S/a; tail -c 1000 fast/a | cmp - <(tail -c 1000 $S/a)`,
			md5Hex(src.a) + "  -\n"},
		{"dd skip", `dd if=fast/a bs=1000 skip=1234 count=7 status=none | cmp - <(dd if=$S/a bs=1000 skip=1234 count=7 status=none)`, ""},
		{"flock", `flock -s fast/a true && flock fast true && echo locked`, "locked\n"},
		{"sync", `sync fast fast/a && sync -f fast && echo synced`, "synced\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := m.wantSh(t, test.script)
			if test.name == "df" {
				lines := bytes.Fields([]byte(got))
				if len(lines) != 6 || !bytes.Equal(lines[1], lines[5]) || !bytes.Equal(lines[3], lines[5]) {
					t.Errorf("df: %q", lines)
				}
				return
			}
			if got != test.want {
				t.Errorf("wrote %q, want %q", got, test.want)
			}
		})
	}
}

// TestExistingImage: what the tools say when they are to change an image, and
// that it stays.
func TestExistingImage(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	src := m.sources(t)
	m.wantSh(t, `cp $S/a fast/x; cp $S/a slow/x`)
	for _, test := range []struct {
		script string
		status int
		want   string // somewhere in what it writes
	}{
		{`cp $S/b fast/x`, 1, "File exists"},
		{`cp -n $S/b fast/x`, 0, ""},
		{`mv -n fast/x slow/x`, 0, ""},
		{`mv fast/x slow/x`, 1, "File exists"},
		{`cat $S/b > fast/x`, 1, "File exists"},
		{`: > fast/x`, 1, "File exists"},
		{`cat $S/b >> fast/x`, 1, "Permission denied"},
		{`echo >> fast/x`, 1, "Permission denied"},
		{`tee fast/x < $S/b > /dev/null`, 1, "File exists"},
		{`tee -a fast/x < $S/b > /dev/null`, 1, "Permission denied"},
		{`dd if=$S/b of=fast/x`, 1, "File exists"},
		{`dd if=$S/b of=fast/x conv=notrunc`, 1, "Permission denied"},
		{`dd if=$S/b of=fast/x conv=excl`, 1, "File exists"},
		{`truncate -s 10 fast/x`, 1, "Permission denied"},
		{`truncate -s +10 fast/x`, 1, "Permission denied"},
		{`fallocate -l 10M fast/x`, 1, "Permission denied"},
		{`fallocate -p -l 4096 fast/x`, 1, "Permission denied"},
		{`$PY -c 'open("fast/x", "wb")'`, 1, "FileExistsError"},
		{`$PY -c 'open("fast/x", "r+b")'`, 1, "PermissionError"},
		{`ln fast/x fast/y`, 1, "Operation not permitted"},
		{`sed -i s/a/b/ slow/y`, 2, ""},
	} {
		t.Run(test.script, func(t *testing.T) {
			out, status := m.sh(t, test.script)
			if status != test.status || !bytes.Contains([]byte(out), []byte(test.want)) {
				t.Errorf("exit status %d, want %d; wrote %q, want %q", status, test.status, out, test.want)
			}
			wantImage(t, m.fast+"/x", src.a)
			wantImage(t, m.slow+"/x", src.a)
		})
	}
	if names := m.wantSh(t, `ls -A fast slow`); names != "fast:\nx\n\nslow:\nx\n" {
		t.Errorf("images: %q", names)
	}
}

// TestQemuImg: out of a store it works, into one it opens its target twice
// and must fail cleanly.
func TestQemuImg(t *testing.T) {
	t.Parallel()
	need.Command(t, "qemu-img", "qemu-utils")
	m := newMount(t)
	src := m.sources(t)
	m.log.allow("fast/|x")
	m.wantSh(t, `qemu-img convert -f raw -O qcow2 $S/sparse $S/disk.qcow2 && cp $S/disk.qcow2 fast/disk`)

	t.Run("out", func(t *testing.T) {
		m.wantSh(t, `qemu-img convert -f qcow2 -O raw fast/disk $S/raw && cmp $S/raw $S/sparse`)
		m.wantSh(t, `qemu-img check fast/disk && qemu-img info -U fast/disk`)
	})
	t.Run("in raw", func(t *testing.T) {
		out, status := m.sh(t, `qemu-img convert -f qcow2 -O raw $S/disk.qcow2 fast/x`)
		if status != 1 {
			t.Errorf("exit status %d\n%s", status, out)
		}
		wantNoImage(t, m.fast+"/x")
	})
	t.Run("in qcow2", func(t *testing.T) {
		out, status := m.sh(t, `qemu-img convert -f raw -O qcow2 $S/sparse fast/x`)
		if status != 1 {
			t.Errorf("exit status %d\n%s", status, out)
		}
		// It closes an empty file before it opens it again, as touch does.
		if st, err := os.Stat(m.fast + "/x"); err == nil && st.Size() != 0 {
			t.Errorf("an image of %d bytes", st.Size())
		}
		m.wantSh(t, `rm -f fast/x`)
	})
	t.Run("in through a pipe", func(t *testing.T) {
		m.wantSh(t, `qemu-img convert -f qcow2 -O raw $S/disk.qcow2 $S/raw2 && cat $S/raw2 > fast/x`)
		wantImage(t, m.fast+"/x", src.sparse)
	})
}

// TestLoop: losetup and mount -o loop fall back to read-only.
func TestLoop(t *testing.T) {
	t.Parallel()
	need.Command(t, "mkfs.ext4", "e2fsprogs")
	need.Command(t, "losetup", "mount")
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		need.Missing(t, "loop devices", "modprobe loop")
	}
	m := newMount(t)
	m.wantSh(t, `mkdir $S/in $S/at && echo hello > $S/in/file &&
		truncate -s 8M $S/disk && mkfs.ext4 -q -d $S/in $S/disk && cp $S/disk fast/disk`)
	t.Cleanup(func() { m.sh(t, `umount $S/at; losetup -j fast/disk -O name -n | xargs -r losetup -d`) })

	ro := m.wantSh(t, `dev=$(losetup -f --show fast/disk) && losetup -n -O RO $dev && cmp $dev $S/disk && losetup -d $dev`)
	if ro != " 1\n" && ro != "1\n" {
		t.Errorf("losetup: read-only is %q", ro)
	}
	out := m.wantSh(t, `mount -o loop fast/disk $S/at && cat $S/at/file && findmnt -n -o OPTIONS $S/at && umount $S/at`)
	if !bytes.Contains([]byte(out), []byte("hello\nro,")) {
		t.Errorf("mount -o loop: %q", out)
	}
}
