package http

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"glancefs/backends"
)

// opening is what the store's own group of options would make of o.
func opening(o *options) backends.Opening {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return backends.Opening{
		Name:           "web",
		Options:        o,
		Log:            logrus.NewEntry(log),
		ConnectTimeout: 10 * time.Second,
		RequestTimeout: 20 * time.Second,
	}
}

// newTestStore makes a store that reaches only what dial does.
func newTestStore(t *testing.T, o options, dial dialFunc) *Store {
	t.Helper()
	settings, err := o.settings()
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{client: newClient(t.Context(), settings, opening(&o), dial), base: settings.base}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// network is one in memory, for tests in which the time is not the real one:
// to such a test, a wait for the real network is no wait.
type network struct {
	mu    sync.Mutex // guards hosts
	hosts map[string]*listener
}

// listener is a host in a network.
type listener struct {
	calls  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.calls:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// dial connects to a host; one that is not there refuses.
func (n *network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	n.mu.Lock()
	l := n.hosts[address]
	n.mu.Unlock()
	if l == nil {
		return nil, refused(kind)
	}
	here, there := net.Pipe()
	select {
	case l.calls <- there:
		return here, nil
	case <-l.closed:
		return nil, refused(kind)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func refused(kind string) error {
	return &net.OpError{Op: "dial", Net: kind, Err: errors.New("connection refused")}
}

// serve starts a server at an address, HOST:PORT, until the test ends.
func (n *network) serve(t *testing.T, address string, handler http.HandlerFunc) {
	t.Helper()
	l := &listener{calls: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	if n.hosts == nil {
		n.hosts = make(map[string]*listener)
	}
	n.hosts[address] = l
	n.mu.Unlock()
	server := httptest.NewUnstartedServer(handler)
	server.Listener.Close()
	server.Listener = l
	server.Config.ErrorLog = nil
	server.Start()
	t.Cleanup(server.Close)
}

// newWeb makes a store of http://web/images/, as a server with that handler
// has it.
func newWeb(t *testing.T, handler http.HandlerFunc) (*Store, *network) {
	t.Helper()
	n := new(network)
	n.serve(t, "web:80", handler)
	return newTestStore(t, options{BaseURL: "http://user:secret@web/images/"}, n.dial), n
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
