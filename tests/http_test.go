package tests

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"glancefs/tests/web"
)

// webMount is a mount with stores of a real nginx: web, cached (whose reads
// are not verified, and go through the page cache), stream (without ranges,
// likewise), secure, bare (without an index page), down (which answers 503)
// and unset (without a base URL). They have a.img, b.img and none.img, which has no digests.
type webMount struct {
	*mount
	server *web.Server
	data   map[string][]byte
}

func newWebMount(t *testing.T, conf ...string) *webMount {
	t.Helper()
	m := &webMount{server: web.StartNginx(t), data: map[string][]byte{
		"a.img": random('w', 9<<20+321), "b.img": random('x', 1000), "none.img": random('y', 2<<20), "empty.img": {},
	}}
	var sha512, sha256s, md5 strings.Builder
	for name, data := range m.data {
		m.server.Write(t, name, data)
		if name != "none.img" {
			fmt.Fprintf(&sha512, "%s  %s\n", sha512Hex(data), name)
			fmt.Fprintf(&sha256s, "SHA256 (%s) = %x\n", name, sha256.Sum256(data))
			fmt.Fprintf(&md5, "%s *%s\n", md5Hex(data), name)
		}
	}
	m.server.Write(t, "SHA512SUMS", []byte(sha512.String()))
	m.server.Write(t, "SHA256SUMS", []byte(sha256s.String()))
	m.server.Write(t, "MD5SUMS", []byte(md5.String()))
	m.mount = setup{conf: fmt.Sprintf(`
[DEFAULT]
enabled_backends = fast:file, slow:file, web:http, cached:http, stream:http, secure:http, bare:http, down:http, unset:http
[web]
http_store_base_url = %[1]s/html/
[cached]
http_store_base_url = %[1]s/json/
verify_on_read = false
[stream]
http_store_base_url = %[1]s/norange/
verify_on_read = false
[secure]
http_store_base_url = %[2]s/xml/
https_ca_certificates_file = %[3]s
[bare]
http_store_base_url = %[4]s/auth/
[down]
http_store_base_url = %[1]s/down/
%[5]s
`, m.server.HTTP, m.server.HTTPS, m.server.CAFile, strings.Replace(m.server.HTTP, "://", "://user:secret@", 1), strings.Join(conf, "\n"))}.mount(t)
	// Without the server no connection is kept, and the daemon is idle.
	t.Cleanup(m.server.Stop)
	return m
}

// TestHTTP reads stores of a real web server with real tools.
func TestHTTP(t *testing.T) {
	t.Parallel()
	m := newWebMount(t)
	for name, data := range m.data {
		m.source(t, name, data)
	}
	for _, store := range []string{"web", "cached", "stream", "secure", "bare"} {
		t.Run(store, func(t *testing.T) {
			dir := m.dir + "/" + store
			for _, name := range []string{"a.img", "b.img", "empty.img"} {
				wantImage(t, dir+"/"+name, m.data[name])
			}
			wantContent(t, dir+"/none.img", m.data["none.img"])
			if digest, err := xattr(dir+"/none.img", "user.glance.checksum"); err != unix.ENODATA {
				t.Errorf("none.img has the checksum %q (%v)", digest, err)
			}
			m.wantSh(t, "cd "+store+` && md5sum -c --quiet MD5SUMS && sha512sum -c --quiet SHA512SUMS && cmp a.img $S/a.img && cmp <(cat a.img) $S/a.img
				cp -p a.img $S/copy && cmp $S/copy $S/a.img && [ $(stat -c %Y a.img) = $(stat -c %Y $S/copy) ]
				cmp <(dd if=a.img bs=1M skip=3 count=2 status=none) <(dd if=$S/a.img bs=1M skip=3 count=2 status=none)
				cmp <(dd if=a.img bs=64K skip=1000003 iflag=skip_bytes status=none) <(tail -c +1000004 $S/a.img)
				cmp <(tail -c 5000 a.img) <(tail -c 5000 $S/a.img)`)
			if st, err := os.Stat(dir + "/missing.img"); !os.IsNotExist(err) {
				t.Errorf("missing.img: %v, %v", st, err)
			}
		})
	}
	ls := m.wantSh(t, `cd web && ls -l`)
	for name, data := range m.data {
		if !strings.Contains(ls, fmt.Sprintf(" %d ", len(data))) || !strings.Contains(ls, " "+name+"\n") {
			t.Errorf("ls -l does not show %s of %d bytes:\n%s", name, len(data), ls)
		}
	}
	if strings.Count(ls, "\n-r--r-----") != len(m.data)+3 { // and the three files of digests
		t.Errorf("ls -l:\n%s", ls)
	}
	only := m.data["b.img"]
	m.server.Write(t, "only.img", only)
	m.server.Write(t, "only.img.sha256", fmt.Appendf(nil, "%x\n", sha256.Sum256(only)))
	if got := m.wantSh(t, `cp web/only.img fast/ && getfattr -d web/only.img`); !strings.Contains(got, `hashing_algo="sha256"`) || strings.Contains(got, "checksum") {
		t.Errorf("an image whose sha256 is published:\n%s", got)
	}
	wantImage(t, m.fast+"/only.img", only)
	wantXattr(t, m.dir+"/bare/a.img", "location", m.server.HTTP+"/auth/a.img")
	wantXattr(t, m.dir+"/web", "capabilities", "0x41")
	wantXattr(t, m.dir+"/web", "status", "ok")
	if out := m.wantSh(t, `ls unset`); out != "" {
		t.Errorf("a store without a base URL lists %q", out)
	}
	if status, err := xattr(m.dir+"/unset", "user.glance.status"); err != nil || !strings.Contains(status, "http_store_base_url") {
		t.Errorf("its status is %q (%v)", status, err)
	}
}

// TestHTTPParallel reads one image in many places at once, as the kernel's
// read-ahead and several programs do.
func TestHTTPParallel(t *testing.T) {
	t.Parallel()
	m := newWebMount(t)
	data := m.data["a.img"]
	var all sync.WaitGroup
	for _, store := range []string{"web", "cached", "stream", "secure"} {
		f, err := os.Open(m.dir + "/" + store + "/a.img")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i := range 4 {
			all.Go(func() {
				for off := int64(i) << 20; off < int64(len(data)); off += 4 << 20 {
					wantReadAt(t, f, data, off, 1<<20)
				}
			})
			all.Go(func() { wantContent(t, m.dir+"/"+store+"/a.img", data) })
		}
	}
	all.Wait()
}

// TestHTTPMmap: an image whose reads are verified, and do not go through the
// page cache, can't be mapped shared.
func TestHTTPMmap(t *testing.T) {
	t.Parallel()
	m := newWebMount(t)
	for _, test := range []struct {
		store string
		flags int
		want  error
	}{
		{"web", unix.MAP_SHARED, unix.ENODEV}, {"web", unix.MAP_PRIVATE, nil}, {"cached", unix.MAP_SHARED, nil},
	} {
		f, err := os.Open(m.dir + "/" + test.store + "/b.img")
		if err != nil {
			t.Fatal(err)
		}
		mapped, err := unix.Mmap(int(f.Fd()), 0, len(m.data["b.img"]), unix.PROT_READ, test.flags)
		if err != test.want {
			t.Errorf("%+v: %v", test, err)
		}
		if err == nil {
			wantBytes(t, test.store, mapped, m.data["b.img"])
			if err := unix.Munmap(mapped); err != nil {
				t.Error(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestHTTPReadOnly: nothing can be added, changed or deleted.
func TestHTTPReadOnly(t *testing.T) {
	t.Parallel()
	m := newWebMount(t)
	for _, script := range []string{
		`cp fast/x web/new`, `> web/new`, `rm -f web/a.img`, `mv fast/x web/x`, `touch web/new`, `mv web/a.img web/c.img`,
	} {
		m.wantSh(t, `echo x > fast/x || true`)
		if out, status := m.sh(t, script); status == 0 || !strings.Contains(out, "Read-only file system") {
			t.Errorf("%s: exit status %d, wrote %q", script, status, out)
		}
		m.wantSh(t, `rm -f fast/x`)
	}
	wantImage(t, m.dir+"/web/a.img", m.data["a.img"])
	m.log.allow(`"errno":"EROFS"`)
}

// TestHTTPCopy: a copy into another store streams through the daemon, and is
// compared with the published digest before it is committed.
func TestHTTPCopy(t *testing.T) {
	t.Parallel()
	m := newWebMount(t)
	for _, store := range []string{"web", "cached", "stream", "secure"} {
		m.wantSh(t, "cp "+store+"/a.img fast/"+store+" && cp "+store+"/none.img fast/none-"+store+" && cp --preserve=xattr "+store+"/b.img slow/b-"+store)
		wantImage(t, m.fast+"/"+store, m.data["a.img"])
		wantImage(t, m.fast+"/none-"+store, m.data["none.img"])
		wantImage(t, m.slow+"/b-"+store, m.data["b.img"])
	}
	src, err := os.Open(m.dir + "/cached/a.img")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst := create(t, m.slow+"/range")
	for n := 1; n > 0; {
		if n, err = unix.CopyFileRange(int(src.Fd()), nil, int(dst.Fd()), nil, 1<<30, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := dst.Close(); err != nil {
		t.Error(err)
	}
	wantImage(t, m.slow+"/range", m.data["a.img"])

	// The server has other bytes than it has published digests of: each way
	// to take them fails.
	rotten := bytes.Clone(m.data["a.img"])
	rotten[len(rotten)/2] ^= 1
	m.server.Write(t, "a.img", rotten)
	eventually(t, "the new image is seen", func() bool {
		got, err := os.ReadFile(m.dir + "/cached/a.img")
		return err == nil && bytes.Equal(got, rotten)
	})
	for _, script := range []string{`cp cached/a.img slow/rotten`, `cp stream/a.img slow/rotten`, `cp web/a.img slow/rotten`, `md5sum web/a.img`,
		`cat web/a.img > $S/out`, `dd if=web/a.img of=$S/out bs=1M`, `cp --sparse=never web/a.img $S/out`} {
		if out, status := m.sh(t, script); status == 0 {
			t.Errorf("%s: exit status 0, wrote %q", script, out)
		}
		wantNoImage(t, m.slow+"/rotten")
	}
	if st, err := os.Stat(m.scratch + "/out"); err != nil || st.Size() == 0 || st.Size() >= int64(len(rotten)) {
		t.Errorf("cp has left %v, %v: it can only see a part", st, err)
	}
	m.log.want(t, `"image":"rotten"`)
	m.log.want(t, `"image":"a.img".*is not what it should be|is not what it should be.*"image":"a.img"`)
}

// TestHTTPCopyAlgorithms: a copy is compared with the published digest whatever
// its algorithm and that of the target store.
func TestHTTPCopyAlgorithms(t *testing.T) {
	t.Parallel()
	m := newWebMount(t)
	m.wantSh(t, `setfattr -n user.glance.hashing_algo -v sha256 slow`) // and fast has sha512
	data := random('s', 3<<20)
	publish := func(name, algo, digest string) {
		m.server.Write(t, name, data)
		m.server.Write(t, name+"."+algo, []byte(digest+"  "+name+"\n"))
	}
	for algo, digest := range map[string]func([]byte) string{"sha512": sha512Hex, "sha256": sha256Hex, "md5": md5Hex} {
		publish("good-"+algo, algo, digest(data))
		publish("bad-"+algo, algo, digest(data[1:]))
		for _, source := range []string{"web", "cached", "stream"} {
			for _, target := range []string{"fast", "slow"} {
				for _, command := range []string{"cp %s %s", "cat %s > %s"} {
					good, bad := fmt.Sprintf(command, source+"/good-"+algo, target+"/x"), fmt.Sprintf(command, source+"/bad-"+algo, target+"/x")
					m.wantSh(t, good+" && cmp "+target+"/x "+source+"/good-"+algo+" && rm "+target+"/x")
					if out, status := m.sh(t, bad); status == 0 {
						t.Errorf("%s: exit status 0, wrote %q", bad, out)
					}
					wantNoImage(t, m.dir+"/"+target+"/x")
				}
			}
		}
	}
	m.log.allow(`is not what it should be`)
}

// TestHTTPRestart: programs that read an image do not notice that its server
// is restarted, whether it is read by ranges or as a stream, and whether its
// digests are compared.
func TestHTTPRestart(t *testing.T) {
	t.Parallel()
	m := newWebMount(t, "[glancefs]\nrequest_timeout = 50") // the machine may be slow
	data := random('q', 40<<20)                             // more than the buffers between server and reader
	m.server.Write(t, "q.img", data)
	readers := make(map[string]*process)
	for _, store := range []string{"web", "cached", "stream", "secure"} {
		p := m.start(t, `exec 3< `+store+`/q.img > $S/`+store+`; head -c 3000000 <&3; echo ready >&2; read go; exec cat <&3`)
		readers[store] = p
		eventually(t, "the reader has begun", func() bool { return strings.Contains(p.output(t), "ready") })
	}
	m.server.Stop()
	for _, p := range readers {
		p.send(t, []byte("go\n"))
		p.wantBlocked(t)
	}
	m.server.Start(t)
	for store, p := range readers {
		if out, status := p.wait(t); status != 0 {
			t.Errorf("%s: exit status %d, wrote %q", store, status, out)
		}
		wantContent(t, m.scratch+"/"+store, data)
	}
}

// TestHTTPDown: a server that is gone is an error at once to who opens an
// image, and to who reads one if it stays so; one that is back works, without
// a remount.
func TestHTTPDown(t *testing.T) {
	t.Parallel()
	m := newWebMount(t, "[glancefs]\nrequest_timeout = 5")
	m.log.allow(`"errno":"EHOSTDOWN"`)
	open, err := os.Open(m.dir + "/web/none.img")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	for range 2 {
		wantReadAt(t, open, m.data["none.img"], 1000, 1000)
		wantImage(t, m.dir+"/web/a.img", m.data["a.img"])
		m.server.Stop()
		if out, status := m.sh(t, `cat cached/b.img secure/b.img`); status == 0 || strings.Count(out, "Host is down") != 2 {
			t.Errorf("exit status %d, wrote %q", status, out)
		}
		_, err = open.ReadAt(make([]byte, 1000), 500_000)
		wantErrno(t, err, unix.EHOSTDOWN)
		if status, err := xattr(m.dir+"/web", "user.glance.status"); err != nil || !strings.Contains(status, "connection refused") {
			t.Errorf("status %q (%v)", status, err)
		}
		m.wantSh(t, `echo x > fast/x && cat fast/x && rm fast/x`)
		m.server.Start(t)
	}
	wantImage(t, m.dir+"/web/a.img", m.data["a.img"])
}

// TestHTTPHung: a server that hangs is ETIMEDOUT, delays no other store, and
// works when it answers again.
func TestHTTPHung(t *testing.T) {
	t.Parallel()
	m := newWebMount(t, "[glancefs]\nrequest_timeout = 5")
	m.log.allow(`"errno":"ETIMEDOUT"`)
	f, err := os.Open(m.dir + "/cached/a.img")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	wantReadAt(t, f, m.data["a.img"], 0, 1000)
	m.server.Pause(t)
	hung := m.start(t, `cat web/b.img`)
	hung.stdin.Close()
	m.wantSh(t, `echo x > fast/x && cat fast/x && rm fast/x && ls . > $S/ls`)
	if out, status := hung.wait(t); status == 0 || !strings.Contains(out, "Connection timed out") {
		t.Errorf("exit status %d, wrote %q", status, out)
	}
	_, err = f.ReadAt(make([]byte, 1000), 8<<20)
	wantErrno(t, err, unix.ETIMEDOUT)
	if st, err := f.Stat(); err != nil || st.Size() != int64(len(m.data["a.img"])) {
		t.Errorf("attributes of the open image: %v, %v", st, err)
	}
	m.server.Resume(t)
	eventually(t, "the server answers again", func() bool {
		_, err := os.Stat(m.dir + "/web/a.img")
		return err == nil
	})
	wantReadAt(t, f, m.data["a.img"], 8<<20, 1000)
	for _, store := range []string{"web", "cached", "stream", "secure"} {
		wantImage(t, m.dir+"/"+store+"/a.img", m.data["a.img"])
	}
}

// TestHTTPForced: glancefs umount --force waits for no reader of a server that
// hangs.
func TestHTTPForced(t *testing.T) {
	t.Parallel()
	m := newWebMount(t, "[glancefs]\nrequest_timeout = 3600")
	m.log.allow("its readers get 0s more")
	hung := make(map[string]*process)
	for _, store := range []string{"web", "cached", "stream"} {
		p := m.start(t, `exec 3< `+store+`/a.img; echo open; read go; exec cat <&3`)
		eventually(t, "it is open", func() bool { return p.output(t) == "open\n" })
		hung[store] = p
	}
	m.server.Pause(t)
	for _, p := range hung {
		p.send(t, []byte("go\n"))
		p.wantBlocked(t)
	}
	if out, status := glancefs(t, "umount", "--force", m.dir); status != 0 {
		t.Errorf("status %d, %s", status, out)
	}
	m.wantEnd(t)
	for store, p := range hung {
		if out, status := p.wait(t); status == 0 || strings.Contains(out, "timed out") {
			t.Errorf("%s: exit status %d, wrote %q", store, status, out)
		}
	}
}

// TestHTTPErrno: what a server answers, as errno of stat and open.
func TestHTTPErrno(t *testing.T) {
	t.Parallel()
	tests := map[string]unix.Errno{
		"400": unix.EINVAL, "401": unix.EACCES, "403": unix.EACCES, "404": unix.ENOENT, "405": unix.EINVAL, "407": unix.EACCES,
		"410": unix.ENOENT, "412": unix.EINVAL, "416": unix.EINVAL, "418": unix.EINVAL, "429": unix.EHOSTDOWN, "451": unix.EACCES,
		"500": unix.EHOSTDOWN, "501": unix.EIO, "503": unix.EHOSTDOWN,
		"loop": unix.EIO, "nowhere": unix.EIO, "plain": unix.EIO, "sizeless": unix.EIO, "reset": unix.EHOSTDOWN, "silent": unix.ETIMEDOUT,
		"foreign": unix.EHOSTDOWN, "gone": unix.EHOSTDOWN, "nosums": unix.EACCES, "badsums": unix.EIO, "twosums": unix.EIO, "garbage": unix.EIO,
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		kind, name, _ := strings.Cut(r.URL.Path[1:], "/")
		code, _ := strconv.Atoi(kind)
		switch sums := strings.HasSuffix(name, "SUMS") || strings.HasSuffix(name, "sums") || strings.HasPrefix(name, "x."); {
		case sums && kind == "nosums":
			w.WriteHeader(http.StatusForbidden)
		case kind == "badsums" && name == "SHA256SUMS":
			fmt.Fprintln(w, "nothing  x")
		case kind == "twosums" && name == "SHA256SUMS":
			fmt.Fprintf(w, "%064x  x\n%064x  x\n", 1, 2)
		case sums:
			w.WriteHeader(http.StatusNotFound)
		case code != 0:
			w.WriteHeader(code)
		case kind == "loop":
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		case kind == "nowhere":
			w.WriteHeader(http.StatusFound)
		case kind == "plain":
			http.Redirect(w, r, "http://"+r.Host+"/other", http.StatusFound)
		case kind == "sizeless":
			_ = http.NewResponseController(w).Flush()
		case kind == "reset":
			panic(http.ErrAbortHandler)
		case kind == "garbage":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.6\r\n")
			_ = conn.Close()
		case kind == "silent":
			<-r.Context().Done()
		default:
			w.Header().Set("Content-Length", "0")
		}
	}
	server, secure := httptest.NewServer(http.HandlerFunc(handler)), httptest.NewUnstartedServer(http.HandlerFunc(handler))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that do not trust it
	secure.StartTLS()
	defer server.Close()
	defer secure.Close()
	var enabled, groups strings.Builder
	for name := range tests {
		base := server.URL
		switch name {
		case "plain":
			base = secure.URL
			groups.WriteString("[s-plain]\nhttps_insecure = true\n")
		case "foreign":
			base = secure.URL
		case "gone":
			base = "http://127.0.0.1:1"
		}
		fmt.Fprintf(&enabled, ", s-%s:http", name)
		fmt.Fprintf(&groups, "[s-%[1]s]\nhttp_store_base_url = %[2]s/%[1]s/\nrequest_timeout = 5\n", name, base)
	}
	m := newMount(t, "[DEFAULT]\nenabled_backends = fast:file, slow:file"+enabled.String()+"\n"+groups.String())
	m.log.allow(`"store":"s-`)
	var all sync.WaitGroup
	for name, want := range tests {
		all.Go(func() {
			_, err := os.Stat(m.dir + "/s-" + name + "/x")
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		})
	}
	all.Wait()
}

// TestHTTPChanged: a reader of an image that is replaced on the server gets
// an error, and whoever opens it then the new one.
func TestHTTPChanged(t *testing.T) {
	t.Parallel()
	m := newWebMount(t)
	m.log.allow(`has changed on the server`)
	for _, store := range []string{"web", "cached", "stream"} {
		m.server.Write(t, "c.img", m.data["a.img"])
		path := m.dir + "/" + store + "/c.img"
		eventually(t, "the image is seen", func() bool {
			st, err := os.Stat(path)
			return err == nil && st.Size() == int64(len(m.data["a.img"]))
		})
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		wantReadAt(t, f, m.data["a.img"], 8<<20, 1000)
		m.server.Write(t, "c.img", m.data["none.img"])
		if _, err := f.ReadAt(make([]byte, 100_000), 0); err == io.EOF || err == nil {
			t.Errorf("%s: read of an image that was replaced: %v", store, err)
		} else {
			wantErrno(t, err, unix.EIO)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		eventually(t, "the new image is seen", func() bool {
			got, err := os.ReadFile(path)
			return err == nil && bytes.Equal(got, m.data["none.img"])
		})
	}
}

// TestHTTPCommands: the commands find images by their URLs.
func TestHTTPCommands(t *testing.T) {
	t.Parallel()
	m := newWebMount(t)
	conf := filepath.Join(filepath.Dir(m.dir), "glance-api.conf")
	out := filepath.Join(m.scratch, "out")
	for _, target := range []string{m.server.HTTP + "/html/../html/a.img", "web/a.img", m.server.HTTPS + "/xml/%61.img"} {
		if text, status := glancefs(t, "get", "--config-file", conf, "--output", out, target); status != 0 {
			t.Fatalf("%s: status %d, %s", target, status, text)
		}
		wantContent(t, out, m.data["a.img"])
	}
	// What is in no store is read all the same, also by a store without a
	// base URL.
	elsewhere := strings.Replace(m.server.HTTP, "://", "://user:secret@", 1) + "/gzip/a.img?token=1"
	for _, store := range []string{"web", "unset"} {
		if text, status := glancefs(t, "get", "--config-file", conf, "--store", store, "--output", out, elsewhere); status != 0 {
			t.Fatalf("%s: status %d, %s", store, status, text)
		}
		wantContent(t, out, m.data["a.img"])
	}
	text, status := glancefs(t, "stat", "--config-file", conf, strings.TrimSuffix(elsewhere, "?token=1"))
	if status != 0 || strings.Contains(text, "secret") || !strings.Contains(text, sha512Hex(m.data["a.img"])) || !strings.Contains(text, m.server.HTTP+"/gzip/a.img") {
		t.Errorf("status %d, %s", status, text)
	}
	if text, status := glancefs(t, "get", "--config-file", conf, m.server.HTTP+"/html2/a.img"); status != 3 {
		t.Errorf("status %d, %s", status, text)
	}
	if text, status := glancefs(t, "verify", "--config-file", conf, "web", "stream"); status != 0 || strings.Count(text, "ok") < 6 {
		t.Errorf("status %d, %s", status, text)
	}
	m.server.Write(t, "b.img", random('z', 1000))
	if text, status := glancefs(t, "verify", "--config-file", conf, "web/b.img"); status != 5 {
		t.Errorf("status %d, %s", status, text)
	}
	if text, status := glancefs(t, "check", "--config-file", conf); status != 1 || !strings.Contains(text, "web: ok") || !strings.Contains(text, "bare: ok") || !strings.Contains(text, "down: error: the index page: "+m.server.HTTP[7:]+" answers 503") {
		t.Errorf("status %d, %s", status, text)
	}
	if text, status := glancefs(t, "delete", "--config-file", conf, m.server.HTTP+"/html/a.img"); status != 1 || !strings.Contains(text, "read-only") {
		t.Errorf("status %d, %s", status, text)
	}
}

// TestHTTPProxyFromEnvironment: where the options name no proxy, the environment does.
func TestHTTPProxyFromEnvironment(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "http://images.invalid/x" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Length", "1234")
	}))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	conf := filepath.Join(t.TempDir(), "glance-api.conf")
	if err := os.WriteFile(conf, []byte("[DEFAULT]\nenabled_backends = web:http\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if text, status := glancefs(t, "size", "--config-file", conf, "http://images.invalid/x"); status != 0 || text != "1234\n" {
		t.Errorf("status %d, %s", status, text)
	}
}

// TestInteropHTTP: the real glance_store finds the same images under the
// locations that we tell, and refuses the same URIs.
func TestInteropHTTP(t *testing.T) {
	t.Parallel()
	m := newWebMount(t)
	odd := "sp ace & é%20#.img"
	m.data[odd] = random('o', 1000)
	m.server.Write(t, odd, m.data[odd])
	g := m.newGlanceStore(t)
	for _, store := range []string{"web", "stream", "secure", "bare"} {
		for name, data := range m.data {
			uri, err := xattr(m.dir+"/"+store+"/"+name, "user.glance.location")
			if err != nil {
				t.Fatal(err)
			}
			at := imageAt(store, []byte(strings.Replace(uri, m.server.HTTP+"/auth/", strings.Replace(m.server.HTTP, "://", "://user:secret@", 1)+"/auth/", 1)))
			wantBytes(t, "glance_store: "+uri, g.want(t, "get", at).Data, data)
			if size := g.want(t, "size", imageAt(store, at["uri"].([]byte))).Size; size != int64(len(data)) {
				t.Errorf("glance_store: %s has %d bytes, want %d", uri, size, len(data))
			}
		}
	}
	g.wantError(t, "StoreAddDisabled", "add", addRequest("web", "x", []byte("x"), "sha512"))
	g.wantError(t, "StoreDeleteNotSupported", "delete", imageAt("web", []byte(m.server.HTTP+"/html/a.img")))
	g.wantError(t, "NotFound", "get", imageAt("web", []byte(m.server.HTTP+"/html/missing")))
	conf := filepath.Join(filepath.Dir(m.dir), "glance-api.conf")
	for _, bad := range []string{
		"http://user@host/x", "http://u:p:q@host/x", "http://u:p@q@host/x", "http://host:port/x", "http:///x",
	} {
		g.wantError(t, "BadStoreUri", "get", imageAt("web", []byte(bad)))
		if text, status := glancefs(t, "get", "--config-file", conf, bad); status != 2 {
			t.Errorf("get %s: status %d, %s", bad, status, text)
		}
	}
}
