package file

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"glancefs/backends"
)

// options are those of glance_store's filesystem driver (4.1.0, and the
// timeout of 5.4.0).
type options struct {
	Datadir       string        `option:"filesystem_store_datadir" default:"/var/lib/glance/images" help:"the directory of the images; made if it is missing. A reserved store's default is /var/lib/glance/NAME, which is never made"`
	Datadirs      []string      `option:"filesystem_store_datadirs" multi:"true" help:"PATH[:PRIORITY], repeated: several directories; the highest priority with space takes an image, in it the one with the most space"`
	MetadataFile  string        `option:"filesystem_store_metadata_file" help:"JSON: the location metadata of images by mountpoint"`
	FilePerm      int           `option:"filesystem_store_file_perm" default:"0" help:"the mode of new images, in octal digits; 0: 0644 less the umask"`
	ChunkSize     int           `option:"filesystem_store_chunk_size" default:"65536" min:"1" help:"bytes; a run of so many zeros can become a hole. Reads and writes are as large as the program's"`
	Thin          bool          `option:"filesystem_thin_provisioning" default:"false" help:"zeros become holes"`
	Timeout       time.Duration `option:"filesystem_store_timeout" default:"0" min:"0" help:"seconds that a call which moves no data may take, beside request_timeout; 0: no limit of its own"`
	Threads       int           `option:"filesystem_store_thread_pool_size" default:"10" min:"1" help:"the most system calls on the store at once; when not set, 64"`
	ThreadsWarned int           `option:"filesystem_store_threadpool_threshold" default:"75" min:"0" max:"100" help:"warn when so many percent of them are under way"`
}

// settings are the options, understood.
type settings struct {
	dirs         []*datadir // highest priority first
	mode         uint32     // permission bits of new images
	chunkSize    int64      // bytes
	thin         bool
	timeout      time.Duration // 0: none
	threads      int
	warnPercent  int
	metadataPath string // "": none
}

// defaultThreads is how many system calls run at once. An NVMe disk is busy
// with some 32; a dead NFS server then holds 64 threads, not the 10,000 at
// which the Go runtime gives up.
const defaultThreads = 64

// settings understands the options. The error joins every fault; what they
// leave can be read.
func (o *options) settings(in backends.Opening) (settings, error) {
	s := settings{
		chunkSize:    int64(o.ChunkSize),
		thin:         o.Thin,
		timeout:      o.Timeout,
		threads:      defaultThreads,
		warnPercent:  o.ThreadsWarned,
		metadataPath: o.MetadataFile,
	}
	if in.IsSet("filesystem_store_thread_pool_size") {
		s.threads = o.Threads
	}
	var modeErr, dirsErr error
	s.mode, modeErr = o.mode()
	s.dirs, dirsErr = o.datadirs(in)
	for _, d := range s.dirs {
		d.log, d.traverse = in.Log, o.traverse()
	}
	return s, errors.Join(dirsErr, modeErr)
}

// datadirs understands filesystem_store_datadir and filesystem_store_datadirs.
// Upstream wants the first one emptied before it takes the second; here the
// second is enough, and only both set by hand contradict each other.
func (o *options) datadirs(in backends.Opening) ([]*datadir, error) {
	explicit := in.IsSet("filesystem_store_datadir")
	switch {
	case len(o.Datadirs) > 0 && explicit && o.Datadir != "":
		dirs, err := parseDatadirs(o.Datadirs, in.Log)
		both := backends.Misconfigured("filesystem_store_datadir = %s, and filesystem_store_datadirs too: expected one of them", o.Datadir)
		return dirs, errors.Join(both, err)
	case len(o.Datadirs) > 0:
		return parseDatadirs(o.Datadirs, in.Log)
	case explicit && o.Datadir == "":
		return nil, backends.Misconfigured("filesystem_store_datadir is empty: expected a directory, here or in filesystem_store_datadirs")
	case in.Reserved && !explicit:
		return []*datadir{newDatadir(filepath.Join("/var/lib/glance", in.Name), 0)}, nil
	}
	path, err := cleanDatadir("filesystem_store_datadir", o.Datadir)
	if err != nil {
		return nil, err
	}
	return []*datadir{newDatadir(path, 0)}, nil
}

// parseDatadirs parses the values of filesystem_store_datadirs, by
// glance_store's rules: the last colon is the one before the priority, which
// may be left out (0).
func parseDatadirs(values []string, log *logrus.Entry) ([]*datadir, error) {
	var dirs []*datadir
	var faults []error
	for _, value := range values {
		d, err := parseDatadir(value)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		same := slices.IndexFunc(dirs, func(other *datadir) bool { return other.path == d.path })
		switch {
		case same < 0:
			dirs = append(dirs, d)
		case dirs[same].priority != d.priority:
			faults = append(faults, backends.Misconfigured("filesystem_store_datadirs = %s: the directory has the priority %d already: expected it once", value, dirs[same].priority))
		default:
			log.Warnf("filesystem_store_datadirs = %s: the directory is given twice", value)
		}
	}
	slices.SortStableFunc(dirs, func(a, b *datadir) int { return cmp.Compare(b.priority, a.priority) })
	return dirs, errors.Join(faults...)
}

// parseDatadir parses PATH[:PRIORITY].
func parseDatadir(value string) (*datadir, error) {
	path, priority := value, 0
	if i := strings.LastIndexByte(value, ':'); i >= 0 {
		path = value[:i]
		if text := strings.TrimSpace(value[i+1:]); text != "" {
			var err error
			if priority, err = strconv.Atoi(text); err != nil {
				return nil, backends.Misconfigured("filesystem_store_datadirs = %s: expected an integer after the last colon, the priority", value)
			}
		}
	}
	path, err := cleanDatadir("filesystem_store_datadirs", strings.TrimSpace(path))
	if err != nil {
		return nil, err
	}
	return newDatadir(path, priority), nil
}

// cleanDatadir checks the path of a datadir. A relative one would change its
// meaning with the directory in which glancefs was started.
func cleanDatadir(option, path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", backends.Misconfigured("%s = %s: expected an absolute path", option, path)
	}
	return filepath.Clean(path), nil
}
