package main

import (
	"bufio"
	"encoding/json"
	"io"
	"log"
	"testing"

	"github.com/sirupsen/logrus"
)

// TestLibrariesLog: what a library prints is a line of the log.
func TestLibrariesLog(t *testing.T) {
	r, w := io.Pipe()
	newLogger(w, formatJSON, logrus.DebugLevel)
	t.Cleanup(func() { log.SetOutput(io.Discard) })
	go log.Print("something odd")
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Level, Msg string }
	if err := json.Unmarshal(line, &got); err != nil || got.Level != "debug" || got.Msg != "something odd" {
		t.Errorf("%s (%v)", line, err)
	}
}
