package http

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"glancefs/backends"
)

// client is what makes the requests of a store.
type client struct {
	transport *http.Transport
	places    chan struct{}  // one for each request under way
	fetches   sync.WaitGroup // requests that outlive the call that made them

	connect time.Duration // of a connection
	limit   time.Duration // of a request that no caller's deadline bounds
	stall   time.Duration // without progress, after which a request is made anew

	life context.Context // of fetches
	end  context.CancelFunc
}

// maxRequests is how many requests of a store are under way at once; with
// HTTP/1.1 that is also how many connections its server sees, but for those
// of images that are read as streams.
const maxRequests = 32

// newClient makes the client of a store: it keeps connections, and speaks
// HTTP/2 where the server does. Tests dial elsewhere than in the network.
func newClient(ctx context.Context, o settings, in backends.Opening, dial dialFunc) *client {
	c := &client{
		places:  make(chan struct{}, maxRequests),
		connect: in.ConnectTimeout,
		limit:   in.RequestTimeout,
		stall:   in.RequestTimeout / 2, // what is left is for another try
	}
	c.life, c.end = context.WithCancel(context.WithoutCancel(ctx))
	c.transport = &http.Transport{
		Proxy:                  o.proxy,
		OnProxyConnectResponse: checkProxy,
		DialContext:            c.bounded(prompt(dial)),
		TLSClientConfig:        o.tls,
		TLSHandshakeTimeout:    c.connect,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // we ask for none
		MaxIdleConns:           maxRequests,
		MaxIdleConnsPerHost:    maxRequests,
		IdleConnTimeout:        90 * time.Second, // as net/http; nginx closes after 75 s
		// An HTTP/2 connection outlives the requests that time out on it:
		// one that is dead is found by pings.
		HTTP2: &http.HTTP2Config{SendPingTimeout: c.connect, PingTimeout: c.connect},
	}
	return c
}

func (c *client) close() {
	c.end()
	c.fetches.Wait()
	c.transport.CloseIdleConnections()
}

// dialFunc opens a connection.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// bounded is dial with a timeout. What is still being dialled when its
// request has gone ends with CloseIdleConnections.
func (c *client) bounded(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, c.connect)
		defer cancel()
		return dial(ctx, network, address)
	}
}

// errProxyAuth is the answer 407 of a proxy to CONNECT; in plain HTTP it is
// a response like others.
var errProxyAuth = errors.New("the proxy wants other credentials (http_proxy_information takes http://USER:PASSWORD@HOST:PORT)")

// checkProxy looks at a proxy's answer to CONNECT.
func checkProxy(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusProxyAuthRequired {
		return errProxyAuth
	}
	return nil
}

// maxRedirects is the most that are followed for one request (glance_store
// gives up after its fifth request).
const maxRedirects = 5

// redirect returns where a response sends its request, nil if it does not.
// glance_store follows 301 and 302, to absolute URLs.
func redirect(resp *http.Response) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	from := resp.Request.URL
	to, err := from.Parse(resp.Header.Get("Location"))
	switch {
	case err != nil || resp.Header.Get("Location") == "":
		return nil, errors.New("the server redirects to no URL")
	case to.Scheme != "http" && to.Scheme != "https" || to.Hostname() == "":
		return nil, errors.New("the server redirects to something else than a web server")
	case from.Scheme == "https" && to.Scheme == "http":
		return nil, errors.New("the server redirects from https to http, to " + to.Host + ": refused, anybody could answer there")
	}
	if to.User == nil && mayCarry(from, to) {
		to.User = from.User
	}
	return to, nil
}

// mayCarry tells whether credentials for one URL are good for another one:
// the same server, or its own https.
func mayCarry(from, to *url.URL) bool {
	a, _, err1 := placeOf(from)
	b, _, err2 := placeOf(to)
	if err1 != nil || err2 != nil || a.host != b.host {
		return false
	}
	upgraded := a.scheme == "http" && a.port == "80" && b.scheme == "https" && b.port == "443"
	return a.scheme == b.scheme && a.port == b.port || upgraded
}
