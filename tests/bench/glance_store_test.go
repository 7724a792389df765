//go:build bench

package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"glancefs/tests/need"
)

const glanceStoreName = "glance_store"

// glanceStore is the real glance_store, in a Python process that is started
// once: its start is not measured. Like the daemon of a mount it is there.
type glanceStore struct {
	*process
	in  *json.Encoder
	out *json.Decoder
}

type request struct {
	Op      string     `json:"op"`
	Backend string     `json:"backend"`
	Algo    string     `json:"algo,omitempty"`
	Streams [][]string `json:"streams"`
}

type reply struct {
	Images []struct {
		Name, MD5, Multihash string
		Size                 int64
	}
	Error string
}

// glanceStore starts glance_store on a configuration, until the test ends; it
// is nil if it is not installed.
func (b *bench) glanceStore(t *testing.T, conf string) *glanceStore {
	t.Helper()
	if err := exec.Command(need.Python, "-c", "import glance_store").Run(); err != nil {
		b.missing("glance_store (apt-get install python3-glance-store)")
		return nil
	}
	cmd := exec.Command(need.Python, "testdata/peer.py", writeConf(t, t.TempDir(), conf))
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL} // as startMount's
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := stdin.Close() // it ends at the end of its input
		if err := errors.Join(err, cmd.Wait()); err != nil {
			t.Errorf("glance_store: %v\n%s", err, &stderr)
		}
	})
	g := &glanceStore{process: &process{pid: cmd.Process.Pid}, in: json.NewEncoder(stdin), out: json.NewDecoder(bufio.NewReader(stdout))}
	if err := g.out.Decode(&reply{}); err != nil {
		t.Fatalf("glance_store does not start: %v", err)
	}
	g.idle = g.memory("VmRSS:")
	return g
}

func (g *glanceStore) do(r request) (answer reply, err error) {
	if err = g.in.Encode(r); err == nil {
		err = g.out.Decode(&answer)
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("glance_store has ended")
	}
	if answer.Error != "" {
		err = errors.New(answer.Error)
	}
	return answer, err
}

// adder adds files; the digests that it returns are compared.
func (g *glanceStore) adder(backend, algo string, streams []stream, after func() error) tool {
	var answer reply
	return tool{
		name: glanceStoreName, daemon: g.process,
		run: func(*meter) (err error) {
			answer, err = g.do(request{Op: "add", Backend: backend, Algo: algo, Streams: paths(streams)})
			return err
		},
		after: func() error {
			for i, f := range flat(streams) {
				if got := answer.Images[i]; got.MD5 != f.sums["md5"] || got.Multihash != f.sums[algo] {
					return fmt.Errorf("%s has other digests: %+v", f.path, got)
				}
			}
			return after()
		},
	}
}

// reader reads images by location. What comes is counted while it is
// measured, and hashed afterwards.
func (g *glanceStore) reader(backend string, streams []stream, location func(name string) string) tool {
	uris := make([][]string, len(streams))
	for i, s := range streams {
		for _, f := range s {
			uris[i] = append(uris[i], location(f.name()))
		}
	}
	do := func(op string, right func(f source, size int64, md5 string) bool) error {
		answer, err := g.do(request{Op: op, Backend: backend, Streams: uris})
		if err != nil {
			return err
		}
		for i, f := range flat(streams) {
			if got := answer.Images[i]; !right(f, got.Size, got.MD5) {
				return fmt.Errorf("%s of %s is something else: %+v", op, f.path, got)
			}
		}
		return nil
	}
	return tool{
		name: glanceStoreName, daemon: g.process,
		run: func(*meter) error {
			return do("get", func(f source, size int64, _ string) bool { return size == f.size })
		},
		after: func() error {
			return do("digest", func(f source, _ int64, md5 string) bool { return md5 == f.sums["md5"] })
		},
	}
}
