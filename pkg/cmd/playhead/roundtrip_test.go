package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
