package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/ingest"
	"github.com/playhead/playhead/pkg/recording"
)

// A recording larger than the import's journal waits for the stores instead of
// being refused half way.
func TestImportLargerThanItsJournal(t *testing.T) {
	const project = recording.ProjectID("shop")
	cfg := defaultConfig()
	cfg.DataDir = t.TempDir()
	scrub := false // noise can look like the number of a card
	cfg.Ingest.Projects = []ingest.Project{{ID: project, Scrub: &scrub}}
	cfg.Ingest.Journal.FileBytes, cfg.Ingest.Journal.MaxBytes = 256<<10, 512<<10
	// Nothing is stored unless somebody asks for it.
	cfg.Ingest.Flush.PackAge, cfg.Ingest.Flush.PackBytes = 10*time.Minute, 64<<20
	cfg.completePaths()

	var events []byte
	noise := make([]byte, 100<<10) // 100 KiB after compression
	for n := range 20 {
		rand.Read(noise)
		events = fmt.Appendf(events, `,{"type":3,"timestamp":%d,"data":"%s"}`, n, hex.EncodeToString(noise))
	}
	events[0] = '['
	file := filepath.Join(t.TempDir(), "large.json")
	if err := os.WriteFile(file, append(events, ']'), 0o600); err != nil {
		t.Fatal(err)
	}

	log := slog.New(slog.DiscardHandler)
	s, err := openStores(t.Context(), cfg, false, log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.index.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	i, err := newImporter(t.Context(), cfg, s, log)
	if err != nil {
		t.Fatal(err)
	}
	result := i.file(t.Context(), project, file, recording.Origin{})
	if err := i.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if result.Refused != "" || result.Events != 20 {
		t.Fatalf("%+v", result)
	}
	if err := compare(t.Context(), s, project, result); err != nil {
		t.Error(err)
	}
}
