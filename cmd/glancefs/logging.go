package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// logFlags are the flags of the log.
type logFlags struct {
	file   string
	format logFormat
	level  logrus.Level
}

func (l *logFlags) addTo(flags *pflag.FlagSet) {
	l.format = formatText
	flags.StringVar(&l.file, "log-file", "", "log to `file` (default: in the background /var/log/glancefs.log, for others than root glancefs/glancefs.log in $XDG_STATE_HOME; in the foreground stderr)")
	flags.Var(&l.format, "log-format", "`format` of the log, text or json")
	flags.TextVar(&l.level, "log-level", logrus.InfoLevel, "`level` of the log: error, warning, info, debug or trace")
}

// path returns the absolute path of the log file, "" for stderr.
func (l *logFlags) path(background bool) (string, error) {
	switch {
	case l.file != "":
		return filepath.Abs(l.file)
	case !background:
		return "", nil
	case os.Geteuid() == 0:
		return "/var/log/glancefs.log", nil
	}
	state, err := xdgDir("XDG_STATE_HOME", ".local/state")
	return filepath.Join(state, "glancefs", "glancefs.log"), err
}

// logFormat is text or json.
type logFormat string

const (
	formatText logFormat = "text"
	formatJSON logFormat = "json"
)

func (f *logFormat) Set(s string) error {
	if *f = logFormat(s); *f != formatText && *f != formatJSON {
		return fmt.Errorf("it is not text or json")
	}
	return nil
}

func (f *logFormat) String() string { return string(*f) }
func (f *logFormat) Type() string   { return "string" }

// newLogger makes the logger of the program. Only here is logrus configured,
// and what libraries print (net/http, of a server that sends more than it
// announced) becomes a line of the log, too.
func newLogger(w io.Writer, format logFormat, level logrus.Level) *logrus.Entry {
	logger := logrus.New()
	logger.SetOutput(w)
	logger.SetLevel(level)
	if format == formatJSON {
		logger.SetFormatter(&logrus.JSONFormatter{})
	} else {
		logger.SetFormatter(&logrus.TextFormatter{FullTimestamp: true})
	}
	log.SetFlags(0)
	log.SetOutput(logger.WriterLevel(logrus.DebugLevel))
	return logrus.NewEntry(logger)
}

// openLogFile opens a log file to be appended to, and makes its folder.
func openLogFile(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("log file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return nil, fmt.Errorf("log file: %w", err)
	}
	return f, nil
}

// reopen opens the log file at path and puts it in the place of files, which
// are open on the one that logrotate has moved away. Nobody who writes
// notices.
func reopen(path string, files ...*os.File) error {
	f, err := openLogFile(path)
	if err != nil {
		return err
	}
	defer f.Close() // its descriptor is duplicated
	for _, old := range files {
		if err := unix.Dup3(int(f.Fd()), int(old.Fd()), unix.O_CLOEXEC); err != nil {
			return fmt.Errorf("log file %s: %w", path, err)
		}
	}
	return nil
}
