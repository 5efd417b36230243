package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// What comes back is what went in, also for recordings with odd but valid
// spelling; a refused one says why and changes nothing for the others.
func TestRoundtrip(t *testing.T) {
	dir := t.TempDir()
	big := strings.Repeat("x", 300<<10)
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	files := []string{
		write("escapes.json", `[{"type":5,"data":{"tag":"a\/b","payload":"\u00e9 \ud83d\ude00 \n"},"timestamp":1e3},{"timestamp":1001.25,"data":{"z":[1.0,-0,1e-7],"":null},"type":3,"extra":{"a":1}}]`),
		write("out-of-order.json", `[{"type":3,"data":{"source":1},"timestamp":5000},{"type":3,"data":{"source":1},"timestamp":10},{"type":3,"data":{"source":1},"timestamp":10}]`),
		write("several-segments.json", `[{"type":4,"data":{},"timestamp":1},{"type":2,"data":"`+big+`","timestamp":2},{"type":3,"data":"`+big+`","timestamp":3},{"type":4,"data":{},"timestamp":4}]`),
		write("truncated.json", `[{"type":4,"data":{},"timestamp":1},`),
	}
	var report bytes.Buffer
	counts, err := roundtrip(t.Context(), t.TempDir(), files, slog.New(slog.DiscardHandler), &report)
	if err != nil {
		t.Fatal(err)
	}
	if want := (roundtripCounts{equal: 3, refused: 1}); counts != want {
		t.Errorf("counts %+v, want %+v\n%s", counts, want, report.String())
	}
	if !strings.Contains(report.String(), "truncated.json: ") {
		t.Errorf("the refusal names no reason: %s", report.String())
	}
}

// The comparison itself must be able to see a difference.
func TestSameEventsSeesDifferences(t *testing.T) {
	original := `[{"type":1,"timestamp":1},{"type":2,"timestamp":2}]`
	for name, changed := range map[string]string{
		"value":   `[{"type":1,"timestamp":1},{"type":2,"timestamp":3}]`,
		"order":   `[{"type":2,"timestamp":2},{"type":1,"timestamp":1}]`,
		"missing": `[{"type":1,"timestamp":1}]`,
		"more":    `[{"type":1,"timestamp":1},{"type":2,"timestamp":2},{"type":2,"timestamp":2}]`,
		"cut":     `[{"type":1,"timestamp":1},{"type":2,"timestamp":2}`,
	} {
		if err := sameEvents(strings.NewReader(original), strings.NewReader(changed)); err == nil {
			t.Errorf("%s: no difference seen", name)
		}
	}
	var compact bytes.Buffer
	if err := json.Indent(&compact, []byte(original), "", "  "); err != nil {
		t.Fatal(err)
	}
	if err := sameEvents(strings.NewReader(original), &compact); err != nil {
		t.Errorf("white space: %v", err)
	}
}

// An export reads frames that were made with a dictionary.
func TestExportReadsDictionaries(t *testing.T) {
	p := newPatient(t)
	line := `{"type":3,"timestamp":1763791872123,"data":{"source":0,"note":"what many sessions of a site have in common"}}`
	d, err := segment.NewDictionary([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	object, err := segment.AppendDictionaryObject(nil, d, segment.DictionaryInfo{Project: "shop", Site: "shop.example"})
	if err != nil {
		t.Fatal(err)
	}
	p.put(t, segment.DictionaryKey("shop", d.ID()), object)
	s := recording.Segment{
		SegmentID: recording.SegmentID{Project: "shop", Session: "session-1", Window: "window-1"},
		Page:      "page-0001", Events: 1, RawBytes: len(line) + 1, ReceivedMs: 1763791872123,
	}
	id := ulid.Make()
	pack := segment.NewPack("shop", recording.ClassNormal, id)
	if err := pack.Add(s, segment.Encode(nil, []byte(line+"\n"), segment.EncodeOptions{Dictionary: d}), d.ID(), recording.Base{}); err != nil {
		t.Fatal(err)
	}
	content, stored, err := pack.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	key := segment.PackKey("shop", recording.ClassNormal, id)
	p.put(t, key, content)
	if err := p.stores.index.Write(t.Context(), index.Batch{Project: "shop", Token: key, Segments: stored}); err != nil {
		t.Fatal(err)
	}
	var exported bytes.Buffer
	if err := exportSession(t.Context(), p.stores, "shop", "session-1", &exported); err != nil {
		t.Fatal(err)
	}
	if want := "[\n" + line + "\n]\n"; exported.String() != want {
		t.Errorf("got %s, want %s", exported.String(), want)
	}
}
