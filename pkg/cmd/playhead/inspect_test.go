package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// inspectJSON runs the command and returns what it prints, and its error.
func inspectJSON(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := dispatch(t.Context(), append([]string{"inspect", "--json"}, args...), &out, io.Discard)
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON line: %q", line)
		}
	}
	return out.String(), err
}

// Events of a journal are printed however they were sent, and only when asked
// for.
func TestInspectShowsTheEventsOfAJournal(t *testing.T) {
	const header, events = "{\"v\":1}\n", "{\"type\":3,\"timestamp\":1,\"data\":{}}\n"
	dir := t.TempDir()
	j, _, err := journal.Open(journal.Options{Dir: dir, FileBytes: 1 << 20, MaxBytes: 8 << 20, MaxSegments: 100, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	seg := recording.Segment{
		SegmentID: recording.SegmentID{Project: "shop", Session: "session-1", Window: "window-1"},
		Page:      "page-0001", Events: 1, RawBytes: len(events), ReceivedMs: 1763791873000,
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := io.WriteString(z, header+events); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for encoding, body := range map[string][]byte{"gzip": zipped.Bytes(), "zstd": e.EncodeAll([]byte(header+events), nil), "": []byte(header + events)} {
		u := journal.Upload{Class: recording.ClassNormal, Segment: seg, Encoding: encoding, Skip: len(header)}
		if _, err := j.AppendUpload(&u, body); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := j.AppendSegment(recording.ClassNormal, &seg, segment.Encode(nil, []byte(events), segment.EncodeOptions{})); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := inspectJSON(t, "--events", dir)
	if n := strings.Count(out, `"event":{"type":3`); n != 4 || err != nil {
		t.Errorf("%d of 4 events (%v): %s", n, err, out)
	}
	if out, err = inspectJSON(t, dir); strings.Contains(out, `"type":3`) || err != nil {
		t.Errorf("events without being asked (%v): %s", err, out)
	}
}

// Whatever happened to a file, inspecting it ends in words.
func TestInspectSurvivesDamage(t *testing.T) {
	var paths []string
	for _, pattern := range []string{"../../segment/testdata/v1/*.*", "../../ingest/journal/testdata/v1/*.log"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(path) == ".json" {
			continue
		}
		copied := filepath.Join(t.TempDir(), filepath.Base(path))
		try := func(content []byte) error {
			if err := os.WriteFile(copied, content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := inspectJSON(t, "--events", copied)
			return err
		}
		for n := 1; n < len(whole); n += 1 + len(whole)/60 {
			_ = try(whole[:n])
			damaged := bytes.Clone(whole)
			damaged[n] ^= 0x55
			if err := try(damaged); err == nil && filepath.Ext(path) != ".site" {
				t.Errorf("%s: damage at byte %d is not noticed", path, n)
			}
		}
	}
}
