//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"strings"
)

// fio reads n blocks of a file at random, and notes how long its reads took:
// its start takes longer.
func (m *meter) fio(file string, n, block, size int64) error {
	text, err := capture("fio", "--name=read", "--filename="+file, "--readonly", "--rw=randread", fmt.Sprintf("--bs=%d", block),
		fmt.Sprintf("--io_size=%d", n*block), fmt.Sprintf("--size=%d", size), "--ioengine=psync", "--invalidate=0", "--output-format=json")
	if err != nil {
		return err
	}
	var out struct {
		Jobs []struct {
			Read struct {
				Bytes   int64   `json:"io_bytes"`
				Total   float64 `json:"total_ios"`
				Latency struct {
					Mean float64
				} `json:"lat_ns"`
			}
		}
	}
	if err := json.Unmarshal([]byte(text[max(strings.Index(text, "{"), 0):]), &out); err != nil {
		return fmt.Errorf("fio: %w", err)
	}
	if len(out.Jobs) != 1 || out.Jobs[0].Read.Bytes != n*block {
		return fmt.Errorf("fio did something else: %+v", out)
	}
	read := out.Jobs[0].Read
	m.sample.Seconds = read.Total * read.Latency.Mean / 1e9
	return nil
}
