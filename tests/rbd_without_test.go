package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRBDWithoutCeph: a glancefs that was built without Ceph's libraries has
// rbd stores that say how to get one with them. The other stores work.
func TestRBDWithoutCeph(t *testing.T) {
	t.Parallel()
	without := filepath.Join(t.TempDir(), "glancefs")
	build := exec.Command("go", "build", "-o", without, "glancefs/cmd/glancefs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	m := setup{binary: without, conf: `
[DEFAULT]
enabled_backends = fast:file, slow:file, ceph:rbd
[ceph]
rbd_store_pool = images
rbd_store_user = glance
rbd_store_ceph_conf = /etc/ceph/ceph.conf`}.mount(t)
	m.log.allow("ceph")
	const how = "install librados-dev, librbd-dev"
	ceph := m.dir + "/ceph"
	if status, err := xattr(ceph, "user.glance.status"); err != nil || !strings.Contains(status, how) {
		t.Errorf("the status is %q (%v), want something of %q", status, err, how)
	}
	if out := m.wantSh(t, `ls -A; getfattr --only-values -n user.glance.type ceph`); out != "ceph\ndefault\nfast\nslow\nrbd" {
		t.Errorf("wrote %q", out)
	}
	wantErrno(t, open(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)(ceph+"/x"), unix.ENODEV)
	if out, status := m.sh(t, `cp /etc/hostname ceph/x`); status != 1 || !strings.Contains(out, "No such device") {
		t.Errorf("cp: exit status %d, wrote %q", status, out)
	}
	data := random('w', 100_000)
	writeImage(t, m.fast+"/x", data)
	wantImage(t, m.fast+"/x", data)

	conf := m.args[slices.Index(m.args, "--config-file")+1]
	out, err := exec.Command(without, "check", "--config-file", conf).CombinedOutput()
	if _, failed := err.(*exec.ExitError); !failed || !strings.Contains(string(out), "ceph") || !strings.Contains(string(out), how) {
		t.Errorf("check: %v, wrote %s", err, out)
	}
}
