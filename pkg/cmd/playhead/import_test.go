package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
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

// What an import that was killed left behind is stored by the next one, unless
// it is still at work.
func TestImportFinishesWhatAnotherBegan(t *testing.T) {
	p := newPatient(t)
	p.cfg.Ingest.Flush.PackAge = 10 * time.Minute // nothing is stored unless somebody asks for it
	log := slog.New(slog.DiscardHandler)
	accept := func(session string) *importer {
		t.Helper()
		i, err := newImporter(t.Context(), p.cfg, p.stores, log)
		if err != nil {
			t.Fatal(err)
		}
		r := &recordingFile{session: recording.SessionID(session), window: "window-1", segments: []fileSegment{
			{page: "page-00001", ndjson: []byte(`{"type":4,"timestamp":1763791872123,"data":{"href":"https://shop.example/"}}` + "\n"), events: 1},
		}}
		if err := i.store(t.Context(), "shop", r, recording.Origin{}, 0); err != nil {
			t.Fatal(err)
		}
		return i
	}
	// A copy of a journal is what a killed process leaves.
	working := accept("session-working")
	original := accept("session-killed")
	killed := filepath.Join(p.cfg.DataDir, "import-killed")
	if err := os.CopyFS(killed, os.DirFS(original.dir)); err != nil {
		t.Fatal(err)
	}

	next := accept("session-next")
	if err := next.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(killed); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the journal of the killed import is still there: %v", err)
	}
	if _, err := os.Stat(working.dir); err != nil {
		t.Errorf("the journal of an import at work is gone: %v", err)
	}
	// The original is not stored yet: it is the copy that was.
	for _, session := range []recording.SessionID{"session-killed", "session-next"} {
		if _, err := p.stores.index.Segments(t.Context(), "shop", session); err != nil {
			t.Errorf("%s: %v", session, err)
		}
	}
	for _, i := range []*importer{working, original} {
		if err := i.close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
