package tests

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestRBDKilledWriter: a writer that is killed publishes nothing and leaves
// nothing in the pool, and the name is free.
func TestRBDKilledWriter(t *testing.T) {
	t.Parallel()
	m := newRBDMount(t)
	m.log.allow("abort")
	src := m.sources(t)
	for _, test := range []struct{ store, victim string }{{"ceph", "cat"}, {"small", "cp /dev/stdin small/x"}, {"thin", "dd of=thin/x bs=64K status=none"}} {
		script := "exec " + test.victim
		if test.victim == "cat" {
			script += ` > ` + test.store + `/x`
		}
		path := m.dir + "/" + test.store + "/x"
		p := m.start(t, script)
		p.send(t, src.a)
		eventually(t, "the image is under way", func() bool {
			var st unix.Stat_t
			return unix.Lstat(path, &st) == nil && st.Size > 2<<20
		})
		if err := unix.Kill(p.find(t, test.victim), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.wait(t)
		wantNoImage(t, path)
		m.wantPool(t, nil)
		m.wantSh(t, `cp $S/b `+path)
		wantImage(t, path, src.b)
		m.wantSh(t, `rm `+path)
	}
}

// TestRBDDaemonKilled: the daemon is killed in the middle of adds and started
// again. What was under way is removed at once, although Ceph keeps the watch
// of a dead client for 30 s: its client is shut out, and no other one is.
// Nothing else is removed: not an image, and not what another process adds.
func TestRBDDaemonKilled(t *testing.T) {
	t.Parallel()
	here := newRBDMount(t)
	there := mountPool(t, here.cluster, here.pool)
	data := random('k', 5_000_000)
	writeImage(t, here.ceph+"/done", data)
	lost, kept := create(t, here.ceph+"/lost"), create(t, there.ceph+"/kept")
	empty := create(t, here.thin+"/empty")
	if _, err := lost.Write(data); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Write(data); err != nil {
		t.Fatal(err)
	}
	here.wantIncomplete(t, "empty", "kept", "lost")
	dead := slices.Concat(here.shutOut(t), here.watchers(t, "lost"), here.watchers(t, "empty"))
	slices.Sort(dead)

	here.kill(t)
	wantErrno(t, lost.Close(), unix.ENOTCONN)
	empty.Close()
	here.wantIncomplete(t, "empty", "kept", "lost") // nobody was there to remove it

	here.restart(t)
	here.wantIncomplete(t, "kept")
	if diff := cmp.Diff(dead, here.shutOut(t)); diff != "" {
		t.Errorf("clients that are shut out (-want +got):\n%s", diff)
	}
	wantImage(t, here.ceph+"/done", data)
	for _, m := range []*rbdMount{here, there} {
		wantNoImage(t, m.ceph+"/lost")
	}
	writeImage(t, there.ceph+"/lost", data[:1000])
	wantImage(t, here.ceph+"/lost", data[:1000])
	if _, err := kept.Write(data); err != nil {
		t.Error(err)
	}
	if err := kept.Close(); err != nil {
		t.Error(err)
	}
	for _, m := range []*rbdMount{here, there} {
		wantImage(t, m.ceph+"/kept", slices.Concat(data, data))
	}
	here.wantPool(t, map[string]int64{"done": 5_000_000, "kept": 10_000_000, "lost": 1000})
}

// watchers returns the addresses of those who have an RBD image open.
func (m *rbdMount) watchers(t *testing.T, image string) (addresses []string) {
	t.Helper()
	var status struct{ Watchers []struct{ Address string } }
	m.rbdJSON(t, &status, "status", m.pool+"/"+image)
	for _, w := range status.Watchers {
		addresses = append(addresses, w.Address)
	}
	return addresses
}

// shutOut returns the sorted addresses of the clients that the cluster
// refuses; no other test kills any.
func (m *rbdMount) shutOut(t *testing.T) (addresses []string) {
	t.Helper()
	var list []struct{ Addr string }
	out := m.cluster.Run(t, "ceph", "osd", "blocklist", "ls", "--format", "json")
	// After the list of addresses comes one of networks.
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&list); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, l := range list {
		addresses = append(addresses, l.Addr)
	}
	slices.Sort(addresses)
	return addresses
}

// wantIncomplete waits until these, sorted, are the RBD images of the pool that
// have no snapshot.
func (m *rbdMount) wantIncomplete(t *testing.T, names ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("under way are %q", names), func() bool {
		var got []string
		list := m.rbdList(t)
		for _, i := range list {
			if i.Snapshot == "" && !slices.ContainsFunc(list, func(s rbdImage) bool { return s.Image == i.Image && s.Snapshot == "snap" }) {
				got = append(got, i.Image)
			}
		}
		slices.Sort(got)
		return slices.Equal(got, names)
	})
}
