package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// glanceConf is a glance-api.conf as Debian's glance-common ships it and an
// operator has edited it: mostly about other things, mostly comments. %s are
// two datadirs.
const glanceConf = `[DEFAULT]

#
# From glance.api
#

# Maximum number of image members per image. (integer value)
#image_member_quota = 128

# Key:Value pair of store identifier and store type. In case of
# multiple backends should be separated using comma. (dict value)
#enabled_backends = <None>
enabled_backends = ceph:rbd, first : file,
    second:file

# The hashing algorithm. (string value)
hashing_algorithm = sha256

debug=true
transport_url = rabbit://openstack:pass%%word@127.0.0.1:5672/

[cinder]
#cinder_http_retries = 3

[database]
connection = sqlite:////var/lib/glance/glancedb
backend = sqlalchemy

[glance_store]
# The store identifier for the default backend in which data will
# be stored. (string value)
default_backend = first
#stores = file,http

[ceph]
rbd_store_pool = images
rbd_store_user = glance

[first]
store_description = "the first: # and ; are part of it"
weight = 12
# Deprecated group/name - [DEFAULT]/filesystem_store_datadir
filesystem_store_datadir = %s/

[keystone_authtoken]
auth_type = password
password = $ecret

[second]
filesystem_store_datadirs = %s:10

[paste_deploy]
flavor = keystone
`

// TestGlanceConf mounts with the glance-api.conf of a deployment, unchanged.
func TestGlanceConf(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.stop(t)
	conf := filepath.Join(m.scratch, "glance-api.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, glanceConf, m.fastData, m.slowData), 0o644); err != nil {
		t.Fatal(err)
	}
	m.args[slices.Index(m.args, "--config-file")+1] = conf
	m.mountInBackground(t)
	if out := m.wantSh(t, `ls; readlink default`); out != "ceph\ndefault\nfirst\nsecond\nfirst\n" {
		t.Errorf("the stores are %q", out)
	}
	for _, p := range []pair{{"description", "the first: # and ; are part of it"}, {"weight", "12"}, {"default", "true"}, {"type", "file"}, {"status", "ok"}} {
		wantXattr(t, m.dir+"/first", p.name, p.value)
	}
	data := random('g', 100_000)
	m.source(t, "image", data)
	m.wantSh(t, `cp $S/image default/x; cp $S/image second/y`)
	for _, path := range []string{m.dir + "/first/x", m.dir + "/second/y"} {
		wantContent(t, path, data)
		wantXattr(t, path, "checksum", md5Hex(data))
		wantXattr(t, path, "hashing_algo", "sha256")
		wantXattr(t, path, "multihash", sha256Hex(data))
	}
	wantXattr(t, m.dir+"/first/x", "location", "file://"+m.fastData+"/x")
	wantContent(t, m.slowData+"/y", data)
	m.umountInBackground(t)
	m.log.allow("ceph|rbd")
	m.log.check(t)
}

// TestConfigFiles: of several --config-file and --config-dir the later one
// counts.
func TestConfigFiles(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	second := write("second.conf", "[fast]\nstore_description = second\n[slow]\nstore_description = second\nweight = 2\n")
	write("conf.d/10-a.conf", "[fast]\nstore_description = ten\n[DEFAULT]\nhashing_algorithm = sha256\n")
	write("conf.d/20-b.conf", "[fast]\nstore_description = twenty\n")
	write("conf.d/30-c.txt", "[fast]\nstore_description = no .conf\n")
	last := write("last.conf", "[slow]\nstore_description = last\n")
	m := setup{
		conf: "[fast]\nweight = 1\nstore_description = first\n",
		args: []string{"--config-file", second, "--config-dir", base + "/conf.d", "--config-file", last},
	}.mount(t)
	for store, want := range map[string][2]string{m.fast: {"twenty", "1"}, m.slow: {"last", "2"}} {
		wantXattr(t, store, "description", want[0])
		wantXattr(t, store, "weight", want[1])
		wantXattr(t, store, "hashing_algo", "sha256")
	}
}

// TestReservedStores: Glance's own stores are shown when they are configured
// or their directory exists, marked as reserved; nothing is made for them.
func TestReservedStores(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	if err := os.Mkdir(base+"/staging", 0o755); err != nil {
		t.Fatal(err)
	}
	m := newMount(t,
		"[glancefs]", "reserved_stores = glancefs-test-absent:file, glancefs-test-own:file",
		"[os_glance_staging_store]", "filesystem_store_datadir = "+base+"/staging",
		"[glancefs-test-own]", "filesystem_store_datadir = "+base+"/own",
	)
	m.log.allow("glancefs-test-own")
	if out := m.wantSh(t, `ls | grep -v tasks`); out != "default\nfast\nglancefs-test-own\nos_glance_staging_store\nslow\n" {
		t.Errorf("the stores are %q", out)
	}
	staging := m.dir + "/os_glance_staging_store"
	wantXattr(t, staging, "reserved", "true")
	wantXattr(t, m.fast, "reserved", "false")
	writeImage(t, staging+"/x", []byte("staged"))
	wantImage(t, staging+"/x", []byte("staged"))
	wantContent(t, base+"/staging/x", []byte("staged"))
	for _, path := range []string{base + "/own", "/var/lib/glance/glancefs-test-absent"} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s was made for a reserved store (%v)", path, err)
		}
	}
}

// TestDatadirs: images go to the datadir of the highest priority that has
// space, and are found in all of them.
func TestDatadirs(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	small := newFilesystem(t, "tmpfs", "size=4m")
	first, third := base+"/first", base+"/third"
	m := newMount(t,
		"[DEFAULT]", "enabled_backends = fast:file, slow:file, many:file, full:file",
		"[many]", "filesystem_store_datadirs = "+third, "filesystem_store_datadirs = "+first+":200", "filesystem_store_datadirs = "+small+":100",
		"[full]", "filesystem_store_datadirs = "+small+":100", "filesystem_store_datadirs = "+third+":5",
	)
	m.log.allow("ENOSPC")
	many := m.dir + "/many"
	data := random('d', 100_000)
	writeImage(t, many+"/x", data)
	wantContent(t, first+"/x", data)
	wantXattr(t, many+"/x", "location", "file://"+first+"/x")

	// What Glance put into the others.
	for dir, name := range map[string]string{small: "in-small", third: "in-third"} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
		wantContent(t, many+"/"+name, data)
		wantXattr(t, many+"/"+name, "location", "file://"+dir+"/"+name)
		wantErrno(t, open(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)(many+"/"+name), unix.EEXIST)
	}
	if out := m.wantSh(t, `ls many`); out != "in-small\nin-third\nx\n" {
		t.Errorf("the images are %q", out)
	}
	m.wantSh(t, `rm many/in-third; mv many/in-small many/moved`)
	wantOnly(t, third)
	wantContent(t, small+"/moved", data)

	// The one that comes first has no space at all: the next.
	m.sh(t, `head -c 100M /dev/zero > `+small+`/ballast`)
	writeImage(t, m.dir+"/full/y", data)
	wantContent(t, third+"/y", data)
	wantImage(t, m.dir+"/full/y", data)
}

// TestMetadataFile: what filesystem_store_metadata_file says of the
// mountpoint where an image is.
func TestMetadataFile(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	datadir := base + "/images"
	meta := filepath.Join(base, "metadata.json")
	text := fmt.Sprintf(`[{"id": "other", "mountpoint": "/nowhere"}, {"id": "b9d69795-5951-4cb0-bb5c-29491e1e2daf", "mountpoint": %q, "share": ["a", {"k": "v"}]}]`, base)
	if err := os.WriteFile(meta, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m := setup{fastData: datadir, conf: "[fast]\nfilesystem_store_metadata_file = " + meta}.mount(t)
	want := map[string]any{"id": "b9d69795-5951-4cb0-bb5c-29491e1e2daf", "mountpoint": base, "share": []any{"a", map[string]any{"k": "v"}}, "store": "fast"}
	for path, want := range map[string]map[string]any{m.fast + "/x": want, m.slow + "/x": {"store": "slow"}} {
		writeImage(t, path, []byte("x"))
		value, err := xattr(path, "user.glance.metadata")
		var got map[string]any
		if err != nil || json.Unmarshal([]byte(value), &got) != nil {
			t.Fatalf("user.glance.metadata of %s is %q (%v)", path, value, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("user.glance.metadata of %s (-want +got):\n%s", path, diff)
		}
	}
}

// TestFilePerm: the mode of new images; the datadir lets those in whom it
// lets read.
func TestFilePerm(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	datadir := base + "/images"
	if err := os.Mkdir(datadir, 0o700); err != nil {
		t.Fatal(err)
	}
	m := setup{fastData: datadir, conf: "[fast]\nfilesystem_store_file_perm = 664"}.mount(t)
	m.wantSh(t, `echo x > fast/x; echo x > slow/x`)
	out := m.wantSh(t, `stat -c %a fast/x slow/x `+datadir+`/x `+m.slowData+`/x `+datadir)
	if want := "444\n444\n664\n644\n711\n"; out != want { // shown without write bits
		t.Errorf("the modes are %q, want %q", out, want)
	}
}

// TestThinProvisioning: zeros become holes, and are zeros again when read.
func TestThinProvisioning(t *testing.T) {
	t.Parallel()
	m := newMount(t, "[fast]", "filesystem_thin_provisioning = true")
	data := make([]byte, 8<<20+5)
	copy(data[3<<20:], random('t', 1<<20))
	m.source(t, "zeros", data)
	m.wantSh(t, `cat $S/zeros > fast/x; cat $S/zeros > slow/x`)
	for path, most := range map[string]int64{m.fastData + "/x": 2 << 20, m.slowData + "/x": 9 << 20} {
		if took := allocated(t, path); took > most || took < 1<<20 {
			t.Errorf("%s takes %d bytes, want at most %d", path, took, most)
		}
		wantContent(t, path, data)
	}
	wantImage(t, m.fast+"/x", data)
	wantImage(t, m.slow+"/x", data)
}

// TestMisconfiguredStore: a store whose configuration is bad does not stop
// the others; it says everything that is wrong with it, and can be read.
func TestMisconfiguredStore(t *testing.T) {
	t.Parallel()
	seed := newMount(t)
	data := random('m', 1000)
	writeImage(t, seed.fast+"/x", data)
	seed.stop(t)
	m := setup{
		fastData: seed.fastData,
		conf: "[DEFAULT]\nenabled_backends = fast:file, slow:file, nowhere:file\n" +
			"[fast]\nfilesystem_store_file_perm = 1xx\nfilesystem_store_metadata_file = /nonexistent/metadata\n" +
			"[nowhere]\nfilesystem_store_datadir = " + seed.scratch + "/x\n",
	}
	if err := os.WriteFile(seed.scratch+"/x", nil, 0o644); err != nil { // no directory
		t.Fatal(err)
	}
	mounted := m.mount(t)
	mounted.log.allow("fast|nowhere")
	status, err := xattr(mounted.fast, "user.glance.status")
	for _, option := range []string{"filesystem_store_file_perm", "filesystem_store_metadata_file"} {
		if err != nil || !strings.Contains(status, option) {
			t.Errorf("user.glance.status is %q (%v), want something of %s", status, err, option)
		}
	}
	wantContent(t, mounted.fast+"/x", data)
	create := open(unix.O_WRONLY | unix.O_CREAT)
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"create", func() error { return create(mounted.fast + "/new") }},
		{"unlink", func() error { return os.Remove(mounted.fast + "/x") }},
		{"create where the datadir is a file", func() error { return create(mounted.dir + "/nowhere/new") }},
	} {
		t.Run(c.name, func(t *testing.T) { wantErrno(t, c.do(), unix.ENODEV) })
	}
	writeImage(t, mounted.slow+"/x", data)
	wantImage(t, mounted.slow+"/x", data)
}

// TestStartFails: a configuration that makes no sense as a whole stops the
// start, with one line that names what is wrong.
func TestStartFails(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	if err := os.Mkdir(base+"/mnt", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ conf, want string }{
		"default store":     {"[DEFAULT]\nenabled_backends = a:file\n[glance_store]\ndefault_backend = b\n", "default_backend"},
		"type":              {"[DEFAULT]\nenabled_backends = a:flie\n", "flie"},
		"hashing algorithm": {"[DEFAULT]\nenabled_backends = a:file\nhashing_algorithm = sha513\n", "sha513"},
		"an XOF":            {"[DEFAULT]\nenabled_backends = a:file\nhashing_algorithm = shake_128\n", "shake_128"},
		"backends":          {"[DEFAULT]\nenabled_backends = nonsense\n", "nonsense"},
		"the store's name":  {"[DEFAULT]\nenabled_backends = a/b:file\n", "a/b"},
	} {
		t.Run(name, func(t *testing.T) {
			conf := filepath.Join(t.TempDir(), "glance-api.conf")
			if err := os.WriteFile(conf, []byte(test.conf), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"--foreground"}, {"--log-file", base + "/log"}} {
				out, status := glancefs(t, append([]string{"mount", "--config-file", conf, base + "/mnt"}, args...)...)
				if status != 1 || strings.Count(out, "\n") != 1 || !strings.Contains(out, test.want) {
					t.Errorf("%v: exit status %d, wrote %q", args, status, out)
				}
			}
			if left := mountpoints(base); len(left) > 0 {
				t.Errorf("mounted: %q", left)
			}
		})
	}
}

// TestOwners: [glancefs] uid and gid own the tree, and -o uid= has the last
// word; images of a datadir are their owner's there.
func TestOwners(t *testing.T) {
	t.Parallel()
	m := newMount(t, "[glancefs]", "uid = 1234", "gid = 2345", "file_mode = 0400")
	if err := os.Chown(m.slowData, 777, 778); err != nil {
		t.Fatal(err)
	}
	script := `echo x > slow/x; stat -c '%n %u %g %a' . fast default slow/x ` + m.slowData + `/x`
	if out, want := m.wantSh(t, script), ". 1234 2345 755\nfast 1234 2345 755\ndefault 1234 2345 777\nslow/x 777 778 444\n"+m.slowData+"/x 777 778 644\n"; out != want {
		t.Errorf("owners and modes are %q, want %q", out, want)
	}
	m.stop(t)
	m.args = append(m.args, "-o", "uid=4321")
	m.serve(t)
	if out := m.wantSh(t, `stat -c '%u %g' fast slow/x`); out != "4321 2345\n777 778\n" {
		t.Errorf("owners are %q", out)
	}
}
