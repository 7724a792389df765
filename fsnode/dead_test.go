package fsnode

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDeadStore: readers, writers and lookups that hang on store two delay
// neither store one nor the root.
func TestDeadStore(t *testing.T) {
	m := mount(t, "[glancefs]\nrequest_timeout = 3600")
	m.put("one", "image", "content")
	const readers = 32 // more than the kernel's default of requests in the background
	var waiting sync.WaitGroup
	for i := range readers {
		name := "image" + itoa(i)
		m.put("two", name, "content")
		m.fault("two", "read", name, holding)
		waiting.Go(func() { m.wantContent(filepath.Join(m.two, name), "content") })
	}
	for i := range readers {
		m.await("two", "read", "image"+itoa(i), 1)
	}
	fd := m.create(filepath.Join(m.two, "new"))
	for _, op := range []string{"append", "stat", "list", "create"} {
		m.fault("two", op, "", holding)
	}
	waiting.Go(func() { m.write(fd, "bytes") })
	waiting.Go(func() { m.listing(m.two) })
	m.await("two", "append", "new", 1)
	m.await("two", "list", "", 1)

	m.wantListing(m.dir, "default", "one", "two")
	var st unix.Stat_t
	m.wantErr("stat of the dead store", unix.Stat(m.two, &st), 0)
	for range 3 {
		m.wantContent(filepath.Join(m.one, "image"), "content")
		m.wantListing(m.one, "image")
	}
	other := m.create(filepath.Join(m.one, "new"))
	m.write(other, "bytes")
	m.close(other)
	m.wantErr("unlink", unix.Unlink(filepath.Join(m.one, "new")), 0)

	m.release()
	waiting.Wait()
	m.close(fd)
}

// TestDeadDefaultStore: the root does not wait for the default store either.
func TestDeadDefaultStore(t *testing.T) {
	m := mount(t, "[glancefs]\nrequest_timeout = 3600\n[one]\ntest_space = hang")
	var st unix.Statfs_t
	if err := unix.Statfs(m.dir, &st); err != nil || st.Blocks != 0 {
		t.Errorf("statfs: %d blocks, %v", st.Blocks, err)
	}
	m.wantListing(m.dir, "default", "one", "two")
}

// TestTimeout: a store that hangs answers with the deadline, and works again
// when it is back.
func TestTimeout(t *testing.T) {
	m := mount(t, "[one]\nrequest_timeout = 0.1")
	m.put("one", "image", "content")
	path := filepath.Join(m.one, "image")
	reader := m.open(path, unix.O_RDONLY)
	defer m.close(reader)
	for _, op := range []string{"stat", "open", "read", "create", "list"} {
		m.fault("one", op, "", hanging)
	}
	_, err := unix.Pread(reader, make([]byte, 10), 0)
	m.wantErr("read", err, unix.ETIMEDOUT)
	m.wantErr("stat", unix.Stat(filepath.Join(m.one, "other"), new(unix.Stat_t)), unix.ETIMEDOUT)
	m.release()
	m.wantContent(path, "content")
	m.wantListing(m.one, "image")
}

// TestSlowName: of many who ask at once for a name of a store that hangs, each
// has an answer after the time of one, though the kernel asks for one after
// the other.
func TestSlowName(t *testing.T) {
	m := mount(t, "[glancefs]\nrequest_timeout = 1")
	m.fault("one", "stat", "image", hanging)
	stat := func() error { return unix.Stat(filepath.Join(m.one, "image"), new(unix.Stat_t)) }
	var asked []thread
	for range 8 {
		asked = append(asked, inThread(stat))
	}
	for _, th := range asked {
		m.wantErr("stat", <-th.result, unix.ETIMEDOUT)
	}
	if n := m.count("one", "stat", "image"); n > 2 { // one may have come late
		t.Errorf("the store was asked %d times", n)
	}
	m.put("one", "image", "content")
	m.release()
	for deadline := time.Now().Add(stuck / 2); stat() == unix.ETIMEDOUT && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	m.wantErr("stat, later", stat(), 0)
}
