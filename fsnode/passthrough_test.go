package fsnode

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/backends"
	"glancefs/config"
	"glancefs/tests/need"
)

// extra are options of the stores that only tests have.
type extra struct {
	Space string `option:"test_space"` // hang: the store does not tell its space
	Files string `option:"test_files"` // local: its images are local files; bad: files that the kernel can't read by itself
}

// withExtra gives a store what its extra options say.
func withExtra(settings *config.Config, name string, s backends.Store) (backends.Store, error) {
	var e extra
	if err := settings.Decode(name, nil, &e).Err(); err != nil {
		return nil, err
	}
	if e.Space == "hang" {
		s = deadSpace{s}
	}
	if e.Files != "" {
		s = localFiles{s, e.Files}
	}
	return s, nil
}

// deadSpace is a store that does not tell its space, but hangs.
type deadSpace struct{ backends.Store }

func (s deadSpace) Unwrap() backends.Store { return s.Store }

func (s deadSpace) Space(ctx context.Context) (backends.Space, error) {
	<-ctx.Done()
	return backends.Space{}, context.Cause(ctx)
}

// localFiles is a store whose readers are local files too, with other bytes:
// what is read tells who has read it.
type localFiles struct {
	backends.Store
	kind string
}

func (s localFiles) Unwrap() backends.Store { return s.Store }

func (s localFiles) Open(ctx context.Context, name string) (backends.Reader, error) {
	r, err := s.Store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	if s.kind == "bad" { // nothing that has a read_iter and a write_iter
		file, err := os.Open("/proc/self/status")
		return localReader{r, file}, err
	}
	file, err := os.CreateTemp("", "fsnode-test-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	_, err = file.Write(make([]byte, r.Image().Size))
	return localReader{r, file}, err
}

type localReader struct {
	backends.Reader
	file *os.File
}

func (r localReader) LocalFile() (uintptr, bool) { return r.file.Fd(), true }

func (r localReader) Close() error {
	if err := r.file.Close(); err != nil {
		return err
	}
	return r.Reader.Close()
}

// byKernel tells whether the kernel reads an image by itself: it then has the
// zeros of the local file.
func (m *mounted) byKernel(fd int) bool {
	m.Helper()
	switch got := m.readFD(fd); got {
	case "content":
		return false
	case "\x00\x00\x00\x00\x00\x00\x00":
		return true
	default:
		m.Errorf("read %q", got)
		return false
	}
}

// TestPassthrough: the kernel reads local files by itself, all handles of an
// image alike, and one store where it can't does not spoil that for another.
func TestPassthrough(t *testing.T) {
	m := mount(t, "[one]\ntest_files = local\n[two]\ntest_files = bad")
	var can bool
	m.call("CanPassThrough", none{}, &can)
	if !can {
		need.Missing(t, "FUSE passthrough", "Linux 6.9 or later, and root")
	}
	for i := range 3 {
		m.put("one", "image"+itoa(i), "content")
		m.put("two", "image"+itoa(i), "content")
	}
	written := m.create(filepath.Join(m.one, "image"))
	m.write(written, "content")
	m.close(written) // its RELEASE comes some time later
	open := func(dir, name string, kernel bool) int {
		t.Helper()
		fd := m.open(filepath.Join(dir, name), unix.O_RDONLY)
		if got := m.byKernel(fd); got != kernel {
			t.Errorf("%s/%s is read by the kernel: %v", dir, name, got)
		}
		return fd
	}
	var fds []int
	for range 2 { // a second handle while the first is open
		fds = append(fds, open(m.one, "image", true), open(m.one, "image0", true), open(m.two, "image0", false))
	}
	fds = append(fds, open(m.one, "image1", true), open(m.two, "image1", false))
	m.wantErr("unlink", unix.Unlink(filepath.Join(m.one, "image0")), 0)
	if !m.byKernel(fds[1]) {
		t.Error("a removed image is not read by the kernel any more")
	}
	for _, fd := range fds {
		m.close(fd)
	}
	m.close(open(m.one, "image1", true)) // once more, after the last was closed
	m.close(open(m.two, "image1", false))
}

// TestNoPassthroughVerified: what is to be verified goes through the daemon.
func TestNoPassthroughVerified(t *testing.T) {
	m := mount(t, "[one]\ntest_files = local\nverify_on_read = true")
	m.put("one", "image", "content")
	fd := m.open(filepath.Join(m.one, "image"), unix.O_RDONLY)
	defer m.close(fd)
	if m.byKernel(fd) {
		t.Error("it is read by the kernel")
	}
}
