package storetest_test

import (
	"context"
	"strings"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// badWrites breaks a Writer where a function is given.
type badWrites struct {
	*memory.Store
	append func(backends.Writer, context.Context, backends.Chunk) error
	commit func(backends.Writer, context.Context, backends.Record, string) (backends.Image, error)
	abort  func(backends.Writer, context.Context) error
}

func (s *badWrites) Create(ctx context.Context, name string) (backends.Writer, error) {
	w, err := s.Store.Create(ctx, name)
	return &badWriter{Writer: w, bad: s, name: name}, err
}

type badWriter struct {
	backends.Writer
	bad  *badWrites
	name string
}

func (w *badWriter) Append(ctx context.Context, c backends.Chunk) error {
	if w.bad.append != nil {
		return w.bad.append(w.Writer, ctx, c)
	}
	return w.Writer.Append(ctx, c)
}

func (w *badWriter) Commit(ctx context.Context, r backends.Record) (backends.Image, error) {
	if w.bad.commit != nil {
		return w.bad.commit(w.Writer, ctx, r, w.name)
	}
	return w.Writer.Commit(ctx, r)
}

func (w *badWriter) Abort(ctx context.Context) error {
	if w.bad.abort != nil {
		return w.bad.abort(w.Writer, ctx)
	}
	return w.Writer.Abort(ctx)
}

// badRename replaces the image that has the new name.
type badRename struct{ *memory.Store }

func (s badRename) Rename(ctx context.Context, oldName, newName string) error {
	if oldName != newName {
		_ = s.Store.Delete(ctx, newName)
	}
	return s.Store.Rename(ctx, oldName, newName)
}

// badList does not stop.
type badList struct{ *memory.Store }

func (s badList) List(ctx context.Context, fn func(backends.Image) error) error {
	return s.Store.List(ctx, func(img backends.Image) error {
		_ = fn(img)
		return nil
	})
}

// badContext ends no call.
type badContext struct{ *memory.Store }

func (s badContext) Delete(ctx context.Context, name string) error {
	return s.Store.Delete(context.WithoutCancel(ctx), name)
}

// badStat changes what Stat tells.
type badStat struct {
	*memory.Store
	change func(*backends.Image)
}

func (s badStat) Stat(ctx context.Context, name string) (backends.Image, error) {
	img, err := s.Store.Stat(ctx, name)
	s.change(&img)
	return img, err
}

// badNames does not tell A from a.
type badNames struct{ *memory.Store }

func (s badNames) Create(ctx context.Context, name string) (backends.Writer, error) {
	return s.Store.Create(ctx, strings.ToLower(name))
}
