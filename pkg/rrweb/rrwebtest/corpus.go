// Package rrwebtest gives tests the corpus: recordings that other projects
// made with rrweb. It is not part of the repository and is imported by tests
// only.
package rrwebtest

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Recording is one file of the corpus.
type Recording struct {
	Name  string   // sessions/x.json or fixtures/x.json
	Lines [][]byte // its events, compact, byte for byte within their values
}

// NDJSON returns the recording as lines, each with its newline.
func (r Recording) NDJSON() []byte {
	return append(bytes.Join(r.Lines, []byte{'\n'}), '\n')
}

// Corpus reads the recordings of $PLAYHEAD_CORPUS or, when that is not set, of
// ../shared/corpus beside the repository. It skips the test when there are
// none.
func Corpus(tb testing.TB) []Recording {
	tb.Helper()
	root := os.Getenv("PLAYHEAD_CORPUS")
	if root == "" {
		root = filepath.Join(repository(tb), "..", "shared", "corpus")
	}
	corpus := os.DirFS(root)
	names, err := fs.Glob(corpus, "*/*.json")
	if err != nil {
		tb.Fatal(err)
	}
	if len(names) == 0 {
		tb.Skipf("no recordings in %s: set PLAYHEAD_CORPUS to a folder with sessions/*.json", root)
	}
	recordings := make([]Recording, 0, len(names))
	for _, name := range names {
		recordings = append(recordings, Recording{Name: name, Lines: readEvents(tb, corpus, name)})
	}
	return recordings
}

func readEvents(tb testing.TB, corpus fs.FS, name string) [][]byte {
	tb.Helper()
	data, err := fs.ReadFile(corpus, name)
	if err != nil {
		tb.Fatal(err)
	}
	var events []json.RawMessage
	if err := json.Unmarshal(data, &events); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	lines := make([][]byte, len(events))
	for i, event := range events {
		var line bytes.Buffer
		if err := json.Compact(&line, event); err != nil {
			tb.Fatalf("%s: event %d: %v", name, i, err)
		}
		lines[i] = line.Bytes()
	}
	return lines
}

// repository is the folder of go.mod.
func repository(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}
