package http

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"glancefs/backends"
)

// options are those of glance_store's http driver, and one of our own.
type options struct {
	BaseURL  string            `option:"http_store_base_url" help:"http[s]://[USER:PASSWORD@]HOST[:PORT]/PATH/, the directory of the images; without it nothing is shown"`
	CAFile   string            `option:"https_ca_certificates_file" help:"PEM file of the authorities that vouch for the servers, instead of the system's; https_insecure then counts for nothing"`
	Insecure bool              `option:"https_insecure" default:"false" help:"true: believe any certificate. glance_store does, unless told otherwise"`
	Proxies  map[string]string `option:"http_proxy_information" help:"SCHEME:PROXY, …: the proxy for URLs of a scheme (http, https, or all for both), HOST:PORT or a URL; where it says nothing, the environment does (HTTP_PROXY, HTTPS_PROXY, NO_PROXY)"`
}

// settings are the options, understood.
type settings struct {
	base  *url.URL // its path ends with a slash; nil: not set
	tls   *tls.Config
	proxy func(*http.Request) (*url.URL, error)
}

// settings understands the options. The error joins every fault.
func (o *options) settings() (settings, error) {
	base, baseErr := o.base()
	tls, tlsErr := o.tls()
	proxy, proxyErr := o.proxy()
	return settings{base: base, tls: tls, proxy: proxy}, errors.Join(baseErr, tlsErr, proxyErr)
}

// base understands http_store_base_url.
func (o *options) base() (*url.URL, error) {
	if o.BaseURL == "" {
		return nil, nil
	}
	u, err := parseURI(o.BaseURL)
	if err == nil && (u.RawQuery != "" || u.ForceQuery || strings.Contains(o.BaseURL, "#")) {
		err = errors.New("a directory has no query and no fragment")
	}
	if err != nil {
		// The value is not repeated: it may have a password.
		return nil, backends.Misconfigured("http_store_base_url: expected http[s]://HOST[:PORT]/PATH/: %v", err)
	}
	return u.JoinPath("/"), nil
}

// tls understands the two options of certificates. As in glance_store, a
// file of authorities takes the place of the system's, and wins over
// https_insecure.
func (o *options) tls() (*tls.Config, error) {
	if o.CAFile == "" {
		return &tls.Config{InsecureSkipVerify: o.Insecure}, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, backends.Misconfigured("https_ca_certificates_file: %v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, backends.Misconfigured("https_ca_certificates_file = %s: expected certificates in PEM, found none", o.CAFile)
	}
	return &tls.Config{RootCAs: pool}, nil
}

// proxy understands http_proxy_information.
func (o *options) proxy() (func(*http.Request) (*url.URL, error), error) {
	proxies := make(map[string]*url.URL)
	var faults []error
	for _, scheme := range slices.Sorted(maps.Keys(o.Proxies)) {
		u, err := parseProxy(o.Proxies[scheme])
		switch {
		case scheme != "http" && scheme != "https" && scheme != "all":
			faults = append(faults, backends.Misconfigured("http_proxy_information: %q is no scheme: expected http, https or all", scheme))
		case err != nil:
			faults = append(faults, backends.Misconfigured("http_proxy_information: the proxy for %s: %v", scheme, err))
		}
		proxies[scheme] = u
	}
	return func(r *http.Request) (*url.URL, error) {
		for _, scheme := range []string{r.URL.Scheme, "all"} {
			if u := proxies[scheme]; u != nil {
				return u, nil
			}
		}
		return http.ProxyFromEnvironment(r)
	}, errors.Join(faults...)
}

// parseProxy parses HOST:PORT, or a URL.
func parseProxy(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + strings.TrimPrefix(text, "//")
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("expected HOST:PORT, or a URL") // not repeated: it may have a password
	}
	if schemes := []string{"http", "https", "socks5", "socks5h"}; !slices.Contains(schemes, u.Scheme) {
		return nil, fmt.Errorf("expected one of the schemes %s", strings.Join(schemes, ", "))
	}
	return u, nil
}
