//go:build bench

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A tool does a work in its way.
type tool struct {
	name   string
	daemon *process // whose CPU time and memory count; nil: those of the commands
	before func() error
	run    func(*meter) error // this is measured
	after  func() error       // checks what was done, and undoes it
}

// meter adds up what commands took.
type meter struct {
	mu     sync.Mutex
	sample Sample // Seconds: what a command says itself
}

// work measures tools in turns. A tool that fails, or does something else
// than what it should, is not measured any more; the others are.
func (b *bench) work(t *testing.T, w Work, tools ...tool) Work {
	t.Helper()
	if *quick {
		tools = quickTools(tools)
	}
	for _, tool := range tools {
		w.Results = append(w.Results, Result{Tool: tool.name})
	}
	for range b.Rounds {
		for i, tool := range tools {
			r := &w.Results[i]
			if r.Error != "" {
				continue
			}
			sample, err := tool.measure()
			if err != nil {
				r.Error, r.Samples = "it failed", nil // how is of this machine, and for the log
				report := t.Logf
				if tool.name == Glancefs {
					report = t.Errorf
				}
				report("%s: %s: %v", w.Name, tool.name, err)
				if tool.name != Glancefs && tool.daemon != nil && errors.Is(err, context.DeadlineExceeded) {
					tool.daemon.kill() // it hangs, and may be busy with that beside the others
				}
				continue
			}
			r.Samples = append(r.Samples, sample)
		}
	}
	w.Compute()
	for _, r := range w.Results {
		if r.Error != "" {
			fmt.Printf("%-40s %-28s    failed\n", w.Name, r.Tool)
			continue
		}
		fmt.Printf("%-40s %-28s %9s %6s  CPU %s, %s\n", w.Name, r.Tool, secondsText(r.Median.Seconds), ratioText(r.Ratio),
			secondsText(r.Median.CPU), bytesText(r.Median.Memory))
	}
	return w
}

// quickTools are glancefs, glance_store and the native tool.
func quickTools(tools []tool) (some []tool) {
	for _, tool := range tools {
		switch tool.name {
		case Glancefs, glanceStoreName, Native:
			some = append(some, tool)
		}
	}
	return some
}

// measure does the work once.
func (u *tool) measure() (s Sample, err error) {
	if u.before != nil {
		if err := u.before(); err != nil {
			return s, err
		}
	}
	var cpu float64
	if u.daemon != nil {
		if err := u.daemon.resetPeak(); err != nil {
			return s, err
		}
		cpu = u.daemon.cpu()
	}
	m := new(meter)
	begin := time.Now()
	err = u.run(m)
	s = m.sample
	if s.Seconds == 0 {
		s.Seconds = time.Since(begin).Seconds()
	}
	if u.daemon != nil {
		s.CPU, s.Memory = u.daemon.cpu()-cpu, u.daemon.peak()-u.daemon.idle
	}
	if u.after != nil {
		err = errors.Join(err, u.after())
	}
	return s, err
}

// commandLimit is how long a command may take. The longest take 15 s, but
// httpdirfs 1.2.5 can hang.
const commandLimit = time.Minute

// command runs a command, with what it prints going to out; nil: nowhere.
func (m *meter) command(out io.Writer, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if the benchmark is killed
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err() // and it was killed
		}
		return fmt.Errorf("%s: %w: %.300s", strings.Join(args[:min(len(args), 6)], " "), err, stderr.Bytes())
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sample.CPU += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	m.sample.Memory += usage.Maxrss << 10 // it is in KiB
	return nil
}

// atOnce runs commands at once, without output.
func (m *meter) atOnce(commands [][]string) error {
	errs := make([]error, len(commands))
	var wg sync.WaitGroup
	for i, args := range commands {
		wg.Go(func() { errs[i] = m.command(nil, args) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// capture runs a command that is not measured, and returns what it printed.
func capture(args ...string) (string, error) {
	var out bytes.Buffer
	err := new(meter).command(&out, args)
	return out.String(), err
}

// removeAll removes files by path.
func removeAll(files []string) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, os.Remove(f))
	}
	return errors.Join(errs...)
}
