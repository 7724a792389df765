package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress counts what is written through it, and shows that as a bar on
// stderr if that is a terminal.
type progress struct {
	w   io.Writer
	bar *progressbar.ProgressBar // nil: no terminal
}

// newProgress wraps w. total is in bytes, -1 if nobody knows; what is said
// in front of the bar. Close ends the bar, not w.
func newProgress(w io.Writer, total int64, what string) *progress {
	p := &progress{w: w}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(os.Stderr),
			progressbar.OptionSetDescription(printable(what)),
			progressbar.OptionShowBytes(true),
			progressbar.OptionUseIECUnits(true),
			progressbar.OptionThrottle(100*time.Millisecond), // arbitrary
			progressbar.OptionFullWidth(),
		)
	}
	return p
}

func (p *progress) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.advance(int64(n))
	return n, err
}

// advance counts n bytes that were not written through p.
func (p *progress) advance(n int64) {
	if p.bar != nil {
		_ = p.bar.Add64(n) // only for the eye
	}
}

// Close leaves the bar as it is and ends its line.
func (p *progress) Close() {
	if p.bar != nil {
		_ = p.bar.Exit()
		_, _ = os.Stderr.WriteString("\n")
	}
}
