package backends_test

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"glancefs/backends"
	"glancefs/backends/memory"
)

// distant is a store in memory whose readers want to be read ahead; see
// backends.BlockReader.
type distant struct {
	backends.Store
	fault func(ctx context.Context, p []byte) error // nil: none
	short bool                                      // bodies end early

	mu       sync.Mutex
	requests []int // their lengths
	inFlight int
	most     int
	closed   int // readers that were closed; -1: one while it was read
}

func (d *distant) Open(ctx context.Context, name string) (backends.Reader, error) {
	r, err := d.Store.Open(ctx, name)
	return distantReader{r, d}, err
}

type distantReader struct {
	backends.Reader
	store *distant
}

func (distantReader) BlockSize() int64 { return 1 << 20 }

func (r distantReader) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	d := r.store
	d.mu.Lock()
	d.requests = append(d.requests, len(p))
	d.inFlight++
	d.most = max(d.most, d.inFlight)
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.inFlight--
		d.mu.Unlock()
	}()
	if d.fault != nil {
		if err := d.fault(ctx, p); err != nil {
			return 0, err
		}
	}
	if d.short {
		p = p[:len(p)/2]
	}
	time.Sleep(time.Millisecond)
	return r.Reader.ReadAt(ctx, p, off)
}

func (r distantReader) Close() error {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	r.store.closed++
	if r.store.inFlight > 0 {
		r.store.closed = -1
	}
	return r.Reader.Close()
}

// openDistant opens an image of size bytes in a distant store.
func openDistant(t *testing.T, size int, options ...string) (*distant, *backends.Opened, []byte) {
	t.Helper()
	data := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
	d := &distant{Store: memory.New("one", 0)}
	add(t, d.Store, "there", data)
	o, err := instance(t, d, options...).Open(t.Context(), "there")
	if err != nil {
		t.Fatal(err)
	}
	return d, o, data
}

// TestReadAhead: a Reader that has a BlockSize is read ahead.
func TestReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, o, data := openDistant(t, 24<<20+100)
		var got bytes.Buffer
		if err := o.CopyTo(t.Context(), &got, 0, -1); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), data) {
			t.Error("not the bytes of the image")
		}
		total := 0
		for _, n := range d.requests {
			total += n
		}
		if total != len(data) || d.most < 4 {
			t.Errorf("%d bytes were asked for of %d, at most %d requests at once, want 4 or more", total, len(data), d.most)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		if d.closed != 1 {
			t.Errorf("closed %d times", d.closed)
		}
	})
}

// TestReadAheadCloses: what is under way at the close has ended before the
// store's reader is closed.
func TestReadAheadCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, o, _ := openDistant(t, 24<<20)
		d.fault = func(ctx context.Context, p []byte) error {
			if len(p) == 128<<10 {
				return nil
			}
			<-ctx.Done()
			return context.Cause(ctx)
		}
		readSome(t, o, 4)
		synctest.Wait()
		if d.inFlight == 0 {
			t.Error("nothing is under way")
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		if d.closed != 1 {
			t.Error("closed while it was read")
		}
	})
}

// readSome reads n times 128 KiB from the start.
func readSome(t *testing.T, o *backends.Opened, n int64) {
	t.Helper()
	for i := range n {
		if _, err := o.ReadAt(t.Context(), make([]byte, 128<<10), i*128<<10); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReadAheadStalls: a fetch ahead that stalls has half of a read's time;
// the other half is the read's own. Both are not longer than request_timeout.
func TestReadAheadStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := false
		d, o, _ := openDistant(t, 24<<20, "request_timeout = 4")
		defer o.Close()
		d.fault = func(ctx context.Context, p []byte) error {
			if len(p) == 128<<10 && !dead {
				return nil
			}
			<-ctx.Done()
			return context.Cause(ctx)
		}
		start := time.Now()
		readSome(t, o, 5) // the fifth waits for a fetch that stalls
		if took := time.Since(start); took < 2*time.Second || took > 2*time.Second+10*time.Millisecond {
			t.Errorf("reads of which one stalls took %v, want 2 s and some ms", took)
		}
		synctest.Wait()
		dead = true
		start = time.Now()
		_, err := o.ReadAt(t.Context(), make([]byte, 128<<10), 16<<20)
		took(t, "a read of a dead store", start, 4*time.Second)
		wantIs(t, err, context.DeadlineExceeded)
		wantError(t, err, "read", "there")
	})
}

// TestReadAheadShort: a body that ends early is an error.
func TestReadAheadShort(t *testing.T) {
	d, o, _ := openDistant(t, 100)
	defer o.Close()
	d.short = true
	_, err := o.ReadAt(t.Context(), make([]byte, 100), 0)
	wantIs(t, err, io.ErrUnexpectedEOF)
	wantError(t, err, "read", "there")
}

// TestNoReadAhead: any other Reader is asked for what is read.
func TestNoReadAhead(t *testing.T) {
	store := memory.New("one", 0)
	data := make([]byte, 4<<20)
	add(t, store, "there", data)
	var mu sync.Mutex
	reads := 0
	store.SetFault(func(_ context.Context, op, _ string, call func() error) error {
		if op == "read" {
			mu.Lock()
			reads++
			mu.Unlock()
		}
		return call()
	})
	o, err := instance(t, store).Open(t.Context(), "there")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	readSome(t, o, 32)
	if reads != 32 {
		t.Errorf("32 reads made %d", reads)
	}
}
