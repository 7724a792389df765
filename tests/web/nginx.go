// Package web starts real web servers and proxies, for tests: nginx and
// tinyproxy, on ports of the loopback that are free, as children that end
// with the test.
package web

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"glancefs/tests/need"
)

// Server is an nginx. All of its locations serve the files of Dir:
//
//	/html/ /json/ /xml/   with an index page in that format
//	/plain/               without one
//	/norange/             without ranges, and with an index page
//	/gzip/                compressed on the fly, for clients that want it
//	/slow/                1 MiB a second
//	/auth/                for the user "user" with the password "secret"
//	/moved/ /found/       redirected to /html/, by 301 and 302
//	/down/                503
type Server struct {
	HTTP, HTTPS string // its URLs, without a slash at the end
	CAFile      string // the authority that vouches for HTTPS, in PEM
	Dir         string

	conf, log string
	cmd       *exec.Cmd
}

const configuration = `
daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events { worker_connections 256; }
http {
	sendfile on; tcp_nopush on; # as Debian configures it
	default_type application/octet-stream;
	log_format short '$request_method $request_uri $status $server_protocol $connection';
	access_log %[1]s/access.log short;
	client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	server {
		listen 127.0.0.1:%[2]d;
		listen 127.0.0.1:%[3]d ssl http2;
		ssl_certificate %[1]s/server.pem; ssl_certificate_key %[1]s/server.pem;
		autoindex on;
		root %[4]s;
		location /html/ { alias %[4]s/; }
		location /json/ { alias %[4]s/; autoindex_format json; }
		location /xml/ { alias %[4]s/; autoindex_format xml; }
		location /plain/ { alias %[4]s/; autoindex off; }
		location /norange/ { alias %[4]s/; max_ranges 0; }
		location /gzip/ { alias %[4]s/; gzip on; gzip_types *; gzip_min_length 1; gzip_http_version 1.0; }
		location /slow/ { alias %[4]s/; limit_rate 1m; }
		location /auth/ { alias %[4]s/; auth_basic x; auth_basic_user_file %[1]s/htpasswd; }
		location /moved/ { if ($request_uri ~ ^/moved/(.*)) { return 301 /html/$1; } }
		location /found/ { if ($request_uri ~ ^/found/(.*)) { return 302 /html/$1; } }
		location /down/ { return 503; }
	}
}
`

// StartNginx starts an nginx, until the test ends.
func StartNginx(t testing.TB) *Server {
	t.Helper()
	need.Command(t, "nginx", "nginx-light")
	base := t.TempDir()
	s := &Server{Dir: filepath.Join(base, "www"), CAFile: filepath.Join(base, "ca.pem"), log: filepath.Join(base, "access.log"), conf: filepath.Join(base, "nginx.conf")}
	if err := os.Mkdir(s.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	writeCertificates(t, s.CAFile, filepath.Join(base, "server.pem"))
	write(t, filepath.Join(base, "htpasswd"), []byte("user:{PLAIN}secret\n"))
	plain, secure := freePort(t), freePort(t)
	s.HTTP, s.HTTPS = fmt.Sprintf("http://127.0.0.1:%d", plain), fmt.Sprintf("https://localhost:%d", secure)
	write(t, s.conf, fmt.Appendf(nil, configuration, base, plain, secure, s.Dir))
	s.Start(t)
	t.Cleanup(s.Stop)
	return s
}

// Start starts the server again after Stop.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	// nginx writes that file when it has its ports.
	ready := func(pid int) bool {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(s.conf), "pid"))
		return err == nil && strings.TrimSpace(string(text)) == strconv.Itoa(pid)
	}
	s.cmd = start(t, ready, "nginx", "-c", s.conf, "-e", "stderr")
}

// Stop kills the server.
func (s *Server) Stop() { kill(s.cmd) }

// Pause lets the server hang: it takes connections, and answers nothing.
func (s *Server) Pause(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Resume ends Pause.
func (s *Server) Resume(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// Write puts a file into Dir.
func (s *Server) Write(t testing.TB, name string, data []byte) {
	t.Helper()
	write(t, filepath.Join(s.Dir, name), data)
}

// Requests waits until the server has been asked n times for a URI by GET,
// and returns what it notes of that: method, URI, status, protocol, and the
// number of the connection. (It notes a request after it has answered.)
func (s *Server) Requests(t testing.TB, uri string, n int) []string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(s.log)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "GET "+uri+" ") {
				found = append(found, line)
			}
		}
		if len(found) >= n || time.Now().After(deadline) {
			return found
		}
	}
}

// start starts a program and waits until it is ready.
func start(t testing.TB, ready func(pid int) bool, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:    true,            // as a service: a benchmark's share of the cores is its session's
		Pdeathsig: syscall.SIGKILL, // if the test is killed
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !ready(cmd.Process.Pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			kill(cmd)
			t.Fatalf("%v takes no connections\n%s", cmd, &stderr)
		}
	}
	return cmd
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
}

// freePort returns a port that nobody has just now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func write(t testing.TB, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Proxy starts a tinyproxy, until the test ends, and returns its HOST:PORT.
// With user, "NAME PASSWORD", it wants that.
func Proxy(t testing.TB, user string) string {
	t.Helper()
	need.Command(t, "tinyproxy", "tinyproxy")
	port := freePort(t)
	text := "Port " + strconv.Itoa(port) + "\nListen 127.0.0.1\nAllow 127.0.0.1\nMaxClients 100\nLogLevel Critical\n"
	if user != "" {
		text += "BasicAuth " + user + "\n"
	}
	conf := filepath.Join(t.TempDir(), "tinyproxy.conf")
	write(t, conf, []byte(text))
	address := fmt.Sprintf("127.0.0.1:%d", port)
	ready := func(int) bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close() // it was to see whether there is somebody
		}
		return err == nil
	}
	cmd := start(t, ready, "tinyproxy", "-d", "-c", conf)
	t.Cleanup(func() { kill(cmd) })
	return address
}
