package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"glancefs/backends"
)

// metadataFile is filesystem_store_metadata_file: location metadata by
// mountpoint, for services that can reach the images there directly.
type metadataFile struct {
	path string // "": none

	mu      sync.Mutex // guards the rest
	info    fs.FileInfo
	entries []map[string]any
}

// openMetadata reads the metadata file. Its faults are faults of the
// configuration.
func (s *Store) openMetadata(ctx context.Context) error {
	s.metadata.path = s.metadataPath
	if s.metadata.path == "" {
		return nil
	}
	err := s.gate.Do(ctx, func() error { return s.metadata.load() })
	if err != nil && ctx.Err() == nil {
		return backends.Misconfigured("filesystem_store_metadata_file = %s: %w", s.metadata.path, err)
	}
	return nil
}

// Metadata returns the entry of the metadata file whose mountpoint the image
// is below, or at, by whole components of the path (glance_store compares
// the text, so that /data/a has the images of /data/ab too); the first one
// counts. A file that has changed is read again; if it is bad now, that is
// logged, and what it was still holds.
func (s *Store) Metadata(ctx context.Context, name string) (map[string]any, error) {
	if s.metadata.path == "" {
		return nil, nil
	}
	return pass(ctx, s, func() (map[string]any, error) {
		d, err := s.where(name)
		if err != nil {
			return nil, err
		}
		if err := s.metadata.load(); err != nil {
			s.log.WithError(err).Warnf("filesystem_store_metadata_file = %s: not read again", s.metadata.path)
		}
		return s.metadata.of(d.image(name)), nil
	}, nil)
}

// load reads the file if it has changed since, and keeps its entries if it
// is good. A file is read once, good or bad.
func (m *metadataFile) load() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	info, err := os.Stat(m.path)
	if err != nil {
		return err
	}
	if m.info != nil && os.SameFile(info, m.info) && info.Size() == m.info.Size() && info.ModTime().Equal(m.info.ModTime()) {
		return nil
	}
	text, err := os.ReadFile(m.path)
	if err != nil {
		return err
	}
	m.info = info
	entries, err := parseMetadata(text)
	if err != nil {
		return err
	}
	m.entries = entries
	return nil
}

// of returns a copy of the entry for an image at path, nil if there is none.
func (m *metadataFile) of(path string) map[string]any {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, entry := range m.entries {
		if isBelow(path, filepath.Clean(entry["mountpoint"].(string))) {
			return maps.Clone(entry)
		}
	}
	return nil
}

// parseMetadata parses a metadata file by glance_store's rules: an object, or
// a list of them, each with the strings id and mountpoint; all values are
// strings, lists and objects.
func parseMetadata(text []byte) ([]map[string]any, error) {
	var entries []map[string]any
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		entries = make([]map[string]any, 1)
		if err := json.Unmarshal(text, &entries[0]); err != nil {
			return nil, err
		}
	} else if err := json.Unmarshal(text, &entries); err != nil {
		return nil, fmt.Errorf("expected an object or a list of objects: %w", err)
	}
	for _, entry := range entries {
		for _, key := range []string{"id", "mountpoint"} {
			if _, ok := entry[key].(string); !ok {
				return nil, fmt.Errorf("expected the string %q in each object", key)
			}
		}
		if err := checkMetadata("", entry); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// checkMetadata checks the types of a value and of what is in it
// (glance_store's check_location_metadata).
func checkMetadata(key string, value any) error {
	var faults []error
	switch value := value.(type) {
	case string:
	case []any:
		for i, v := range value {
			faults = append(faults, checkMetadata(fmt.Sprintf("%s[%d]", key, i), v))
		}
	case map[string]any:
		for k, v := range value {
			faults = append(faults, checkMetadata(k, v))
		}
	default:
		return fmt.Errorf("%s is %v: expected a string, a list or an object", key, value)
	}
	return errors.Join(faults...)
}
