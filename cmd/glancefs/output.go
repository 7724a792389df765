package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// output is a file that takes its name when it is complete. Until then it
// has a temporary name in the same directory.
type output struct {
	file *os.File
	path string // "": a device or pipe, which is written to as it is
}

// newOutput begins to write the file path. A link is followed.
func newOutput(path string) (*output, error) {
	if !isRegular(path) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		return &output{file: f}, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	temp := filepath.Join(filepath.Dir(path), ".glancefs-get-"+rand.Text())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		e.Path = path // what the user knows
	}
	return &output{f, path}, err
}

// commit makes the file durable under its name.
func (o *output) commit() error {
	if o.path == "" {
		return o.file.Close()
	}
	if err := o.file.Sync(); err != nil {
		return errors.Join(err, o.abort())
	}
	if err := os.Rename(o.file.Name(), o.path); err != nil {
		return errors.Join(err, o.abort())
	}
	if err := o.file.Close(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(o.path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// abort leaves nothing of the file.
func (o *output) abort() error {
	err := o.file.Close()
	if o.path != "" {
		err = errors.Join(err, os.Remove(o.file.Name()))
	}
	return err
}
