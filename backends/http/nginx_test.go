package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"glancefs/backends"
	"glancefs/tests/web"
)

// online makes a store that reaches the network.
func online(t *testing.T, o options) *Store {
	t.Helper()
	return newTestStore(t, o, new(net.Dialer).DialContext)
}

// readAll reads an image in pieces.
func readAll(ctx context.Context, s *Store, name string) ([]byte, error) {
	r, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, r.Image().Size)
	for off := 0; off < len(data); off += 1 << 20 {
		if _, err := r.ReadAt(ctx, data[off:min(len(data), off+1<<20)], int64(off)); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// TestNginx reads from a real server, in each way that it serves.
func TestNginx(t *testing.T) {
	server := web.StartNginx(t)
	data := random(2<<20 + 7)
	names := []string{"MD5SUMS", "a.img", "empty.img", "sp ace & é?#%.img"}
	server.Write(t, "a.img", data)
	server.Write(t, "empty.img", nil)
	server.Write(t, names[3], data)
	sums := hexOf("md5", "a") + "  a.img\n"
	server.Write(t, "MD5SUMS", []byte(sums))
	if err := os.Mkdir(server.Dir+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	credentials := strings.Replace(server.HTTP, "://", "://user:secret@", 1)
	for _, test := range []struct {
		options options
		names   []string
	}{
		{options{BaseURL: server.HTTP + "/html/"}, names},
		{options{BaseURL: server.HTTP + "/json"}, names},
		{options{BaseURL: server.HTTP + "/xml/"}, names},
		{options{BaseURL: server.HTTP + "/plain/"}, nil},
		{options{BaseURL: server.HTTP + "/norange/"}, names},
		{options{BaseURL: server.HTTP + "/gzip/"}, names},
		{options{BaseURL: server.HTTP + "/moved/"}, names},
		{options{BaseURL: server.HTTP + "/found/"}, names},
		{options{BaseURL: credentials + "/auth/"}, names},
		{options{BaseURL: server.HTTPS + "/html/", CAFile: server.CAFile}, names},
		{options{BaseURL: server.HTTPS + "/norange/", Insecure: true}, names},
	} {
		t.Run(test.options.BaseURL, func(t *testing.T) {
			s := online(t, test.options)
			var got []string
			sizes := map[string]int{names[0]: len(sums), names[1]: len(data), names[3]: len(data)}
			err := s.List(t.Context(), func(img backends.Image) error {
				got = append(got, img.Name)
				if img.Size != int64(sizes[img.Name]) || time.Since(img.Mtime) > time.Minute {
					t.Errorf("%+v", img)
				}
				return nil
			})
			if diff := cmp.Diff(test.names, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			for _, name := range []string{"a.img", names[3]} {
				if got, err := readAll(t.Context(), s, name); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%q: %d bytes, %v", name, len(got), err)
				}
			}
			if got, err := readAll(t.Context(), s, "empty.img"); err != nil || len(got) != 0 {
				t.Errorf("the empty image: %d bytes, %v", len(got), err)
			}
			if img, err := s.Stat(t.Context(), "a.img"); err != nil || img.Record == nil || img.Record.Checksum != hexOf("md5", "a") {
				t.Errorf("%+v, %v", img, err)
			}
			for _, name := range []string{"missing", "sub"} {
				if _, err := s.Stat(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s, which is no file: %v", name, err)
				}
			}
		})
	}
}

// TestNginxChanged: an image that is replaced under its reader is an error.
func TestNginxChanged(t *testing.T) {
	server := web.StartNginx(t)
	data := random(1 << 20)
	for _, location := range []string{"/html/", "/norange/", "/gzip/"} {
		server.Write(t, "a.img", data)
		s := online(t, options{BaseURL: server.HTTP + location})
		r := openNamed(t, s, "a.img")
		wantRead(t, r, data, 0, 1000)
		server.Write(t, "a.img", data[1:])
		if stream, ok := r.(*stream); ok {
			stream.breakOff()
		}
		if n, err := r.ReadAt(t.Context(), make([]byte, 1000), 500_000); !errors.Is(err, errChanged) {
			t.Errorf("%s: %d bytes, %v", location, n, err)
		}
	}
}

// TestNginxConnections: connections are used again, and HTTP/2 where the
// server has it.
func TestNginxConnections(t *testing.T) {
	server := web.StartNginx(t)
	data := random(1 << 20)
	for base, protocol := range map[string]string{server.HTTP: "HTTP/1.1", server.HTTPS: "HTTP/2.0"} {
		name := protocol[5:] + ".img"
		server.Write(t, name, data)
		r := openNamed(t, online(t, options{BaseURL: base + "/html/", CAFile: server.CAFile}), name)
		for i := range 20 {
			wantRead(t, r, data, 1000*i, 1000)
		}
		connections := make(map[string]bool)
		requests := server.Requests(t, "/html/"+name, 20)
		for _, line := range requests {
			var method, uri, status, got, connection string
			if _, err := fmt.Sscan(line, &method, &uri, &status, &got, &connection); err != nil || got != protocol || status != "206" {
				t.Errorf("request %q (%v), want %s", line, err, protocol)
			}
			connections[connection] = true
		}
		if len(requests) != 20 || len(connections) != 1 {
			t.Errorf("%d requests on %d connections", len(requests), len(connections))
		}
	}
}

// TestNginxRefusalsConnections: that there is none (404) costs no connection.
func TestNginxRefusalsConnections(t *testing.T) {
	const images = 10
	server := web.StartNginx(t)
	s := online(t, options{BaseURL: server.HTTP + "/html/"})
	connections := make(map[string]bool)
	for i := range images {
		name := fmt.Sprintf("%d.img", i)
		server.Write(t, name, nil)
		if _, err := s.Stat(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		for _, line := range server.Requests(t, "/html/"+name+".md5", 1) {
			fields := strings.Fields(line)
			connections[fields[len(fields)-1]] = true
		}
	}
	if len(connections) == 0 || len(connections) > images/2 {
		t.Errorf("%d connections for %d requests", len(connections), images)
	}
}

// TestNginxCertificates: a certificate that nobody vouches for is refused,
// with the options that would change that.
func TestNginxCertificates(t *testing.T) {
	server, other := web.StartNginx(t), web.StartNginx(t)
	server.Write(t, "a.img", []byte("bytes"))
	for _, o := range []options{{}, {CAFile: other.CAFile}, {CAFile: other.CAFile, Insecure: true}} {
		o.BaseURL = server.HTTPS + "/html/"
		begin := time.Now()
		_, err := online(t, o).Stat(t.Context(), "a.img")
		if !errors.Is(err, backends.ErrUnavailable) || !strings.Contains(err.Error(), "https_ca_certificates_file") || !strings.Contains(err.Error(), "https_insecure") {
			t.Errorf("%+v: %v", o, err)
		}
		if text := fmt.Sprint(err); strings.Index(text, "https_insecure") > strings.Index(text, "x509") {
			t.Errorf("what helps does not come first: %v", err)
		}
		if strings.Count(fmt.Sprint(err), "https_insecure") > 1 || time.Since(begin) > 10*time.Second {
			t.Errorf("tried again: %v", err)
		}
	}
	for _, o := range []options{{Insecure: true}, {CAFile: server.CAFile}} {
		o.BaseURL = server.HTTPS + "/html/"
		if _, err := online(t, o).Stat(t.Context(), "a.img"); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	o := options{BaseURL: strings.Replace(server.HTTP, "http:", "https:", 1) + "/html/"}
	if _, err := online(t, o).Stat(t.Context(), "a.img"); err == nil {
		t.Error("https to a server that has none")
	}
}

// TestNginxErrors: what a real server says when it refuses, and when it has
// gone.
func TestNginxErrors(t *testing.T) {
	server := web.StartNginx(t)
	server.Write(t, "a.img", []byte("bytes"))
	for location, want := range map[string]error{"/auth/": fs.ErrPermission, "/down/": backends.ErrUnavailable, "/nowhere/": fs.ErrNotExist} {
		if _, err := online(t, options{BaseURL: server.HTTP + location}).Stat(t.Context(), "a.img"); !errors.Is(err, want) {
			t.Errorf("%s: %v", location, err)
		}
	}
	s := online(t, options{BaseURL: server.HTTP + "/html/"})
	r := openNamed(t, s, "a.img")
	server.Stop()
	if _, err := s.Stat(t.Context(), "a.img"); !errors.Is(err, backends.ErrUnavailable) {
		t.Errorf("of a server that has gone: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := r.ReadAt(ctx, make([]byte, 5), 0); !errors.Is(err, backends.ErrUnavailable) {
		t.Errorf("read from a server that has gone: %v", err)
	}
	server.Start(t)
	wantRead(t, r, []byte("bytes"), 0, 5)
}

// TestProxy: requests go through a real proxy, http and https, which may
// want credentials.
func TestProxy(t *testing.T) {
	server := web.StartNginx(t)
	free, locked := web.Proxy(t, ""), web.Proxy(t, "puser psecret")
	data := random(100_000)
	server.Write(t, "a.img", data)
	for _, base := range []string{server.HTTP, server.HTTPS} {
		for _, proxy := range []string{free, "http://puser:psecret@" + locked} {
			o := options{BaseURL: base + "/html/", CAFile: server.CAFile, Proxies: map[string]string{"all": proxy}}
			if got, err := readAll(t.Context(), online(t, o), "a.img"); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s through %s: %d bytes, %v", base, proxy, len(got), err)
			}
		}
		o := options{BaseURL: base + "/html/", CAFile: server.CAFile, Proxies: map[string]string{"all": locked}}
		_, err := online(t, o).Stat(t.Context(), "a.img")
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "http_proxy_information") {
			t.Errorf("%s through a proxy that wants credentials: %v", base, err)
		}
		scheme, _, _ := strings.Cut(base, ":")
		o.Proxies = map[string]string{scheme: "127.0.0.1:1"}
		if _, err := online(t, o).Stat(t.Context(), "a.img"); !errors.Is(err, backends.ErrUnavailable) {
			t.Errorf("%s through no proxy: %v", base, err)
		}
	}
}
