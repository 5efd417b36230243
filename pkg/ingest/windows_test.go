package ingest

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestMissingSegmentsAskForASnapshot: each arrival is one segment of a window,
// at an instant.
func TestMissingSegmentsAskForASnapshot(t *testing.T) {
	type arrival struct {
		seq           int
		at            time.Duration
		full          bool
		gap, snapshot bool
	}
	cases := map[string][]arrival{
		"in order":                  {{seq: 0}, {seq: 1, at: time.Hour}, {seq: 2, at: 2 * time.Hour}},
		"begins in the middle":      {{seq: 7}, {seq: 8, at: time.Hour}},
		"late, but not too late":    {{seq: 0}, {seq: 2}, {seq: 1, at: 29 * time.Second}, {seq: 3, at: time.Minute}},
		"missing":                   {{seq: 0}, {seq: 2}, {seq: 3, at: 29 * time.Second}, {seq: 4, at: 30 * time.Second, gap: true, snapshot: true}, {seq: 5, at: time.Minute}},
		"comes after all":           {{seq: 0}, {seq: 2}, {seq: 3, at: 30 * time.Second, gap: true, snapshot: true}, {seq: 1, at: time.Minute}, {seq: 4, at: time.Hour}},
		"a snapshot came by itself": {{seq: 0}, {seq: 2}, {seq: 3, full: true}, {seq: 4, at: 30 * time.Second, gap: true}, {seq: 5, at: time.Minute}},
		"a snapshot before it":      {{seq: 0}, {seq: 1, full: true}, {seq: 3}, {seq: 4, at: 30 * time.Second, gap: true, snapshot: true}},
		"two holes, one filled":     {{seq: 0}, {seq: 2}, {seq: 4, at: 20 * time.Second}, {seq: 1, at: 25 * time.Second}, {seq: 5, at: 54 * time.Second}, {seq: 6, at: 55 * time.Second, gap: true, snapshot: true}},
		"a new hole later":          {{seq: 0}, {seq: 2}, {seq: 3, at: 30 * time.Second, gap: true, snapshot: true}, {seq: 5, at: time.Minute}, {seq: 6, at: 2 * time.Minute, gap: true, snapshot: true}},
		"repeats":                   {{seq: 0}, {seq: 0, at: time.Hour}, {seq: 1, at: time.Hour}},
		"far ahead":                 {{seq: 0}, {seq: 1000, gap: true, snapshot: true}, {seq: 1001, at: time.Hour}},
		"as far as is waited for":   {{seq: 0}, {seq: 65}, {seq: 66, at: 30 * time.Second, gap: true, snapshot: true}, {seq: 67, at: time.Hour}},
	}
	for name, arrivals := range cases {
		w := newWindows()
		for _, a := range arrivals {
			gap, snapshot := w.follow(segmentID("session-1", a.seq), a.full, a.at.Milliseconds())
			if gap != a.gap || snapshot != a.snapshot {
				t.Errorf("%s: segment %d at %v: gap %v, snapshot %v, want %v, %v", name, a.seq, a.at, gap, snapshot, a.gap, a.snapshot)
			}
		}
	}
}

func TestReplyAsksForASnapshot(t *testing.T) {
	now := time.Now()
	s := newServer(t, testConfig(t), nil, nil, Options{Now: func() time.Time { return now }})
	for _, c := range []struct {
		seq  int
		want bool
	}{{0, false}, {2, false}, {3, false}, {4, true}, {5, false}} {
		w := serve(s, request(upload("session-1", c.seq)))
		if w.Code != http.StatusAccepted || strings.Contains(w.Body.String(), `"snapshot":true`) != c.want {
			t.Errorf("segment %d: %d %s", c.seq, w.Code, w.Body)
		}
		now = now.Add(20 * time.Second)
	}
	if got := metric(t, s, "playhead_ingest_gaps_total"); got != "1" {
		t.Errorf("%s gaps are counted", got)
	}
}
