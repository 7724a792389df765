package http

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"glancefs/backends"
)

// TestFaults: what is wrong with the options is said by their names, and
// without passwords.
func TestFaults(t *testing.T) {
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	if err := os.WriteFile(garbage, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		options options
		want    string
	}{
		{options{BaseURL: "ftp://user:secret@host/"}, "http_store_base_url: expected"},
		{options{BaseURL: "http://user:secret@/"}, "http_store_base_url: expected"},
		{options{BaseURL: "http://secret@host/"}, "http_store_base_url: expected"},
		{options{BaseURL: "http://host/?secret"}, "http_store_base_url: expected"},
		{options{BaseURL: "http://host/#secret"}, "http_store_base_url: expected"},
		{options{BaseURL: "http://host:secret/"}, "http_store_base_url: expected"},
		{options{CAFile: "/not/there"}, "https_ca_certificates_file: open /not/there: no such file"},
		{options{CAFile: garbage}, "https_ca_certificates_file = " + garbage},
		{options{Proxies: map[string]string{"ftp": "host:1"}}, `http_proxy_information: "ftp" is no scheme`},
		{options{Proxies: map[string]string{"http": "user:secret@"}}, "http_proxy_information: the proxy for http"},
		{options{Proxies: map[string]string{"all": "ftp://user:secret@host"}}, "http_proxy_information: the proxy for all"},
	} {
		_, err := open(t.Context(), opening(&test.options))
		if !errors.Is(err, backends.ErrMisconfigured) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: error %v, want %q", test.options, err, test.want)
		}
	}
	_, err := open(t.Context(), opening(&options{BaseURL: "x", CAFile: "/x", Proxies: map[string]string{"x": "y"}}))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("three faults: %v", err)
	}
}

// TestBase: a base URL is a directory, with a slash at the end or not.
func TestBase(t *testing.T) {
	for text, want := range map[string]string{
		"http://host":          "http://host/",
		"http://host/a":        "http://host/a/",
		"http://host/a/":       "http://host/a/",
		"https://h:1/a%2Fb/ c": "https://h:1/a%2Fb/%20c/",
	} {
		base, err := (&options{BaseURL: text}).base()
		if err != nil || base.String() != want {
			t.Errorf("%s: %v (%v), want %s", text, base, err, want)
		}
	}
}

func TestProxies(t *testing.T) {
	t.Setenv("HTTP_PROXY", "")
	for _, test := range []struct {
		proxies   map[string]string
		url, want string
	}{
		{nil, "http://host/", ""},
		{map[string]string{"http": "10.0.0.1:3128"}, "http://host/", "http://10.0.0.1:3128"},
		{map[string]string{"http": "10.0.0.1:3128"}, "https://host/", ""},
		{map[string]string{"http": "10.0.0.1:3128", "https": "//proxy:1080"}, "https://host/", "http://proxy:1080"},
		{map[string]string{"https": "https://u:p@proxy:1"}, "https://127.0.0.1/", "https://u:p@proxy:1"},
		{map[string]string{"all": "socks5://proxy:1"}, "http://host/", "socks5://proxy:1"},
		{map[string]string{"all": "all:1", "http": "http:1"}, "http://host/", "http://http:1"},
	} {
		proxy, err := (&options{Proxies: test.proxies}).proxy()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		u, err := proxy(httptest.NewRequest(http.MethodGet, test.url, nil))
		if err != nil {
			t.Fatal(err)
		}
		if u != nil {
			got = u.String()
		}
		if got != test.want {
			t.Errorf("%v: the proxy for %s is %q, want %q", test.proxies, test.url, got, test.want)
		}
	}
}

// TestCertificates: certificates are verified unless somebody says otherwise,
// and a file of authorities wins over that.
func TestCertificates(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	if err := os.WriteFile(ca, pemOf(server.Certificate()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		options         options
		insecure, roots bool
	}{
		{options{}, false, false},
		{options{Insecure: true}, true, false},
		{options{CAFile: ca}, false, true},
		{options{CAFile: ca, Insecure: true}, false, true},
	} {
		var got *tls.Config
		got, err := test.options.tls()
		if err != nil || got.InsecureSkipVerify != test.insecure || (got.RootCAs != nil) != test.roots {
			t.Errorf("%+v: %+v (%v)", test.options, got, err)
		}
	}
}
