//go:build unix

package playback_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
)

func TestManifest(t *testing.T) {
	f := record(t)
	got := f.get(t, "sessions/"+string(session)+"/manifest")
	if got.status != http.StatusOK {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	var m playback.Manifest
	if err := json.Unmarshal([]byte(got.body), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Windows) != 2 || m.Version != 1 {
		t.Fatalf("version %d with %d windows: %s", m.Version, len(m.Windows), got.body)
	}
	a, b := m.Windows[0], m.Windows[1]
	if a.ClockOffsetMs != offsetMs || b.ClockOffsetMs != 7 {
		t.Errorf("clock offsets %d and %d, want the smallest of each window, %d and 7", a.ClockOffsetMs, b.ClockOffsetMs, offsetMs)
	}
	var seqs []uint32
	for _, s := range a.Segments {
		seqs = append(seqs, s.Seq)
		if want := startMs + int64(s.Seq)*10_000 + offsetMs; s.StartMs != want || s.EndMs != want+9_000 {
			t.Errorf("segment %d is %d to %d, want the browser's times plus the window's offset, from %d", s.Seq, s.StartMs, s.EndMs, want)
		}
	}
	if !slices.Equal(seqs, []uint32{0, 1, 2, 4, 5}) {
		t.Errorf("seqs %v", seqs)
	}
	if want := []int64{startMs + 20_010 + offsetMs}; !slices.Equal(a.Segments[2].FullSnapshots, want) {
		t.Errorf("full snapshots %v, want %v", a.Segments[2].FullSnapshots, want)
	}
	wantGap := playback.Gap{AfterSeq: 2, BeforeSeq: 4, StartMs: a.Segments[2].EndMs, EndMs: a.Segments[3].StartMs, Cause: "not_received"}
	if !slices.Equal(a.Gaps, []playback.Gap{wantGap}) {
		t.Errorf("gaps of window A %+v, want %+v", a.Gaps, wantGap)
	}
	wantGap = playback.Gap{AfterSeq: -1, BeforeSeq: 2, StartMs: b.StartMs, EndMs: b.StartMs, Cause: "not_received"}
	if !slices.Equal(b.Gaps, []playback.Gap{wantGap}) {
		t.Errorf("gaps of window B %+v, want %+v", b.Gaps, wantGap)
	}
	if m.Session.StartMs != startMs+offsetMs || m.Session.EndMs != startMs+59_000+offsetMs || m.Session.DurationMs != 59_000 {
		t.Errorf("session is %d to %d, %d ms", m.Session.StartMs, m.Session.EndMs, m.Session.DurationMs)
	}
	for i, want := range []int64{startMs, startMs + 13_000, startMs + 41_000} {
		if got := m.Moments[i].TimestampMs; got != want+offsetMs {
			t.Errorf("moment %d is at %d, want %d", i, got, want+offsetMs)
		}
	}
	// What is empty is there, so that nobody has to ask for null.
	for _, want := range []string{`"previous_id":""`, `"user_attributes":{}`, `"first_url":"https://shop.example/cart"`, `"attributes":{}`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %s in %s", want, got.body)
		}
	}
}

// TestClockSetInTheMiddle: the browser's clock is set back by an hour between
// two segments; to a player they follow each other all the same.
func TestClockSetInTheMiddle(t *testing.T) {
	const hour = 3_600_000
	stores := playbacktest.Open(t)
	stores.Write(t, []playbacktest.Segment{
		makeSegment(windowA, 0, startMs, -12, true),
		makeSegment(windowA, 1, startMs+10_000, 0, false),
		makeSegment(windowA, 2, startMs+20_000-hour, hour+30, true),
		makeSegment(windowA, 3, startMs+30_000-hour, hour, false),
	}, nil)
	reader := playback.New(playback.Config{Project: project, Bucket: stores.Bucket, Index: stores.Index, Log: slog.New(slog.DiscardHandler)})
	manifest, err := reader.Manifest(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	window := manifest.Windows[0]
	for i, want := range []int64{startMs - 12, startMs + 10_000 - 12, startMs + 20_000, startMs + 30_000} {
		if got := window.Segments[i].StartMs; got != want {
			t.Errorf("segment %d begins at %d, want %d", i, got, want)
		}
	}
	if got, want := window.Segments[2].FullSnapshots, []int64{startMs + 20_010}; !slices.Equal(got, want) {
		t.Errorf("full snapshots %v, want %v", got, want)
	}
	if window.ClockOffsetMs != -12 || manifest.Session.DurationMs != 39_012 {
		t.Errorf("offset %d and duration %d, want -12 and 39012", window.ClockOffsetMs, manifest.Session.DurationMs)
	}
	var answer bytes.Buffer
	sel := playback.Selection{Window: windowA, FromMs: startMs + 25_000, ToMs: startMs + 26_000, Snapshot: true}
	if err := reader.WriteSegments(t.Context(), &answer, session, sel); err != nil {
		t.Fatal(err)
	}
	if head := `{"segment":{"window_id":"window-aaaa","page_id":"page-0001","seq":2,"events":11,"clock_offset_ms":3600000}}`; !strings.Contains(answer.String(), head) {
		t.Errorf("no line %s in %.200s", head, answer.String())
	}
}
