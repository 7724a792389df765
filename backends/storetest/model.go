package storetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"glancefs/backends"
)

var modelTests = []test{{name: "random calls", run: modelRandom}}

// model is what a store must look like after the calls so far.
type model struct {
	*suite
	images  map[string][]byte
	mtimes  map[string]time.Time // of images whose mtime was set
	writers []*modelWriter       // under way
}

// modelWriter is an add under way.
type modelWriter struct {
	backends.Writer
	name string
	data []byte
}

// modelRandom makes random calls and compares the store with the model after
// each. All runs are on one store, which each of them leaves empty.
func modelRandom(s *suite) {
	rapid.Check(s.t, func(rt *rapid.T) {
		run := *s
		run.tester = rt
		// A failing run may need long to shrink.
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		run.ctx = ctx
		m := &model{suite: &run, images: make(map[string][]byte), mtimes: make(map[string]time.Time)}
		defer m.clear()
		actions := map[string]func(*rapid.T){
			"create": m.createOne, "append": m.appendOne, "commit": m.commitOne, "abort": m.abortOne,
			"delete": m.deleteOne, "open": m.openOne, "": m.check,
		}
		if _, ok := backends.As[backends.Renamer](s.store); ok {
			actions["rename"] = m.renameOne
		}
		if _, ok := backends.As[backends.MtimeSetter](s.store); ok {
			actions["set mtime"] = m.setMtimeOne
		}
		rt.Repeat(actions)
	})
}

// clear empties the store.
func (m *model) clear() {
	for _, w := range m.writers {
		m.must("abort", w.Abort(m.ctx))
	}
	for name := range m.images {
		m.must("delete", m.store.Delete(m.ctx, name))
	}
}

var (
	modelNames = []string{"a", "b", "ü ?#", "-c"}
	someName   = rapid.SampledFrom(modelNames)
	someTime   = rapid.SampledFrom(append(someTimes, time.Time{}))
)

func (m *model) createOne(rt *rapid.T) {
	name := someName.Draw(rt, "name")
	w, err := m.store.Create(m.ctx, name)
	_, exists := m.images[name]
	if exists || (err != nil && m.underWay(name)) {
		m.want("create", err, fs.ErrExist)
		return
	}
	m.must("create", err)
	m.writers = append(m.writers, &modelWriter{Writer: w, name: name})
}

// underWay tells whether a name is being added, which may make it taken.
func (m *model) underWay(name string) bool {
	return slices.ContainsFunc(m.writers, func(w *modelWriter) bool { return w.name == name })
}

// writer draws an add under way, and its index.
func (m *model) writer(rt *rapid.T) (int, *modelWriter) {
	if len(m.writers) == 0 {
		rt.Skip("no add is under way")
	}
	i := rapid.IntRange(0, len(m.writers)-1).Draw(rt, "writer")
	return i, m.writers[i]
}

func (m *model) appendOne(rt *rapid.T) {
	_, w := m.writer(rt)
	size := rapid.SampledFrom([]int{0, 1, 4095, 65536, 100_000}).Draw(rt, "size")
	piece := make([]byte, size)
	if rapid.Bool().Draw(rt, "random") {
		piece = randomBytes(size, uint64(len(w.data)))
	}
	m.must("append", w.Append(m.ctx, backends.Chunk{Data: piece}))
	w.data = append(w.data, piece...)
}

func (m *model) commitOne(rt *rapid.T) {
	i, w := m.writer(rt)
	mtime := someTime.Draw(rt, "mtime")
	_, err := w.Commit(m.ctx, recordOf(w.data, mtime))
	if _, exists := m.images[w.name]; exists {
		m.want("commit", err, fs.ErrExist)
		m.must("abort", w.Abort(m.ctx))
	} else {
		m.must("commit", err)
		m.images[w.name] = w.data
		m.setMtime(w.name, mtime)
	}
	m.writers = slices.Delete(m.writers, i, i+1)
}

// setMtime notes an image's mtime; zero is one that is not known.
func (m *model) setMtime(name string, mtime time.Time) {
	if mtime.IsZero() {
		delete(m.mtimes, name)
	} else {
		m.mtimes[name] = mtime
	}
}

func (m *model) abortOne(rt *rapid.T) {
	i, w := m.writer(rt)
	m.must("abort", w.Abort(m.ctx))
	m.writers = slices.Delete(m.writers, i, i+1)
}

func (m *model) deleteOne(rt *rapid.T) {
	name := someName.Draw(rt, "name")
	err := m.store.Delete(m.ctx, name)
	if _, exists := m.images[name]; !exists {
		m.want("delete", err, fs.ErrNotExist)
		return
	}
	m.must("delete", err)
	delete(m.images, name)
	delete(m.mtimes, name)
}

func (m *model) openOne(rt *rapid.T) {
	name := someName.Draw(rt, "name")
	if data, exists := m.images[name]; exists {
		m.wantImage(name, data)
	} else {
		m.wantGone(name)
	}
}

func (m *model) renameOne(rt *rapid.T) {
	renamer, _ := backends.As[backends.Renamer](m.store)
	oldName, newName := someName.Draw(rt, "old"), someName.Draw(rt, "new")
	err := renamer.Rename(m.ctx, oldName, newName)
	data, exists := m.images[oldName]
	_, taken := m.images[newName]
	switch {
	case !exists && errors.Is(err, fs.ErrExist) && (taken || m.underWay(newName)):
		// Which of the two is found first is the store's affair.
	case !exists:
		m.want("rename", err, fs.ErrNotExist)
	case taken || (err != nil && m.underWay(newName)):
		m.want("rename", err, fs.ErrExist)
	default:
		m.must("rename", err)
		m.images[newName] = data
		m.setMtime(newName, m.mtimes[oldName])
		delete(m.images, oldName)
		delete(m.mtimes, oldName)
	}
}

func (m *model) setMtimeOne(rt *rapid.T) {
	setter, _ := backends.As[backends.MtimeSetter](m.store)
	name, mtime := someName.Draw(rt, "name"), rapid.SampledFrom(someTimes).Draw(rt, "mtime")
	err := setter.SetMtime(m.ctx, name, mtime)
	if _, exists := m.images[name]; !exists {
		m.want("set mtime", err, fs.ErrNotExist)
		return
	}
	m.must("set mtime", err)
	m.setMtime(name, mtime)
}

// check compares the store with the model.
func (m *model) check(*rapid.T) {
	want, got := make(map[string]string), make(map[string]string)
	for name, data := range m.images {
		want[name] = fmt.Sprintf("%d bytes, multihash %s", len(data), recordOf(data, time.Time{}).Multihash)
	}
	for name := range m.list() {
		img := m.stat(name)
		if img.Record == nil {
			m.Fatalf("%q has no record", name)
		}
		got[name] = fmt.Sprintf("%d bytes, multihash %s", img.Size, img.Record.Multihash)
		if mtime, known := m.mtimes[name]; known {
			m.wantMtime(img, mtime)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		m.Fatalf("the store is not what it should be (-want +got):\n%s", diff)
	}
}
