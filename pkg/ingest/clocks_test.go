package ingest

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

// TestWrongClocks sends what browsers with wrong clocks send and looks at the
// rows: their times are the server's.
func TestWrongClocks(t *testing.T) {
	const day = 24 * time.Hour
	year := func(y int) time.Duration { return time.Until(time.Date(y, 1, 2, 0, 0, 0, 0, time.UTC)) }
	cases := map[string]struct {
		ahead []time.Duration // of the browser's clock, for each segment
		far   bool            // events that were recorded before the clock was set
	}{
		"right":                {ahead: []time.Duration{0, 0, 0}},
		"a day ahead":          {ahead: []time.Duration{day, day, day}},
		"a day behind":         {ahead: []time.Duration{-day, -day, -day}},
		"1970":                 {ahead: []time.Duration{year(1970), year(1970), year(1970)}},
		"2106":                 {ahead: []time.Duration{year(2106), year(2106), year(2106)}},
		"set back by a day":    {ahead: []time.Duration{0, -day, -day}},
		"set back by minutes":  {ahead: []time.Duration{0, -2 * time.Minute, -2 * time.Minute}},
		"set ahead by a day":   {ahead: []time.Duration{0, day, day}},
		"set while it records": {ahead: []time.Duration{0, year(2106), 0}, far: true},
	}
	st := newStores(t)
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	running(t, s)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			session := fmt.Sprintf("session-%x", name)
			for seq, ahead := range c.ahead {
				clock := time.Now().Add(ahead).UnixMilli()
				event := clock - 1000
				if c.far && seq == 1 { // sent after the clock was put right
					event, clock = clock, time.Now().UnixMilli()
				}
				header := fmt.Sprintf(`{"v":1,"session_id":%q,"window_id":"window-1","page_id":"page-0001","seq":%d,"sent_at":%d}`, session, seq, clock)
				events := fmt.Sprintf(`{"type":2,"timestamp":%d,"data":{}}`+"\n"+`{"type":5,"timestamp":%d,"data":{"tag":"playhead.click","payload":{}}}`, event, event)
				if w := serve(s, request(header+"\n"+events)); w.Code != http.StatusAccepted {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			flush(t, s)
			rows, err := st.index.Segments(deadline(t), testProject, recording.SessionID(session))
			if err != nil || len(rows) != len(c.ahead) {
				t.Fatalf("%d rows (%v)", len(rows), err)
			}
			for seq, r := range rows {
				off := time.Duration(r.StartMs-r.ReceivedMs)*time.Millisecond + time.Second
				want := 2 * time.Second
				if c.far && seq == 1 {
					want = 6 * time.Minute
				}
				if int(r.Seq) != seq || off.Abs() > want || r.EndMs != r.StartMs {
					t.Errorf("segment %d begins %v from when it did", r.Seq, off)
				}
			}
		})
	}
}
