package config

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"glancefs/tests/need"
)

const debianPath = "/usr/share/glance-common/glance-api.conf"

// debianConf returns the glance-api.conf of Debian's package glance-common: the
// installed one, else one that is downloaded once and kept in the user's cache.
func debianConf(t *testing.T) []byte {
	t.Helper()
	if text, err := os.ReadFile(debianPath); err == nil {
		return text
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(cache, "glancefs-tests", "glance-api.conf")
	if text, err := os.ReadFile(kept); err == nil {
		return text
	}
	text := downloadDebianConf(t)
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		t.Fatal(err)
	}
	partial := kept + ".partial" // another run may do the same
	if err := os.WriteFile(partial, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(partial, kept); err != nil {
		t.Fatal(err)
	}
	return text
}

func downloadDebianConf(t *testing.T) []byte {
	t.Helper()
	need.Command(t, "apt-get", "apt")
	need.Command(t, "dpkg-deb", "dpkg")
	extract := exec.Command("sh", "-ec",
		`apt-get -qq download glance-common; dpkg-deb --fsys-tarfile glance-common_*.deb | tar -xO ".$0"`, debianPath)
	extract.Dir = t.TempDir()
	var stderr bytes.Buffer
	extract.Stderr = &stderr
	text, err := extract.Output()
	if err != nil || len(text) == 0 {
		t.Logf("download: %v\n%s", err, stderr.Bytes())
		need.Missing(t, debianPath, "apt-get install glance-common")
	}
	return text
}

const addedStores = `
[DEFAULT]
enabled_backends = local:file, ceph:rbd, web:http
hashing_algorithm = sha256
[glance_store]
default_backend = ceph
[local]
filesystem_store_datadirs = /srv/fast:200
filesystem_store_datadirs = /srv/slow
[ceph]
store_description = "Ceph: all flash"
rbd_store_chunk_size = 16
rbd_thin_provisioning = yes
weight = -3
`

type debianOptions struct {
	Stores    string   `option:"enabled_backends"`
	Algorithm string   `option:"hashing_algorithm" default:"sha512"`
	Default   string   `option:"default_backend"`
	Text      string   `option:"store_description"`
	Dir       string   `option:"filesystem_store_datadir"`
	Dirs      []string `option:"filesystem_store_datadirs" multi:"true"`
	Chunk     int      `option:"rbd_store_chunk_size" default:"8" min:"1"`
	Thin      bool     `option:"rbd_thin_provisioning"`
	Weight    int      `option:"weight"`
	AuthURL   string   `option:"auth_url"`
	LockPath  string   `option:"lock_path"`
}

// Debian's file with stores added reads as in oslo.config, both as it comes and
// with all of the options that it has as comments switched on.
func TestDebianFileAgrees(t *testing.T) {
	o := startOslo(t)
	text := debianConf(t)
	stores := writeFile(t, "stores.conf", addedStores)
	for name, text := range map[string][]byte{
		"as it comes":   text,
		"uncommented":   regexp.MustCompile(`(?m)^#([a-z_0-9]+ =)`).ReplaceAll(text, []byte("$1")),
		"stores inside": slices.Concat(text, []byte(addedStores)),
	} {
		t.Run(name, func(t *testing.T) {
			locations := []Location{{Path: writeFile(t, "glance-api.conf", string(text))}, {Path: stores}}
			agree(t, o, locations, new(debianOptions),
				[]string{"DEFAULT", "glance_store", "local", "ceph", "keystone_authtoken", "oslo_concurrency"})

			c, err := Load(locations...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Stores()
			if err != nil {
				t.Fatal(err)
			}
			want := []Store{{"local", "file", false}, {"ceph", "rbd", false}, {"web", "http", false}, staging, tasks}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("stores (-want +got):\n%s", diff)
			}
		})
	}
}
