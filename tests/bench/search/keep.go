package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// kept says what a database holds that an earlier run filled. It lies beside
// the data, so that a run with the same folder asks without filling again.
type kept struct {
	Sessions int      `json:"sessions"`
	StartMs  int64    `json:"start_ms"`
	Filled   []string `json:"filled"` // tables

	path string
}

// keptOf reads what is known of a database in a folder; of a new one it is when
// its sessions began.
func keptOf(dir, database string, sessions int) (*kept, error) {
	k := &kept{path: filepath.Join(dir, database+".json")}
	text, err := os.ReadFile(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		k.Sessions, k.StartMs = sessions, time.Now().UnixMilli()-allMs
		return k, k.write()
	}
	if err != nil {
		return nil, fmt.Errorf("read what is kept: %w", err)
	}
	if err := json.Unmarshal(text, k); err != nil {
		return nil, fmt.Errorf("read %s: %w", k.path, err)
	}
	if k.Sessions != sessions {
		return nil, fmt.Errorf("%s is of %d sessions, not of %d", k.path, k.Sessions, sessions)
	}
	return k, nil
}

func (k *kept) has(table string) bool { return slices.Contains(k.Filled, table) }

// add notes tables that have been filled.
func (k *kept) add(tables ...string) error {
	k.Filled = append(k.Filled, tables...)
	return k.write()
}

func (k *kept) write() error {
	text, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("note what is kept: %w", err)
	}
	if err := os.WriteFile(k.path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("note what is kept: %w", err)
	}
	return nil
}
