package http

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/net/html"

	"glancefs/backends"
)

// index returns the names that the server's index page has: of files
// directly below, sorted. A server without such a page answers 403, 404, 405
// or 410 or with something else than a page, and there are none.
func (s *Store) index(ctx context.Context) (names []string, err error) {
	const limit = 64 << 20 // bytes: some 300,000 images
	resp, page, err := s.fetch(ctx, s.base, limit)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the index page: %w", err)
	case slices.Contains(noIndex, resp.StatusCode):
		return nil, nil
	case resp.StatusCode != http.StatusOK:
		return nil, statusError(resp)
	}
	names, err = parseIndex([]byte(page), resp)
	if err != nil {
		return nil, fmt.Errorf("the index page: %w", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return backends.CheckName(name) != nil })
	slices.Sort(names)
	names = slices.Compact(names)
	return names, s.checkPlace(ctx, names, resp.Request.URL)
}

// checkPlace makes sure that the names of a page are names here, if it was
// redirected to. Where the images are not redirected as well, none of them is
// here; of the first few, since a page may name one that is not there.
func (s *Store) checkPlace(ctx context.Context, names []string, page *url.URL) error {
	const few = 3
	want, _, err1 := placeOf(s.base)
	got, _, err2 := placeOf(page)
	if len(names) == 0 || err1 != nil || err2 != nil || got == want {
		return nil
	}
	for _, name := range names[:min(few, len(names))] {
		if _, err := s.facts(ctx, name); !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	at := *page
	at.User = nil
	return backends.Misconfigured("the server redirects to the index page of %s, and has none of its images here: http_store_base_url should be that URL", &at)
}

// noIndex are what servers answer that list no directories: nginx and Apache
// 403, Caddy 404.
var noIndex = []int{http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone}

// parseIndex reads an index page in the formats that there are: HTML, and
// nginx's JSON and XML.
func parseIndex(page []byte, resp *http.Response) ([]string, error) {
	mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return nil, nil // no page
	}
	switch mediaType {
	case "text/html", "application/xhtml+xml":
		return parseHTML(page, resp.Request.URL), nil
	case "application/json":
		return parseJSON(page)
	case "text/xml", "application/xml":
		return parseXML(page)
	}
	return nil, nil
}

// parseHTML returns the names of the files directly below the page to which
// it has links: none to directories, other places, or the page itself in
// another order (?C=M;O=A). Its sizes and times are rounded, and not read.
func parseHTML(page []byte, at *url.URL) (names []string) {
	base := at
	for tokens := html.NewTokenizer(bytes.NewReader(page)); ; {
		switch tokens.Next() {
		case html.ErrorToken: // the end
			return names
		case html.StartTagToken, html.SelfClosingTagToken:
		default:
			continue
		}
		tag := tokens.Token()
		to, err := base.Parse(href(tag))
		switch {
		case err != nil:
		case tag.Data == "base":
			base = to
		case tag.Data == "a":
			if name, ok := nameBelow(at, to); ok {
				names = append(names, name)
			}
		}
	}
}

// href returns an element's attribute of that name.
func href(tag html.Token) string {
	for _, a := range tag.Attr {
		if a.Key == "href" {
			return a.Val
		}
	}
	return ""
}

// parseJSON reads nginx's autoindex_format json, a list whose names are not
// encoded.
func parseJSON(page []byte) (names []string, err error) {
	if !bytes.HasPrefix(page, []byte("[")) {
		return nil, nil // something else
	}
	var entries []struct{ Name, Type string }
	if err := json.Unmarshal(page, &entries); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Type == "file" {
			names = append(names, e.Name)
		}
	}
	return names, nil
}

// parseXML reads nginx's autoindex_format xml.
func parseXML(page []byte) ([]string, error) {
	var list struct {
		XMLName xml.Name
		Names   []string `xml:"file"`
	}
	err := xml.Unmarshal(page, &list)
	if err != nil || list.XMLName.Local != "list" { // something else
		return nil, err
	}
	return list.Names, nil
}
