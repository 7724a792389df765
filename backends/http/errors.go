package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"glancefs/backends"
)

// transient is an error that may pass.
type transient struct {
	err   error
	after time.Duration // for which the server asks to be left alone
	down  bool          // there is no connection to be had
	short bool          // a body ended early, and had nothing of what was wanted
	moved bool          // something of what was wanted came first
}

func (t *transient) Error() string {
	if t.after > 0 {
		return fmt.Sprintf("%v; it asks to be left alone for %v", t.err, t.after)
	}
	return t.err.Error()
}

func (t *transient) Unwrap() error { return t.err }

// passing tells whether a status may be another one soon.
func passing(status int) bool {
	return status == http.StatusTooManyRequests || status >= 500 && status != http.StatusNotImplemented
}

// retryAfter reads the header Retry-After, seconds or a date; 0 if there is
// none.
func retryAfter(resp *http.Response) time.Duration {
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// statusError makes the error of a response that is no success.
func statusError(resp *http.Response) error {
	status := resp.StatusCode
	err := fmt.Errorf("%s answers %d %s", resp.Request.URL.Host, status, http.StatusText(status))
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		return backends.Classify(fs.ErrNotExist, err)
	case status == http.StatusProxyAuthRequired:
		return backends.Classify(fs.ErrPermission, errProxyAuth)
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusUnavailableForLegalReasons:
		return backends.Classify(fs.ErrPermission, err)
	case passing(status):
		return backends.Classify(backends.ErrUnavailable, err)
	case status >= 400 && status < 500: // glance_store: BadStoreUri
		return backends.Classify(backends.ErrInvalid, err)
	}
	return err
}

// connectError makes the error of a request that got no response.
func connectError(w *watch, err error) error {
	if cause := w.cause(); cause != nil {
		return cause
	}
	err = fmt.Errorf("%s: %w", w.host, err)
	var (
		certificate *tls.CertificateVerificationError
		timeout     net.Error
		op          *net.OpError
	)
	switch {
	case errors.As(err, &certificate):
		err = fmt.Errorf("its certificate is not trusted (https_ca_certificates_file names the authorities to trust, and https_insecure = true believes anybody): %w", err)
		return backends.Classify(backends.ErrUnavailable, err)
	case errors.Is(err, errProxyAuth):
		return backends.Classify(fs.ErrPermission, err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return &transient{err: backends.Classify(context.DeadlineExceeded, err), down: true}
	}
	if isMalformed(err) {
		return err
	}
	down := errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
	return &transient{err: backends.Classify(backends.ErrUnavailable, err), down: down}
}

// isMalformed tells whether something came that is no answer. net/http has no
// type for that, but puts these words before an error that is not of reading;
// those of writing are of package net. What ends within a line of the headers
// is malformed, too, though it may be the connection.
func isMalformed(err error) bool {
	var ofConnection net.Error
	return strings.Contains(err.Error(), "net/http: HTTP/1.x transport connection broken: ") &&
		!errors.As(err, &ofConnection) && !errors.Is(err, io.ErrUnexpectedEOF)
}
