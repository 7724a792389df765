package http

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

// newTransport makes what a store's requests go through: it keeps
// connections, and speaks HTTP/2 where the server does.
func (s *Store) newTransport(dial dialFunc) *http.Transport {
	return &http.Transport{
		Proxy:                  s.proxy,
		OnProxyConnectResponse: checkProxy,
		DialContext:            s.bounded(dial),
		TLSClientConfig:        s.tls,
		TLSHandshakeTimeout:    s.connect,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // we ask for none
		MaxIdleConns:           maxRequests,
		MaxIdleConnsPerHost:    maxRequests,
		IdleConnTimeout:        90 * time.Second, // as net/http; nginx closes after 75 s
		// An HTTP/2 connection outlives the requests that time out on it:
		// one that is dead is found by pings.
		HTTP2: &http.HTTP2Config{SendPingTimeout: s.connect, PingTimeout: s.connect},
	}
}

// dialFunc opens a connection.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// bounded is dial with the store's timeout, ended by its Close: net/http
// goes on connecting when the request that wanted it has gone.
func (s *Store) bounded(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, s.connect)
		defer cancel()
		defer context.AfterFunc(s.life, cancel)()
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
