package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"

	"github.com/playhead/playhead/pkg/ingest"
	"github.com/playhead/playhead/pkg/recording"
)

// measure is one line of a command that measures or checks.
type measure struct {
	Name  string `json:"name"`
	Value int    `json:"value"`
	Unit  string `json:"unit"`
}

// runRoundtrip imports every recording of a folder into stores of its own,
// exports it and compares event by event.
func runRoundtrip(ctx context.Context, c *call) (err error) {
	words, err := c.parse()
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return &usageError{"name one folder"}
	}
	files, err := filepath.Glob(filepath.Join(words[0], "*.json"))
	if err != nil {
		return &usageError{err.Error()}
	}
	if len(files) == 0 {
		return fmt.Errorf("no *.json in %s", words[0])
	}
	dir, err := os.MkdirTemp("", "playhead-roundtrip-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	counts, err := roundtrip(ctx, dir, files, newLog(c.stderr, slog.LevelWarn), c.stderr)
	if err != nil {
		return err
	}
	out := json.NewEncoder(c.stdout)
	for _, m := range []measure{
		{"roundtrip.files", len(files), "count"}, {"roundtrip.equal", counts.equal, "count"},
		{"roundtrip.refused", counts.refused, "count"}, {"roundtrip.different", counts.different, "count"},
	} {
		if err := out.Encode(m); err != nil {
			return err
		}
	}
	if counts.different > 0 {
		return fmt.Errorf("%d recordings came back changed", counts.different)
	}
	return nil
}

type roundtripCounts struct{ equal, refused, different int }

func roundtrip(ctx context.Context, dir string, files []string, log *slog.Logger, report io.Writer) (counts roundtripCounts, err error) {
	const project = recording.ProjectID("roundtrip")
	scrub := false
	cfg := defaultConfig()
	cfg.DataDir = dir
	cfg.Ingest.Projects = []ingest.Project{{ID: project, Scrub: &scrub}}
	cfg.completePaths()
	s, err := openStores(ctx, cfg, false, log)
	if err != nil {
		return counts, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.index.Migrate(ctx); err != nil {
		return counts, err
	}
	i, err := newImporter(ctx, cfg, s, log)
	if err != nil {
		return counts, err
	}
	var stored []imported
	for _, file := range files {
		result := i.file(ctx, project, file, recording.Origin{})
		if result.Refused != "" {
			counts.refused++
			fmt.Fprintf(report, "refused %s: %s\n", file, result.Refused)
			continue
		}
		stored = append(stored, result)
	}
	if err := i.close(ctx); err != nil {
		return counts, err
	}
	for _, r := range stored {
		if err := compare(ctx, s, project, r); err != nil {
			counts.different++
			fmt.Fprintf(report, "different %s: %v\n", r.File, err)
			continue
		}
		counts.equal++
	}
	return counts, nil
}

// compare reads the file and the export side by side, one event at a time.
func compare(ctx context.Context, s *stores, project recording.ProjectID, r imported) error {
	original, err := os.Open(r.File)
	if err != nil {
		return err
	}
	defer original.Close()
	exported, w := io.Pipe()
	go func() { w.CloseWithError(exportSession(ctx, s, project, r.SessionID, w)) }()
	defer exported.Close()
	return sameEvents(original, exported)
}

func sameEvents(a, b io.Reader) error {
	left, right := json.NewDecoder(a), json.NewDecoder(b)
	for _, d := range []*json.Decoder{left, right} {
		d.UseNumber()
		if _, err := d.Token(); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
	}
	for n := 0; ; n++ {
		more, also := left.More(), right.More()
		if more != also {
			return fmt.Errorf("one has %d events, the other more", n)
		}
		if !more {
			// The closing brackets, or why the export broke off.
			_, leftErr := left.Token()
			_, rightErr := right.Token()
			return errors.Join(leftErr, rightErr)
		}
		var x, y any
		if err := errors.Join(left.Decode(&x), right.Decode(&y)); err != nil {
			return fmt.Errorf("event %d: %w", n, err)
		}
		if !reflect.DeepEqual(x, y) {
			return fmt.Errorf("event %d differs", n)
		}
	}
}
