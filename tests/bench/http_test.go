//go:build bench

package bench

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"glancefs/tests/web"
)

// httpBench is a mount of stores of an nginx: of a folder without digests, as
// it is by default (plain) and with the page cache (cached), and of one whose
// digests are compared (verified).
type httpBench struct {
	*bench
	mount  *process
	glance *glanceStore
	url    string // of the folder without digests
}

func httpWorks(t *testing.T, b *bench) []Work {
	if !b.has("nginx", "nginx-light") || !b.has("curl", "curl") {
		return nil
	}
	t.Setenv("TMPDIR", tempDir(t, tmpfs)) // the server's files
	server := web.StartNginx(t)
	image := makeStreams(t, server.Dir, "http", 1, 1, b.Size)
	server.Write(t, "SHA512SUMS", []byte(sumLines("sha512", image[0])))
	f := image[0][0]
	bare := filepath.Join(server.Dir, "bare")
	if err := errors.Join(os.Mkdir(bare, 0o755), os.Link(f.path, filepath.Join(bare, f.name()))); err != nil {
		t.Fatal(err)
	}
	h := &httpBench{bench: b, url: server.HTTP + "/bare/"}
	conf := fmt.Sprintf(`[DEFAULT]
enabled_backends = plain:http, cached:http, verified:http
[glance_store]
default_backend = plain
[plain]
http_store_base_url = %[1]s/bare/
[cached]
http_store_base_url = %[1]s/bare/
verify_on_read = false
[verified]
http_store_base_url = %[1]s/
`, server.HTTP)
	h.mount = mountGlancefs(t, conf)
	h.glance = b.glanceStore(t, conf)
	size := bytesText(b.Size)
	return []Work{
		h.read(t, "read "+size, image),
		h.cached(t, "read "+size+" with the page cache", image),
		h.verified(t, "read "+size+", compared with its sha512", image),
	}
}

// cold is a reader whose files are not in memory.
func (h *httpBench) cold(v mounted, streams []stream) tool {
	u := v.reader(streams)
	u.before = func() error { return evict(in(v.dir, streams[0])...) }
	return u
}

// read measures reads of an image without digests, beside all others.
func (h *httpBench) read(t *testing.T, name string, streams []stream) Work {
	t.Helper()
	f := streams[0][0]
	tools := []tool{h.cold(mounted{Glancefs, h.mount, h.mount.dir + "/plain"}, streams)}
	if h.glance != nil {
		tools = append(tools, h.glance.reader("plain", streams, func(name string) string { return h.url + name }))
	}
	tools = append(tools, h.curl(f))
	if h.has("httpdirfs", "httpdirfs") {
		mnt := filepath.Join(t.TempDir(), "httpdirfs")
		// Its check of ranges fails with nginx, which answers them rightly (1.2.5).
		p := startMount(t, mnt, "httpdirfs", "--no-range-check", "-f", h.url, mnt)
		tools = append(tools, h.cold(mounted{"httpdirfs", p, mnt}, streams))
	}
	return h.work(t, Work{Name: name, Bytes: f.size, Streams: 1}, tools...)
}

// curl gets the image, and throws it away.
func (h *httpBench) curl(f source) tool {
	return tool{
		name: "curl",
		run: func(m *meter) error {
			return m.atOnce([][]string{{"curl", "-sSf", "-o", "/dev/null", h.url + f.name()}})
		},
		after: func() error {
			sum := md5.New()
			err := new(meter).command(sum, []string{"curl", "-sSf", h.url + f.name()})
			if got := fmt.Sprintf("%x", sum.Sum(nil)); got != f.sums["md5"] {
				err = errors.Join(err, fmt.Errorf("md5 %s", got))
			}
			return err
		},
	}
}

// cached measures reads of a store with verify_on_read = false, of which the
// kernel keeps what was read.
func (h *httpBench) cached(t *testing.T, name string, streams []stream) Work {
	t.Helper()
	f := streams[0][0]
	return h.work(t, Work{Name: name, Bytes: f.size, Streams: 1},
		h.cold(mounted{Glancefs, h.mount, h.mount.dir + "/cached"}, streams), h.curl(f))
}

// verified measures reads of the store whose reads are compared with the sums
// that the server publishes, beside curl and sha512sum.
func (h *httpBench) verified(t *testing.T, name string, streams []stream) Work {
	t.Helper()
	f := streams[0][0]
	var out bytes.Buffer
	return h.work(t, Work{Name: name, Bytes: f.size, Streams: 1},
		h.cold(mounted{Glancefs, h.mount, h.mount.dir + "/verified"}, streams),
		tool{
			name: "curl",
			run: func(m *meter) error {
				out.Reset()
				return m.command(&out, []string{"bash", "-euc", `set -o pipefail; curl -sSf "$1" | sha512sum`, "bash", h.url + f.name()})
			},
			after: func() error {
				if want := f.sums["sha512"] + "  -\n"; out.String() != want {
					return fmt.Errorf("sha512 %s, want %s", &out, want)
				}
				return nil
			},
		})
}
