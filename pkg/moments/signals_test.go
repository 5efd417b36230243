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

// TestSignals follows what tests/signals recorded in a browser: every signal is
// found on its page, once and in words, and nothing is found in its near
// misses.
func TestSignals(t *testing.T) {
	tests := map[string]string{ // by recording: the signals in order, "" for none
		"rage_click":             `rage_click: clicked "Apply coupon" 4 times within`,
		"rage_click.counter":     "",
		"rage_click.text":        "",
		"dead_click":             `dead_click: nothing happened after a click on "Show details"`,
		"dead_click.slow":        "",
		"error_click":            `error_click: a click on "Export report" ended in TypeError: report is undefined`,
		"error_click.later":      "error: uncaught TypeError: cache is undefined",
		"error":                  "error: uncaught TypeError: cache is undefined",
		"error.logged":           "",
		"error_loop":             "error_loop: TypeError: clock is undefined, 8 times",
		"error_loop.thrice":      "error: uncaught TypeError: clock is undefined",
		"double_submit":          `double_submit: "Pay now" sent twice, `,
		"double_submit.again":    "",
		"double_submit.text":     "",
		"vanished_message":       `vanished_message: message "The street is missing a number" shown for 1.5 s after a click on "Save address"; no request was sent`,
		"vanished_message.stays": "",
		"vanished_message.good":  "",
		"validation_error":       `validation_error: the page refused what was filled in: "Enter the city you live in" after a click on "Sign up"`,
		"validation_error.hint":  "",
		"form_abandoned":         `form_abandoned: filled in 2 fields of the form "apply" and left without sending it`,
		"form_abandoned.sent":    "",
		"failed_request":         "failed_request: POST /api/fail answered 503 after",
		"failed_request.aborted": "",
		"slow_request":           "slow_request: GET /api/ok took 4.5 s after a click on \"Count stock\"",
		"slow_request.quick":     "",
		"frozen_page":            "frozen_page: the page did not answer for 1.8 s",
		"frozen_page.short":      "",
		"layout_thrash":          "layout_thrash: the animation of #tiles lost",
		"layout_thrash.smooth":   "",
		"thrashed_cursor":        "thrashed_cursor: the pointer was thrown back and forth 6 times within",
		"thrashed_cursor.calm":   "",
		"quick_back":             "quick_back: back after",
		"quick_back.read":        "",
		"blank_page":             "blank_page: the page showed nothing for",
		"blank_page.late":        "",
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			found := playSegments(readSegments(t, name))
			identities := make(map[identity]string)
			var order []identity
			for _, m := range found.Moments {
				id := identity{m.Seq, m.Event, m.Part}
				if m.Kind == recording.KindSignal {
					if _, ok := identities[id]; !ok {
						order = append(order, id)
					}
					identities[id] = m.Name + ": " + m.Text
				}
			}
			switch {
			case want == "" && len(order) > 0:
				t.Errorf("found %v", identities)
			case want != "" && (len(order) != 1 || !strings.HasPrefix(identities[order[0]], want)):
				t.Errorf("found %v, want %q", identities, want)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(signalRecordings, "*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := tests[strings.TrimSuffix(filepath.Base(file), ".ndjson")]; !ok {
			t.Errorf("%s is tested by nothing", file)
		}
	}
}

const signalRecordings = "../../testdata/signals"

// identity is what a moment is told apart by within its window.
type identity struct {
	seq         uint32
	event, part int
}

// taped is a segment of a recording of tests/signals.
type taped struct {
	recording.Segment
	ndjson []byte
}

func readSegments(t testing.TB, name string) []taped {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(signalRecordings, name+".ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	var list []taped
	for line := range bytes.Lines(data) {
		if !bytes.HasPrefix(line, []byte(`{"segment":`)) {
			list[len(list)-1].ndjson = append(list[len(list)-1].ndjson, line...)
			continue
		}
		var header struct {
			Segment struct {
				Page  recording.PageID `json:"page"`
				Seq   uint32           `json:"seq"`
				URL   string           `json:"url"`
				Final bool             `json:"final"`
			} `json:"segment"`
		}
		if err := json.Unmarshal(line, &header); err != nil {
			t.Fatal(err)
		}
		var s taped
		s.Seq, s.Page = header.Segment.Seq, header.Segment.Page
		s.Origin.URL, s.Origin.Final = header.Segment.URL, header.Segment.Final
		list = append(list, s)
	}
	return list
}

func playSegments(list []taped) moments.Findings {
	w := moments.NewWindow(moments.WindowOptions{})
	var found moments.Findings
	add := func(f moments.Findings) {
		found.Moments = append(found.Moments, f.Moments...)
		found.Texts = append(found.Texts, f.Texts...)
	}
	for i := range list {
		s := list[i].Segment
		moments.Derive(&s, list[i].ndjson)
		add(w.Apply(&s, list[i].ndjson))
	}
	add(w.Finish())
	return found
}

// TestSegmentation: what is found does not depend on how the events are cut
// into segments.
func TestSegmentation(t *testing.T) {
	for _, name := range []string{"vanished-message", "double-order", "layout-thrash"} {
		t.Run(name, func(t *testing.T) {
			lines := readRecording(t, filepath.Join("..", "..", "examples", "shop", "recordings", name+".json"))
			want := signalTexts(play(lines, 1))
			for _, segments := range []int{2, 7, len(lines)} {
				if got := signalTexts(play(lines, segments)); !slices.Equal(got, want) {
					t.Errorf("in %d segments %q, want %q", segments, got, want)
				}
			}
		})
	}
}

func signalTexts(found moments.Findings) []string {
	var texts []string
	for _, m := range found.Moments {
		if m.Kind == recording.KindSignal {
			texts = append(texts, m.Text)
		}
	}
	return texts
}
