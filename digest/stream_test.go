package digest

import (
	"encoding/hex"
	"hash"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The tests below that run in a synctest bubble fail with a deadlock when
// they leave a goroutine behind, or when a call that must return does not.

func TestStreamComputesWhatTheHashesCompute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		algos := rapid.SliceOf(rapid.SampledFrom(Algorithms())).Draw(t, "algos")
		pieces := rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "pieces")

		s, err := NewStream(algos...)
		if err != nil {
			t.Fatal(err)
		}
		log := newDoneLog(len(pieces))
		for i, p := range pieces {
			s.Write(p, log.done(i))
		}
		sums := s.Sums()
		if diff := cmp.Diff(direct(t, algos, pieces), sums); diff != "" {
			t.Errorf("Sums (-direct +stream):\n%s", diff)
		}
		if diff := cmp.Diff(sums, s.Sums()); diff != "" {
			t.Errorf("a second Sums (-first +second):\n%s", diff)
		}
		log.check(t)
	})
}

func TestNewStreamRefusesBeforeItStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if _, err := NewStream("md5", "sha512", "SHA512"); err == nil {
			t.Error("no error")
		}
	})
}

// TestStreamEnds goes through the ways to end a stream, and what each leaves
// for the calls after it.
func TestStreamEnds(t *testing.T) {
	type sums = map[string]string
	abc := sums{"md5": "900150983cd24fb0d6963f7d28e17f72"}
	for _, c := range []struct {
		name string
		end  func(*Stream) sums
		want sums
	}{
		{"sums", (*Stream).Sums, abc},
		{"sums twice", func(s *Stream) sums { s.Sums(); return s.Sums() }, abc},
		{"sums, stop", func(s *Stream) sums { defer s.Stop(); return s.Sums() }, abc},
		{"sums, stop, sums", func(s *Stream) sums { s.Sums(); s.Stop(); return s.Sums() }, abc},
		{"stop", func(s *Stream) sums { s.Stop(); return nil }, nil},
		{"stop twice", func(s *Stream) sums { s.Stop(); s.Stop(); return nil }, nil},
		{"stop, sums", func(s *Stream) sums { s.Stop(); return s.Sums() }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := NewStream("md5")
				if err != nil {
					t.Fatal(err)
				}
				log := newDoneLog(3)
				s.Write([]byte("ab"), log.done(0))
				s.Write([]byte("c"), log.done(1))
				s.Write(nil, nil)
				if diff := cmp.Diff(c.want, c.end(s)); diff != "" {
					t.Errorf("Sums (-want +got):\n%s", diff)
				}
				s.Write([]byte("too late"), log.done(2))
				if log[2].Load() != 1 {
					t.Error("a Write after the end did not call done at once")
				}
				synctest.Wait()
				log.check(t)
			})
		})
	}
}

// TestAlone: a stream of one piece, small or not, ends like any other.
func TestAlone(t *testing.T) {
	algos := []string{"md5", "sha512"}
	for _, size := range []int{0, 1, alone, alone + 1, 3 * alone} {
		for _, sums := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				s, err := NewStream(algos...)
				if err != nil {
					t.Fatal(err)
				}
				p, log := make([]byte, size), newDoneLog(1)
				s.Write(p, log.done(0))
				var want map[string]string
				if sums {
					want = direct(t, algos, [][]byte{p})
				} else {
					s.Stop()
				}
				if diff := cmp.Diff(want, s.Sums()); diff != "" {
					t.Errorf("%d bytes (-want +got):\n%s", size, diff)
				}
				synctest.Wait()
				log.check(t)
			})
		}
	}
}

// TestStopAtAnyTime lets Stop race with Write and Sums: every done is called
// once, and what Sums returns, if anything, is right.
func TestStopAtAnyTime(t *testing.T) {
	algos := []string{"md5", "sha1", "blake2b"}
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			pieces := make([][]byte, 3*depth)
			for i := range pieces {
				pieces[i] = make([]byte, 1+rand.IntN(4096))
			}
			s, err := NewStream(algos...)
			if err != nil {
				t.Fatal(err)
			}
			stopBefore := rand.IntN(len(pieces) + 1)
			stop := make(chan struct{})
			go func() {
				<-stop
				s.Stop()
			}()

			log := newDoneLog(len(pieces))
			for i, p := range pieces {
				if i == stopBefore {
					close(stop)
				}
				s.Write(p, log.done(i))
			}
			if stopBefore == len(pieces) {
				close(stop)
			}
			if sums := s.Sums(); sums != nil {
				if diff := cmp.Diff(direct(t, algos, pieces), sums); diff != "" {
					t.Errorf("Sums (-direct +stream):\n%s", diff)
				}
			}
			log.check(t)
		})
	}
}

func TestWriteWaitsForTheSlowestHash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &gatedHash{gate: make(chan struct{})}
		s := newStream(map[string]hash.Hash{"slow": slow, "md5": newMD5SHA1()})
		const pieces = 10 * depth
		log := newDoneLog(pieces)
		written := 0
		go func() {
			for i := range pieces {
				s.Write([]byte{byte(i)}, log.done(i))
				written++
			}
		}()
		expect := func(when string, wantWritten, wantDone int) {
			t.Helper()
			synctest.Wait()
			if written != wantWritten || log.called() != wantDone {
				t.Errorf("%s: %d pieces written and %d done, want %d and %d",
					when, written, log.called(), wantWritten, wantDone)
			}
		}

		// One piece is being hashed, depth of them wait, the next one is in Write.
		expect("closed gate", depth+1, 0)
		slow.gate <- struct{}{}
		expect("one piece let through", depth+2, 1)
		s.Stop()
		// Only the slow hash's piece and those that wait for it are not done.
		expect("stopped", pieces, pieces-(depth+1))
		close(slow.gate)
		expect("stopped, gate open", pieces, pieces)
		log.check(t)
		if slow.hashed != 2 {
			t.Errorf("%d pieces were hashed, want 2: those after Stop are only let go", slow.hashed)
		}
	})
}

func TestSumsWaitsForTheSlowestHash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &gatedHash{gate: make(chan struct{})}
		s := newStream(map[string]hash.Hash{"slow": slow})
		s.Write([]byte("a"), nil)
		s.Write([]byte("b"), nil)
		returned := false
		go func() {
			s.Sums()
			returned = true
		}()
		for range 2 {
			synctest.Wait()
			if returned {
				t.Fatalf("Sums returned with %d of 2 pieces hashed", slow.hashed)
			}
			slow.gate <- struct{}{}
		}
		synctest.Wait()
		if !returned || slow.hashed != 2 {
			t.Errorf("returned %v with %d of 2 pieces hashed", returned, slow.hashed)
		}
	})
}

// TestDoneMayStop calls Stop from a hash's goroutine, while the writer waits
// for that very hash.
func TestDoneMayStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &gatedHash{gate: make(chan struct{})}
		s := newStream(map[string]hash.Hash{"slow": slow})
		written := 0
		go func() {
			for range 3 * depth {
				s.Write([]byte("a"), s.Stop)
				written++
			}
		}()
		synctest.Wait()
		close(slow.gate)
		synctest.Wait()
		if written != 3*depth {
			t.Errorf("%d of %d writes returned", written, 3*depth)
		}
		if s.Sums() != nil {
			t.Error("Sums after Stop is not nil")
		}
	})
}

// gatedHash hashes one piece for each value that its gate gives.
type gatedHash struct {
	hash.Hash
	gate   chan struct{}
	hashed int
}

func (h *gatedHash) Write(p []byte) (int, error) {
	<-h.gate
	h.hashed++
	return len(p), nil
}

func (h *gatedHash) Sum([]byte) []byte { return nil }

// doneLog counts the calls of the done of each piece.
type doneLog []atomic.Int32

func newDoneLog(pieces int) doneLog { return make(doneLog, pieces) }

func (l doneLog) done(i int) func() { return func() { l[i].Add(1) } }

// called is the number of pieces whose done was called.
func (l doneLog) called() int {
	n := 0
	for i := range l {
		if l[i].Load() > 0 {
			n++
		}
	}
	return n
}

func (l doneLog) check(t rapid.TB) {
	t.Helper()
	for i := range l {
		if n := l[i].Load(); n != 1 {
			t.Errorf("done of piece %d was called %d times", i, n)
		}
	}
}

// direct is what the stream must compute, one hash after the other.
func direct(t rapid.TB, algos []string, pieces [][]byte) map[string]string {
	t.Helper()
	sums := make(map[string]string)
	for _, algo := range algos {
		h, err := New(algo)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pieces {
			h.Write(p)
		}
		sums[algo] = hex.EncodeToString(h.Sum(nil))
	}
	return sums
}
