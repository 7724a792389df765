package tests

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestVerifyOnRead: a whole read of an image that is not what was stored is
// EIO, for every reader, however often; and a good one is as it was.
func TestVerifyOnRead(t *testing.T) {
	t.Parallel()
	m := newMount(t, "[fast]", "verify_on_read = true")
	data := random('v', 5<<20+99)
	m.source(t, "good", data)
	for _, name := range []string{"/good", "/bad", "/untold"} {
		writeImage(t, m.fast+name, data)
	}
	for _, at := range []int64{0, int64(len(data)) - 1} {
		corrupt(t, m.fastData+"/bad", at)
		for _, script := range []string{
			`cat fast/bad > $S/out`, `cp fast/bad $S/out`, `md5sum fast/bad`, `dd if=fast/bad of=/dev/null bs=64K status=none`,
			`dd if=fast/bad of=/dev/null bs=3M status=none`, `head -c 100000 fast/bad > /dev/null; cat fast/bad > $S/out`, `tail -c 10 fast/bad`,
		} {
			if out, status := m.sh(t, script); status != 1 || !strings.Contains(out, "Input/output error") {
				t.Errorf("%s: exit status %d, wrote %q", script, status, out)
			}
		}
		m.wantSh(t, `for i in 1 2 3; do cat fast/bad > $S/out$i 2> /dev/null & done; for i in 1 2 3; do wait -n && exit 1; done; exit 0`)
		m.wantSh(t, `rm fast/bad; cp $S/good fast/bad; cmp $S/good fast/bad`) // another image
	}
	m.log.want(t, `"image":"bad"`)
	if err := errors.Join(os.Remove(m.fastData+"/untold"), os.WriteFile(m.fastData+"/untold", data[:1000], 0o644)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an image without digests is seen", func() bool {
		got, err := os.ReadFile(m.fast + "/untold")
		return err == nil && bytes.Equal(got, data[:1000])
	})

	f, err := os.Open(m.fast + "/good")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			if i < 3 {
				wantContent(t, m.fast+"/good", data)
				return
			}
			r := rand.New(rand.NewPCG(5, uint64(i)))
			for range 40 {
				wantReadAt(t, f, data, r.Int64N(int64(len(data))), r.IntN(1<<20))
			}
		})
	}
	all.Wait()
	wantImage(t, m.fast+"/good", data)
	m.wantSh(t, `head -c 100000 fast/good | cmp -n 100000 - $S/good; cat fast/good | cmp - $S/good; cp fast/good slow/good && cmp slow/good $S/good`)
}

// corrupt flips a byte of a file in the datadir as a bad disk would: neither
// size nor mtime tell.
func corrupt(t *testing.T, path string, at int64) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, st.ModTime()); err != nil {
		t.Fatal(err)
	}
}
