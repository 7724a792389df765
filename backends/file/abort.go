package file

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"glancefs/backends"
)

// Abort ends the add; see backends.Writer. What can't be removed at once, as
// the datadir hangs, is removed when it does no more, whoever waits for it.
func (w *writer) Abort(ctx context.Context) error {
	w.ended.Store(true)
	w.release.Do(func() { go w.cleanUp() })
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-w.released:
		return w.leftover
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// cleanUp removes what there is of the add.
func (w *writer) cleanUp() {
	defer close(w.released)
	w.leftover = w.store.gate.Do(context.Background(), func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.file == nil { // committed
			return nil
		}
		err := os.Remove(w.path)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if w.sidecar != 0 {
			w.dir.removeSidecar(w.sidecar)
		}
		return backends.ClassifyErrno(errors.Join(err, w.close()))
	})
}

// close ends the add: it closes the temporary file, and with it the lock.
func (w *writer) close() error {
	w.ended.Store(true)
	err := w.file.Close()
	w.file = nil
	return err
}
