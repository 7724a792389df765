package tests

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRecovers: stores that can't be opened at the start, a usual and a
// reserved one, refuse adds and say why, and work as soon as the reason has
// gone, without a remount.
func TestRecovers(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	blocker := base + "/here" // a file where a directory is to be
	if err := os.WriteFile(blocker, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	m := setup{conf: "[DEFAULT]\nenabled_backends = fast:file, slow:file, late:file\n" +
		"[late]\nfilesystem_store_datadir = " + blocker + "/images\n" +
		"[os_glance_staging_store]\nfilesystem_store_datadir = " + base + "/staging\n"}.mount(t)
	m.log.allow("late|os_glance_staging_store")
	data := random('r', 100_000)
	create := open(unix.O_WRONLY | unix.O_CREAT)
	for store, reason := range map[string]string{"late": blocker, "os_glance_staging_store": base + "/staging"} {
		wantErrno(t, create(m.dir+"/"+store+"/x"), unix.ENODEV)
		if status, err := xattr(m.dir+"/"+store, "user.glance.status"); err != nil || !strings.Contains(status, reason) {
			t.Errorf("the status of %s is %q (%v), want something of %s", store, status, err, reason)
		}
	}
	if err := os.Remove(blocker); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{blocker + "/images", base + "/staging"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, store := range []string{"late", "os_glance_staging_store"} {
		path := m.dir + "/" + store
		eventually(t, store+" works", func() bool {
			status, err := xattr(path, "user.glance.status")
			return err == nil && status == "ok"
		})
		writeImage(t, path+"/x", data)
		wantImage(t, path+"/x", data)
	}
}
