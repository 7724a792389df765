// Sickfs mounts a directory a second time, as a filesystem that can be made
// ill: what a dead NFS server or a dying disk does to a datadir.
//
//	sickfs DIR MOUNTPOINT
//
// It prints "ready" and then obeys commands, one a line, and answers each with
// a line:
//
//	OP ERRNO   requests OP (Unlink, Rename, …; all for each of them) fail with
//	           this errno, a number; with 0 they are well again
//	OP hang    requests OP get no answer until they are well again
//	count OP   answers how many requests OP there were so far
//
// At the end of its standard input everything is well, and it unmounts.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

func main() {
	root, err := fs.NewLoopbackRoot(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	s := &sick{ills: make(map[string]int), counts: make(map[string]int)}
	s.changed = sync.NewCond(&s.mu)
	// No cache and no passthrough: each call is a request.
	none := time.Duration(0)
	s.RawFileSystem = fs.NewNodeFS(root, &fs.Options{
		EntryTimeout: &none, AttrTimeout: &none, NegativeTimeout: &none, NullPermissions: true,
	})
	server, err := fuse.NewServer(s, os.Args[2], &fuse.MountOptions{
		Name: "sickfs", FsName: "sickfs", DirectMount: true, MaxWrite: 1 << 20,
		AllowOther: true, Options: []string{"default_permissions"},
		DisabledCapabilities: fuse.CAP_PASSTHROUGH,
	})
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	for commands := bufio.NewScanner(os.Stdin); commands.Scan(); {
		fmt.Println(s.obey(commands.Text()))
	}
	s.obey("all 0")
	if err := server.Unmount(); err != nil {
		log.Fatal(err)
	}
	server.Wait()
}

// sick is a filesystem that can be made ill.
type sick struct {
	fuse.RawFileSystem

	mu      sync.Mutex     // guards the rest
	changed *sync.Cond     // ills has changed
	ills    map[string]int // errno, or hang, by request
	counts  map[string]int
}

const hang = -1

// obey obeys a command and returns the answer.
func (s *sick) obey(command string) string {
	op, what, _ := strings.Cut(command, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if op == "count" {
		return strconv.Itoa(s.counts[what])
	}
	errno, err := strconv.Atoi(what)
	switch {
	case what == "hang":
		s.ills[op] = hang
	case err != nil:
		return err.Error()
	case op == "all" && errno == 0:
		clear(s.ills)
	default:
		s.ills[op] = errno
	}
	s.changed.Broadcast()
	return "done"
}

// ask counts a request, and returns what is to be answered instead of it.
func (s *sick) ask(op string) fuse.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[op]++
	for {
		ill, own := s.ills[op]
		if !own {
			ill = s.ills["all"]
		}
		if ill != hang {
			return fuse.Status(ill)
		}
		s.changed.Wait()
	}
}

func (s *sick) Lookup(cancel <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if st := s.ask("Lookup"); !st.Ok() {
		return st
	}
	return s.RawFileSystem.Lookup(cancel, header, name, out)
}

func (s *sick) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	if st := s.ask("GetAttr"); !st.Ok() {
		return st
	}
	return s.RawFileSystem.GetAttr(cancel, in, out)
}

func (s *sick) Statx(cancel <-chan struct{}, in *fuse.StatxIn, out *fuse.StatxOut) fuse.Status {
	if st := s.ask("GetAttr"); !st.Ok() {
		return st
	}
	return s.RawFileSystem.Statx(cancel, in, out)
}

func (s *sick) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	if st := s.ask("SetAttr"); !st.Ok() {
		return st
	}
	return s.RawFileSystem.SetAttr(cancel, in, out)
}

func (s *sick) Unlink(cancel <-chan struct{}, header *fuse.InHeader, name string) fuse.Status {
	if st := s.ask("Unlink"); !st.Ok() {
		return st
	}
	return s.RawFileSystem.Unlink(cancel, header, name)
}

func (s *sick) Rename(cancel <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	if st := s.ask("Rename"); !st.Ok() {
		return st
	}
	return s.RawFileSystem.Rename(cancel, in, oldName, newName)
}

func (s *sick) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	if st := s.ask("Create"); !st.Ok() {
		return st
	}
	return s.RawFileSystem.Create(cancel, in, name, out)
}

func (s *sick) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if st := s.ask("Open"); !st.Ok() {
		return st
	}
	return s.RawFileSystem.Open(cancel, in, out)
}

func (s *sick) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	if st := s.ask("Read"); !st.Ok() {
		return nil, st
	}
	return s.RawFileSystem.Read(cancel, in, buf)
}

// Writev is what go-fuse calls for each WRITE.
func (s *sick) Writev(cancel <-chan struct{}, in *fuse.WriteIn, data [][]byte) (uint32, fuse.Status) {
	if st := s.ask("Write"); !st.Ok() {
		return 0, st
	}
	return s.RawFileSystem.Writev(cancel, in, data)
}

func (s *sick) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	if st := s.ask("Fsync"); !st.Ok() {
		return st
	}
	return s.RawFileSystem.Fsync(cancel, in)
}

func (s *sick) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if st := s.ask("OpenDir"); !st.Ok() {
		return st
	}
	return s.RawFileSystem.OpenDir(cancel, in, out)
}

func (s *sick) StatFs(cancel <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	if st := s.ask("StatFs"); !st.Ok() {
		return st
	}
	return s.RawFileSystem.StatFs(cancel, in, out)
}

func (s *sick) SetXAttr(cancel <-chan struct{}, in *fuse.SetXAttrIn, name string, data []byte) fuse.Status {
	if st := s.ask("SetXAttr"); !st.Ok() {
		return st
	}
	return s.RawFileSystem.SetXAttr(cancel, in, name, data)
}
