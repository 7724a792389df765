package http

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPrompt: of what was read nothing is left unacknowledged.
func TestPrompt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := prompt(new(net.Dialer).DialContext)(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	// Only after some questions and answers does Linux take the connection
	// for one whose acknowledgements are to be delayed.
	buf := make([]byte, 4096)
	for i := range 20 {
		for _, way := range []struct{ from, to net.Conn }{{client, server}, {server, client}} {
			if _, err := way.from.Write(buf[:1024]); err != nil {
				t.Fatal(err)
			}
			if _, err := way.to.Read(buf); err != nil {
				t.Fatal(err)
			}
		}
		if n := unacknowledged(t, server); n != 0 {
			t.Fatalf("answer %d: %d bytes that were read are not acknowledged", i, n)
		}
	}
}

// unacknowledged returns how many bytes the other side has not acknowledged.
func unacknowledged(t *testing.T, c net.Conn) (n int) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { n, failed = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return n
}
