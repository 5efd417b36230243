//go:build unix

package playback_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
	"github.com/playhead/playhead/pkg/recording"
)

// recordKeyframes writes a window of five segments: a full snapshot in the first,
// keyframes after 1 and 3, each in a pack of its own. The network was slowest for
// the segment with the first keyframe.
func recordKeyframes(t *testing.T) (f fixture, keys []string) {
	t.Helper()
	stores := playbacktest.Open(t)
	for seq, clockOffset := range []int64{0, 500, offsetMs, -5, 0} {
		s := makeSegment(windowA, uint32(seq), startMs+int64(seq)*10_000, clockOffset, seq == 0)
		if seq == 1 || seq == 3 {
			s.Keyframe = []string{`{"type":4,"data":{},"timestamp":1}`, fmt.Sprintf(`{"type":2,"data":{"n":%d},"timestamp":1}`, seq)}
		}
		moments := []recording.Moment{{SegmentID: s.SegmentID, TimestampMs: s.StartMs, Page: pageOne, Kind: recording.KindClick, Name: "button", Text: fmt.Sprintf("click %d", seq)}}
		if seq == 2 {
			moments = append(moments, recording.Moment{SegmentID: s.SegmentID, Part: 1, TimestampMs: s.StartMs, Page: pageOne, Kind: recording.KindSignal, Name: recording.SignalDeadClick, Text: "nothing happened"})
		}
		keys = append(keys, stores.Write(t, []playbacktest.Segment{s}, moments))
	}
	return fixture{stores: stores, api: serve(t, stores.Bucket, stores.Index, t.Output())}, keys
}

func TestManifestHasKeyframes(t *testing.T) {
	f, _ := recordKeyframes(t)
	var m playback.Manifest
	if err := json.Unmarshal([]byte(f.get(t, "sessions/"+string(session)+"/manifest").body), &m); err != nil {
		t.Fatal(err)
	}
	got := m.Windows[0].Keyframes
	if len(got) != 2 {
		t.Fatalf("keyframes %+v, want two", got)
	}
	for i, seq := range []uint32{1, 3} {
		want := playback.Keyframe{AfterSeq: seq, Page: pageOne, TimestampMs: m.Windows[0].Segments[seq].EndMs, RawBytes: got[i].RawBytes}
		if got[i] != want || want.RawBytes < 50 {
			t.Errorf("keyframe %+v, want %+v, at the corrected end of its segment", got[i], want)
		}
	}
	if m.Session.Signals[recording.SignalDeadClick] != 1 {
		t.Errorf("signals %v, want one", m.Session.Signals)
	}
	if len(m.Moments) != 6 || m.Moments[3].Kind != recording.KindSignal {
		t.Errorf("moments %+v, want the signal after its click", m.Moments)
	}
}

// streamed is what an answer of segments begins its parts with.
func streamed(t *testing.T, body string) (heads []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	for i := 0; i < len(lines) && lines[i] != ""; i++ {
		var line struct {
			Keyframe, Segment, Gap *struct {
				Seq    *int
				After  *int `json:"after_seq"`
				Events int
				Cause  string
				Offset int64 `json:"clock_offset_ms"`
			}
		}
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
			t.Fatalf("%v: %s", err, lines[i])
		}
		switch {
		case line.Keyframe != nil:
			heads = append(heads, fmt.Sprintf("k%d", *line.Keyframe.After))
			if line.Keyframe.Events != 2 || line.Keyframe.Offset != offsetMs || !strings.Contains(lines[i+2], fmt.Sprintf(`"n":%d`, *line.Keyframe.After)) {
				t.Errorf("keyframe %s with %s", lines[i], lines[i+2])
			}
			i += line.Keyframe.Events
		case line.Segment != nil:
			heads = append(heads, fmt.Sprint(*line.Segment.Seq))
			i += line.Segment.Events
		case line.Gap.After != nil:
			heads = append(heads, fmt.Sprintf("k%d:%s", *line.Gap.After, line.Gap.Cause))
		default:
			heads = append(heads, fmt.Sprintf("%d:%s", *line.Gap.Seq, line.Gap.Cause))
		}
	}
	return heads
}

func TestSegmentsFromKeyframes(t *testing.T) {
	f, keys := recordKeyframes(t)
	at := func(seconds int64) int64 { return startMs + offsetMs + seconds*1000 }
	path := "sessions/" + string(session) + "/segments?window=" + string(windowA) + "&"
	timed := func(second int64) string {
		return fmt.Sprintf("from=%d&to=%d&snapshot=true&keyframes=true", at(second), at(second))
	}
	check := func(t *testing.T, query, want string) {
		t.Helper()
		got := f.get(t, path+query)
		if heads := strings.Join(streamed(t, got.body), " "); got.status != http.StatusOK || heads != want {
			t.Errorf("%s: status %d, %s, want %s", query, got.status, heads, want)
		}
	}
	check(t, "keyframe=1&to_seq=1", "k1")
	check(t, "keyframe=1&to_seq=3", "k1 2 3")
	check(t, timed(5), "0")      // the keyframes are later
	check(t, timed(15), "0 1")   // within the segment of a keyframe
	check(t, timed(25), "k1 2")  // after it
	check(t, timed(19), "k1")    // at its very instant
	check(t, timed(45), "k3 4")  // the newest
	check(t, timed(100), "k3 4") // beyond the end
	check(t, timed(45)[:len(timed(45))-len("&keyframes=true")], "0 1 2 3 4")
	for _, query := range []string{"keyframe=2&to_seq=3"} {
		if got := f.get(t, path+query); got.status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", query, got.status)
		}
	}
	for _, query := range []string{"keyframe=1", "keyframe=1&from_seq=1&to_seq=2", "keyframe=1&to_seq=2&from=1&to=2", "keyframe=x&to_seq=1"} {
		if got := f.get(t, path+query); got.status != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400", query, got.status)
		}
	}

	// Its pack has gone: the segments that it would have saved come instead.
	if err := f.stores.Bucket.Delete(t.Context(), keys[3]); err != nil {
		t.Fatal(err)
	}
	check(t, timed(45), "0 1 2 3:expired 4")
	check(t, "keyframe=3&to_seq=4", "k3:expired 4")
}

func TestTranscript(t *testing.T) {
	f, _ := recordKeyframes(t)
	got := f.get(t, "sessions/"+string(session)+"/transcript")
	lines := strings.Split(strings.TrimSpace(got.body), "\n")
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/x-ndjson" || len(lines) < 5 {
		t.Fatalf("status %d, %s: %s", got.status, got.header.Get("Content-Type"), got.body)
	}
	var last struct {
		TS     int64  `json:"ts"`
		Offset int64  `json:"offset_ms"`
		Level  string `json:"level"`
		Text   string `json:"text"`
		Kind   string `json:"kind"`
		Window string `json:"window_id"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	if last.TS != startMs+40_000+offsetMs || last.Offset != 40_000 || last.Level != "info" || last.Kind != "click" ||
		last.Window != string(windowA) || !strings.Contains(last.Text, "click 4") {
		t.Errorf("last line %s", lines[len(lines)-1])
	}

	text := f.get(t, "sessions/"+string(session)+"/transcript?format=text")
	all := strings.Split(strings.TrimSpace(text.body), "\n")
	if len(all) != len(lines) || !strings.HasPrefix(all[0], "00:00.0 ") || !strings.HasPrefix(all[len(all)-1], "00:40.0 ") {
		t.Errorf("text:\n%s", text.body)
	}
	for path, want := range map[string]int{
		"sessions/0199f3a2-0000-7abc-8def-0123456789ab/transcript": http.StatusNotFound,
		"sessions/" + string(session) + "/transcript?format=xml":   http.StatusBadRequest,
	} {
		if got := f.get(t, path); got.status != want {
			t.Errorf("%s: status %d, want %d", path, got.status, want)
		}
	}
}

func TestSessionsBySearch(t *testing.T) {
	f, _ := recordKeyframes(t)
	seen := recording.SeenText{Project: project, Session: session, Window: windowA, Page: pageOne, Text: "Payment declined", FirstMs: startMs, LastMs: startMs}
	if err := f.stores.Index.Write(t.Context(), index.Batch{Project: project, Token: "late", Class: recording.ClassNormal, Texts: []recording.SeenText{seen}}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{
		"signal=dead_click": 1, "signal=rage_click": 0, "seen=declined+payment": 1, "seen=declined+cart": 0,
		"browser=other": 1, "browser=chrome": 0, "release=1.4.2": 1, "environment=x": 0, "min_duration=49000": 1, "max_duration=48999": 0,
		"query=" + url.QueryEscape(`user:user-7 signal:any seen:"payment declined" duration:>40s`): 1,
		"query=signal:any&signal=rage_click": 0, "query=user:x&user=user-7": 1,
	} {
		got := f.get(t, "sessions?"+query)
		var page struct{ Sessions []playback.Session }
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || len(page.Sessions) != want {
			t.Errorf("%s: status %d, %d sessions, want %d: %s", query, got.status, len(page.Sessions), want, got.body)
		}
	}
	for query, want := range map[string]string{"query=usr:x": "no key usr", "seen=!": "seen"} {
		if got := f.get(t, "sessions?"+query); got.status != http.StatusBadRequest || !strings.Contains(got.body, want) {
			t.Errorf("%s: status %d: %s, want 400 about %s", query, got.status, got.body, want)
		}
	}
	for query, want := range map[string][]string{
		"field=url&part=CART": {"https://shop.example/cart"}, "field=signal": {"dead_click"}, "field=user&part=x": {}, "field=browser&limit=1": {"Other"},
	} {
		got := f.get(t, "suggestions?"+query)
		var answer struct{ Values []string }
		if err := json.Unmarshal([]byte(got.body), &answer); err != nil || answer.Values == nil || !slices.Equal(answer.Values, want) {
			t.Errorf("%s: status %d: %s, want %v", query, got.status, got.body, want)
		}
	}
	for _, query := range []string{"", "?field=x", "?field=url&limit=0"} {
		if got := f.get(t, "suggestions"+query); got.status != http.StatusBadRequest {
			t.Errorf("suggestions%s: status %d, want 400", query, got.status)
		}
	}
}
