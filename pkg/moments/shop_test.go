package moments_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
)

// TestShop plays the demo shop's three scenarios, which must be named in
// words.
func TestShop(t *testing.T) {
	tests := []struct {
		file    string
		signals []string
		texts   []string
		traces  int // in trace_ids
	}{
		{"vanished-message", []string{recording.SignalVanishedMessage},
			[]string{`message "Please choose a delivery date" shown for 2.0 s after a click on "Place order"; no request was sent`}, 0},
		{"double-order", []string{recording.SignalDoubleSubmit},
			[]string{`"Place order" sent twice, 159 ms apart: POST /api/orders answered 201; the second answered 500`}, 2},
		{"layout-thrash", []string{recording.SignalLayoutThrash},
			[]string{`the animation of #banner lost 96 frames: 10 in a row took 1.8 s while scripts wrote 4800 styles`}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			found := play(readRecording(t, filepath.Join("..", "..", "examples", "shop", "recordings", tt.file+".json")), 1)
			var names, texts []string
			for _, m := range found.Moments {
				if m.Kind != recording.KindSignal {
					continue
				}
				if !slices.Contains(names, m.Name) {
					names = append(names, m.Name)
				}
				if !slices.Contains(texts, m.Text) {
					texts = append(texts, m.Text)
				}
				if traces := strings.Split(m.Attributes["trace_ids"], ","); tt.traces > 0 && len(traces) != tt.traces {
					t.Errorf("trace_ids = %q", m.Attributes["trace_ids"])
				}
			}
			if !slices.Equal(names, tt.signals) || !slices.Equal(texts, tt.texts) {
				t.Errorf("signals %q\n%q\nwant %q\n%q", names, texts, tt.signals, tt.texts)
			}
		})
	}
}

// readRecording reads a JSON array of events.
func readRecording(t testing.TB, file string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var events []json.RawMessage
	if err := json.Unmarshal(data, &events); err != nil {
		t.Fatal(err)
	}
	lines := make([][]byte, len(events))
	for i, event := range events {
		var line bytes.Buffer
		if err := json.Compact(&line, event); err != nil {
			t.Fatal(err)
		}
		lines[i] = line.Bytes()
	}
	return lines
}

// play applies events in so many segments, each of at least one event.
func play(lines [][]byte, segments int) moments.Findings {
	w := moments.NewWindow(moments.WindowOptions{})
	var found moments.Findings
	add := func(f moments.Findings) {
		found.Moments = append(found.Moments, f.Moments...)
		found.Texts = append(found.Texts, f.Texts...)
	}
	size := (len(lines) + segments - 1) / segments
	seq := uint32(0)
	for part := range slices.Chunk(lines, size) {
		s := recording.Segment{Page: "page"}
		s.Seq = seq
		ndjson := append(bytes.Join(part, []byte{'\n'}), '\n')
		moments.Derive(&s, ndjson)
		add(w.Apply(&s, ndjson))
		seq++
	}
	add(w.Finish())
	return found
}
