//go:build ceph

package rbd

import (
	"context"
	"encoding/json"
	"fmt"

	"glancefs/backends"
)

// Space tells what the pool holds and has room for, as ceph df does, or its
// quota if that is less; see backends.SpaceTeller.
func (s *Store) Space(ctx context.Context) (backends.Space, error) {
	return pass(ctx, s, (*cluster).space, nil)
}

func (c *cluster) space() (backends.Space, error) {
	var df struct {
		Pools []struct {
			Name  string `json:"name"`
			Stats struct {
				Stored   uint64 `json:"stored"`
				MaxAvail uint64 `json:"max_avail"`
			} `json:"stats"`
		} `json:"pools"`
	}
	if err := c.ask(&df, "df", nil); err != nil {
		return backends.Space{}, err
	}
	var quota struct {
		Bytes uint64 `json:"quota_max_bytes"` // 0: none
	}
	if err := c.ask(&quota, "osd pool get-quota", map[string]string{"pool": c.poolName}); err != nil {
		return backends.Space{}, err
	}
	for _, pool := range df.Pools {
		if pool.Name != c.poolName {
			continue
		}
		used, free := pool.Stats.Stored, pool.Stats.MaxAvail
		if quota.Bytes > 0 {
			free = min(free, quota.Bytes-min(quota.Bytes, used))
		}
		return backends.Space{Total: used + free, Free: free, Available: free}, nil
	}
	return backends.Space{}, fmt.Errorf("ceph df does not tell of the pool %s", c.poolName)
}

// ask asks a monitor.
func (c *cluster) ask(answer any, prefix string, args map[string]string) error {
	command := map[string]string{"prefix": prefix, "format": "json"}
	for key, value := range args {
		command[key] = value
	}
	text, err := json.Marshal(command)
	if err != nil {
		return err
	}
	reply, _, err := c.conn.MonCommand(text)
	if err != nil {
		return at("ceph "+prefix, err)
	}
	return json.Unmarshal(reply, answer)
}
