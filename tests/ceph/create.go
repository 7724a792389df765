package ceph

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// create makes the cluster's files, starts its daemons, and waits until it
// takes writes. Nothing waits for the manager: only statistics and quotas
// need it.
func (c *Cluster) create(ctx context.Context) error {
	osdUUID, err := c.writeFiles()
	if err != nil {
		return err
	}
	c.mon = c.daemon("ceph-mon", "a")
	c.mgr = c.daemon("ceph-mgr", "x")
	c.osd = c.daemon("ceph-osd", "0")
	var g errgroup.Group
	g.Go(func() error {
		_, err := output(ctx, "ceph-osd", "--conf", c.osd.conf, "-i", "0", "--mkfs", "--osd-uuid", osdUUID, "--no-mon-config")
		return err
	})
	g.Go(func() error { return c.createMon(ctx, osdUUID) })
	if err := g.Wait(); err != nil {
		return err
	}
	if err := c.osd.start(); err != nil {
		return err
	}
	return c.serves(ctx)
}

func (c *Cluster) daemon(program, id string) *daemon {
	return &daemon{program: program, id: id, conf: c.in("daemons.conf"), log: c.in(program + ".log")}
}

// createMon starts the monitor and the manager, and tells the monitor of the
// OSD.
func (c *Cluster) createMon(ctx context.Context, osdUUID string) error {
	if _, err := output(ctx, "monmaptool", "--create", "--fsid", c.fsid, "--addv", "a", c.address(), c.in("monmap")); err != nil {
		return err
	}
	// All keys of the keyring become known to the monitor.
	if _, err := output(ctx, "ceph-mon", "--conf", c.mon.conf, "-i", "a", "--mkfs", "--monmap", c.in("monmap"), "--keyring", c.in("keyring")); err != nil {
		return err
	}
	if err := c.mon.start(); err != nil {
		return err
	}
	if _, err := c.Try(ctx, "ceph", "osd", "new", osdUUID, "-i", c.in("osd.json")); err != nil {
		return err
	}
	if _, err := c.Try(ctx, "ceph", "osd", "pool", "create", probe, "1"); err != nil {
		return err
	}
	return c.mgr.start()
}

// address is the monitor's, of the second protocol only.
func (c *Cluster) address() string { return fmt.Sprintf("[v2:127.0.0.1:%d]", c.port) }

// freePort returns a port on which nothing listens. It is below those that
// Linux gives to outgoing connections (32768 and up, ip(7)): else a client
// that calls a dead monitor again and again may be given the monitor's port.
func freePort() (int, error) {
	for range 100 {
		port := 20000 + mathrand.IntN(32768-20000)
		if l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port")
}

// writeFiles writes the configurations, the keys and the daemons' folders. It
// returns the OSD's UUID.
func (c *Cluster) writeFiles() (osdUUID string, err error) {
	if c.port, err = freePort(); err != nil {
		return "", err
	}
	c.fsid, osdUUID = newUUID(), newUUID()
	admin, osd := newKey(), newKey()
	keyring := keyringOf("mon.", newKey(), "mon", "allow *") +
		keyringOf("client.admin", admin, "mon", "allow *", "osd", "allow *", "mgr", "allow *") +
		keyringOf("mgr.x", newKey(), "mon", "allow profile mgr", "osd", "allow *") +
		keyringOf("osd.0", osd, "mon", "allow profile osd", "mgr", "allow profile osd", "osd", "allow *")
	for name, text := range map[string]string{
		"ceph.conf":     c.clientConf(c.in("admin.keyring")),
		"admin.keyring": keyringOf("client.admin", admin),
		"daemons.conf":  c.clientConf(c.in("keyring")) + strings.ReplaceAll(daemonConf, "DIR", c.dir),
		"keyring":       keyring,
		"osd.json":      fmt.Sprintf(`{"cephx_secret": %q}`, osd),
	} {
		if err := os.WriteFile(c.in(name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	for _, dir := range []string{"mon", "mgr", "osd", "modules"} {
		if err := os.Mkdir(c.in(dir), 0o755); err != nil {
			return "", err
		}
	}
	return osdUUID, nil
}

// clientConf is what a client has in its ceph.conf.
func (c *Cluster) clientConf(keyring string) string {
	return fmt.Sprintf(`[global]
fsid = %s
mon host = %s
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = %s
`, c.fsid, c.address(), keyring)
}

// daemonConf is what the daemons have beyond that. The manager finds none of
// its modules in Python, which take seconds to load (`ceph health` says so). The
// intervals at the end, in seconds, are those that a test waits for. WPQ is the
// scheduler that does not begin with a benchmark of the disk. The heartbeat's
// grace is also the read lease of a placement group, which one that was stopped
// for longer may not get back: it stays laggy, and serves nothing.
const daemonConf = `
auth allow insecure global id reclaim = false
admin socket =
run dir = DIR
mon data = DIR/mon
mgr data = DIR/mgr
osd data = DIR/osd
mgr module path = DIR/modules
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
mon allow pool delete = true
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 2
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd class load list = *
osd class default list = *
osd objectstore = bluestore
osd memory target = 1073741824
osd op queue = wpq
osd heartbeat grace = 600
bluestore block size = 8589934592
bluestore fsck on mkfs = false
paxos propose interval = 0.05
mon tick interval = 1
mgr tick period = 1
mgr stats period = 1
mon client hunt interval = 1
mon client hunt interval max multiple = 1
`

// keyringOf is an entry of a keyring, with capabilities in pairs.
func keyringOf(entity, key string, caps ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s]\n\tkey = %s\n", entity, key)
	for pair := range slices.Chunk(caps, 2) {
		fmt.Fprintf(&b, "\tcaps %s = %q\n", pair[0], pair[1])
	}
	return b.String()
}

// newKey returns a new key of cephx (CryptoKey in Ceph's src/auth/Crypto.h):
// the type 1 (AES), the time in seconds and nanoseconds, and the length and
// bytes of the secret.
func newKey() string {
	var b bytes.Buffer
	secret := make([]byte, 16)
	_, _ = rand.Read(secret) // never fails
	for _, field := range []any{uint16(1), uint32(time.Now().Unix()), uint32(0), uint16(len(secret)), secret} {
		_ = binary.Write(&b, binary.LittleEndian, field)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// newUUID returns a random UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
