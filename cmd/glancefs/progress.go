package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// newProgress makes a progress bar of total bytes, -1 if that is not known,
// on stderr if that is a terminal, else none. Close takes it away.
func newProgress(what string, total int64) *progressbar.ProgressBar {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return progressbar.DefaultBytesSilent(total)
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionThrottle(100*time.Millisecond), // arbitrary
		progressbar.OptionClearOnFinish(),
	)
}

// withProgress is w, with a bar that counts what is written to it.
func withProgress(w io.Writer, bar *progressbar.ProgressBar) io.Writer {
	return io.MultiWriter(w, bar)
}
