package ingest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/recording"
)

func TestStoresWhatItAccepts(t *testing.T) {
	st, o := newStores(t), newOracle()
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	running(t, s)
	for seq := range 10 {
		o.send(t, s, "session-1", seq)
		o.send(t, s, "session-2", 9-seq) // out of order
	}
	flush(t, s)
	o.check(t, st)
	if stats := s.journal.Stats(); stats.Segments != 0 {
		t.Errorf("%d segments are still in the journal", stats.Segments)
	}
	for name, want := range map[string]string{
		"playhead_ingest_segments_total": "20", "playhead_ingest_events_total": "60", "playhead_ingest_pack_segments_total": "20",
		"playhead_ingest_journal_segments": "0", `playhead_ingest_requests_total{code="202"}`: "20",
	} {
		if got := metric(t, s, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// TestMemoryIsBoundedWhileStoresAreAway also catches up: what waited is read
// back from the journal.
func TestMemoryIsBoundedWhileStoresAreAway(t *testing.T) {
	st, o := newStores(t), newOracle()
	cfg := testConfig(t)
	cfg.Flush.PackAge, cfg.Flush.PackBytes = 10*time.Millisecond, 64<<10
	st.bucket.Fail(buckettest.Fault{Op: buckettest.Put})
	s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
	s.pipeline.limit = 256 << 10
	s.waitingRaw.limit = 128 << 10
	running(t, s)
	const segments, eventBytes = 200, 8 << 10
	for seq := range segments {
		noise := make([]byte, eventBytes/2)
		rand.Read(noise)
		events := clickLines("session-1", seq) + fmt.Sprintf(`{"type":3,"timestamp":1,"data":{"noise":"%x"}}`+"\n", noise)
		if w := serve(s, request(headerLine("session-1", seq)+"\n"+events)); w.Code != http.StatusAccepted {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		o.ack("session-1", seq, events)
		// What is being encoded at this moment comes on top.
		if held, most := s.pipeline.encodedBytes(), s.pipeline.limit+int64(runtime.GOMAXPROCS(0))*2*eventBytes; held > most {
			t.Fatalf("%d bytes are encoded and wait, limit %d", held, most)
		}
		if used := s.waitingRaw.used.Load(); used > s.waitingRaw.limit {
			t.Fatalf("%d bytes of events wait, limit %d", used, s.waitingRaw.limit)
		}
	}
	st.bucket.Heal()
	flush(t, s)
	o.check(t, st)
	if held, used := s.pipeline.encodedBytes(), s.waitingRaw.used.Load(); held != 0 || used != 0 {
		t.Errorf("%d encoded and %d raw bytes are left", held, used)
	}
}

func TestRepeatsOnAnotherServer(t *testing.T) {
	st, o := newStores(t), newOracle()
	for range 2 { // two journals, one pair of stores
		s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
		stop := running(t, s)
		for seq := range 5 {
			o.send(t, s, "session-1", seq)
		}
		flush(t, s)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	o.check(t, st)
}

func TestScrubbing(t *testing.T) {
	const event = `{"type":5,"timestamp":1,"data":{"tag":"note","payload":"mail jane.doe@example.com"}}` + "\n"
	const address = "https://shop.example.com/?mail=jane.doe@example.com"
	f := func(name string, scrub *bool, want bool) {
		t.Run(name, func(t *testing.T) {
			st := newStores(t)
			cfg := testConfig(t)
			cfg.Projects[0].Scrub = scrub
			s := newServer(t, cfg, st.bucket, st.index, Options{})
			running(t, s)
			up := uploadOf("session-1", 0, event)
			up.Header.Origin = recording.Origin{URL: address, UserID: "jane.doe@example.com"}
			if err := s.Accept(deadline(t), testProject, up); err != nil {
				t.Fatal(err)
			}
			flush(t, s)
			for _, key := range packKeys(t, st.bucket) {
				data := readObject(t, st.bucket, key)
				found := storedEvents(t, data)
				if strings.Contains(found, "jane.doe") == want || len(found) != len(event) {
					t.Errorf("stored %q", found)
				}
			}
			rows, err := st.index.Segments(deadline(t), testProject, "session-1")
			if err != nil {
				t.Fatal(err)
			}
			if got := rows[0].Origin; strings.Contains(got.URL, "jane.doe") == want || len(got.URL) != len(address) {
				t.Errorf("stored %+v", got)
			}
			page, err := st.index.Sessions(deadline(t), index.SessionQuery{Project: testProject, UserID: "jane.doe@example.com"})
			if err != nil || len(page.Sessions) != 1 {
				t.Errorf("the user is not found: %v", err)
			}
		})
	}
	yes, no := true, false
	f("by default", nil, true)
	f("on", &yes, true)
	f("off", &no, false)
}
