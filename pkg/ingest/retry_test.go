package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/objectstore/buckettest"
)

// TestLostAnswers: a store did what it was asked and could not say so.
func TestLostAnswers(t *testing.T) {
	cases := map[string]func(*stores){
		"object before": func(st *stores) {
			st.bucket.Fail(buckettest.Fault{Op: buckettest.Put, When: buckettest.Before, Times: 3})
		},
		"object torn": func(st *stores) {
			st.bucket.Fail(buckettest.Fault{Op: buckettest.Put, When: buckettest.Middle, Times: 3})
		},
		"object after": func(st *stores) {
			st.bucket.Fail(buckettest.Fault{Op: buckettest.Put, When: buckettest.After, Times: 3})
		},
		"rows after": func(st *stores) { st.index.after = 3 },
	}
	for name, fault := range cases {
		t.Run(name, func(t *testing.T) {
			st, o := newStores(t), newOracle()
			fault(st)
			s := newServer(t, testConfig(t), st.bucket, st.index, Options{after: soon})
			running(t, s)
			for seq := range 5 {
				o.send(t, s, "session-1", seq)
			}
			flush(t, s)
			o.check(t, st)
			store := map[bool]string{true: "index", false: "bucket"}[strings.HasPrefix(name, "rows")]
			if got := metric(t, s, fmt.Sprintf("playhead_ingest_store_failures_total{store=%q}", store)); got != "3" {
				t.Errorf("%s failures are counted, want 3", got)
			}
		})
	}
}

func TestStoresAwayAndBack(t *testing.T) {
	away := errors.New("connection refused")
	cases := map[string]struct{ fail, heal func(*stores) }{
		"bucket": {
			func(st *stores) { st.bucket.Fail(buckettest.Fault{Op: buckettest.Put, Err: away}) },
			func(st *stores) { st.bucket.Heal() },
		},
		"index": {
			func(st *stores) { st.index.fail(away) },
			func(st *stores) { st.index.fail(nil) },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			st, o := newStores(t), newOracle()
			cfg := testConfig(t)
			cfg.Flush.PackAge = 10 * time.Millisecond
			c.fail(st)
			s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
			running(t, s)
			for seq := range 30 {
				o.send(t, s, "session-1", seq)
			}
			eventually(t, "the store is seen to be away", func() bool { return !s.pipeline.storeStates()[name].OK })
			if w := serve(s, newGet("/readyz")); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"since"`) {
				t.Errorf("readyz: %d %s", w.Code, w.Body)
			}
			o.send(t, s, "session-1", 30)
			c.heal(st)
			flush(t, s)
			o.check(t, st)
			if !s.pipeline.storeStates()[name].OK {
				t.Error("the store is still said to be away")
			}
		})
	}
}

func TestFullJournalAnswers503AndRecovers(t *testing.T) {
	st, o := newStores(t), newOracle()
	cfg := testConfig(t)
	cfg.Journal.FileBytes, cfg.Journal.MaxBytes = 64<<10, 128<<10
	st.bucket.Fail(buckettest.Fault{Op: buckettest.Put})
	s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
	running(t, s)
	seq := 0
	for ; seq < 10_000; seq++ {
		events := clickLines("session-1", seq)
		w := serve(s, request(headerLine("session-1", seq)+"\n"+events))
		if w.Code == http.StatusServiceUnavailable {
			if w.Header().Get("Retry-After") == "" || decodeAnswer(t, w).Detail == "" {
				t.Errorf("answer %v %s", w.Header(), w.Body)
			}
			break
		}
		o.ack("session-1", seq, events)
	}
	// The seals of the packs that cannot be stored come on top.
	const seals = 16 << 10
	if size := s.journal.Stats().Bytes; size > int64(cfg.Journal.MaxBytes)+seals {
		t.Errorf("the journal has %d bytes", size)
	}
	if w := serve(s, newGet("/readyz")); w.Code != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d %s", w.Code, w.Body)
	}
	st.bucket.Heal()
	flush(t, s)
	o.send(t, s, "session-1", seq)
	flush(t, s)
	o.check(t, st)
	if w := serve(s, newGet("/readyz")); w.Code != http.StatusOK {
		t.Errorf("readyz: %d %s", w.Code, w.Body)
	}
}
