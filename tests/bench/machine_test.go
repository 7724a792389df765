//go:build bench

package bench

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glancefs/digest"
)

// machine describes this one.
func machine(disk string) Machine {
	m := Machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), Versions: map[string]string{"Go": strings.TrimPrefix(runtime.Version(), "go")}}
	cpu, _ := os.ReadFile("/proc/cpuinfo")
	if found := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(cpu); found != nil {
		m.CPU = string(found[1])
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		m.Memory = int64(info.Totalram) * int64(info.Unit)
		m.Load = float64(info.Loads[0]) / (1 << 16) // getloadavg(3)
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	fs, _ := capture("findmnt", "-n", "-o", "FSTYPE", "-T", disk)
	m.Disk = strings.TrimSpace(fs)
	for pkg, name := range map[string]string{
		"python3-glance-store": "glance_store", "ceph-osd": "Ceph", "rclone": "rclone", "openssl": "OpenSSL",
		"coreutils": "coreutils", "httpdirfs": "httpdirfs", "nginx-light": "nginx",
	} {
		if version, err := capture("dpkg-query", "-W", "-f", "${Version}", pkg); err == nil && version != "" {
			m.Versions[name], _, _ = strings.Cut(version, "-")
		}
	}
	return m
}

// measureHashes measures each hash on one core, and those of an add together;
// the fastest of three times is what the core can do.
func (b *bench) measureHashes(t *testing.T) (hashes []Hash) {
	t.Helper()
	openssl := b.has("openssl", "openssl")
	for _, algos := range [][]string{{"md5"}, {"sha256"}, {"sha512"}, {"md5", "sha512"}} {
		h := Hash{Name: strings.Join(algos, together)}
		for range 3 {
			h.Ours = max(h.Ours, hashSpeed(t, algos...))
			if openssl && len(algos) == 1 {
				h.OpenSSL = max(h.OpenSSL, opensslSpeed(t, algos[0]))
			}
		}
		hashes = append(hashes, h)
	}
	return hashes
}

// hashSpeed hashes for half a second what does not fit into the caches near the
// core, in bytes per CPU second of all that a stream of the digests needs.
func hashSpeed(t *testing.T, algos ...string) float64 {
	t.Helper()
	s, err := digest.NewStream(algos...)
	if err != nil {
		t.Fatal(err)
	}
	data, n := make([]byte, 16<<20), 0
	begin, cpu := time.Now(), ownCPU(t)
	for time.Since(begin) < time.Second/2 {
		s.Write(data, nil)
		n += len(data)
	}
	s.Sums()
	return float64(n) / (ownCPU(t) - cpu)
}

// ownCPU returns the CPU seconds of this process so far.
func ownCPU(t *testing.T) float64 {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// opensslSpeed asks `openssl speed`, whose line of figures ends in bytes per
// second.
func opensslSpeed(t *testing.T, algo string) float64 {
	t.Helper()
	out, err := exec.Command("openssl", "speed", "-mr", "-seconds", "1", "-bytes", "1048576", "-evp", algo).Output()
	if err != nil {
		t.Fatalf("openssl speed: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); fields[0] == "+F" {
			speed, err := strconv.ParseFloat(fields[len(fields)-1], 64)
			if err == nil {
				return speed
			}
		}
	}
	t.Fatalf("openssl speed printed %q", out)
	return 0
}
