package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/recording"
)

// soon lets a pipeline that waits for a store ask it a thousand times a second.
func soon(time.Duration) <-chan time.Time { return time.After(time.Millisecond) }

func flush(t testing.TB, s *Server) {
	t.Helper()
	if err := s.Flush(deadline(t)); err != nil {
		t.Fatal(err)
	}
}

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

// TestCrashAtEveryStep ends the life of a server between any two effects of
// storing a pack, and starts it again on its journal.
func TestCrashAtEveryStep(t *testing.T) {
	for at, name := range map[step]string{
		beforeSeal: "before the seal", afterSeal: "after the seal", afterPut: "after the object", afterWrite: "after the rows", afterDone: "after the end",
	} {
		t.Run(name, func(t *testing.T) {
			st, o := newStores(t), newOracle()
			cfg := testConfig(t)
			crashed := make(chan struct{})
			var once sync.Once
			s := newServer(t, cfg, st.bucket, st.index, Options{crashPoint: func(now step) error {
				if now != at {
					return nil
				}
				once.Do(func() { close(crashed) })
				return context.Canceled
			}})
			ctx, cancel := context.WithCancel(context.Background())
			ran := make(chan struct{})
			go func() { s.pipeline.run(ctx); close(ran) }()
			for seq := range 5 {
				o.send(t, s, "session-1", seq)
			}
			ending, stopFlush := context.WithCancel(context.Background())
			go func() { _ = s.Flush(ending) }() // never ends: this server stores nothing to the end
			<-crashed
			stopFlush()
			cancel()
			<-ran
			if err := s.journal.Close(); err != nil {
				t.Fatal(err)
			}

			s = newServer(t, cfg, st.bucket, st.index, Options{})
			for seq := range 6 {
				o.send(t, s, "session-1", seq) // the recorder did not hear of the first five
			}
			running(t, s)
			flush(t, s)
			o.check(t, st)
		})
	}
}

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

func newGet(path string) *http.Request {
	r := request("")
	r.Method, r.URL.Path = http.MethodGet, path
	return r
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

func TestPackIsClosedByAge(t *testing.T) {
	st, o := newStores(t), newOracle()
	var mu sync.Mutex
	now := time.Now()
	timers := make(chan chan time.Time, 100)
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{
		Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
		after: func(time.Duration) <-chan time.Time {
			c := make(chan time.Time, 1)
			timers <- c
			return c
		},
	})
	running(t, s)
	fire := func() { // lets the pipeline look at the clock
		for {
			select {
			case c := <-timers:
				c <- time.Time{}
			default:
				return
			}
		}
	}
	o.send(t, s, "session-1", 0)
	mu.Lock()
	now = now.Add(9 * time.Second)
	mu.Unlock()
	o.send(t, s, "session-1", 1)
	eventually(t, "the pipeline looks", func() bool { return len(timers) > 0 })
	fire()
	if keys := packKeys(t, st.bucket); len(keys) != 0 {
		t.Errorf("a pack is stored after 9 s: %v", keys)
	}
	mu.Lock()
	now = now.Add(time.Second)
	mu.Unlock()
	eventually(t, "the pack is stored", func() bool { fire(); return s.journal.Stats().Segments == 0 })
	if keys := packKeys(t, st.bucket); len(keys) != 1 || !strings.HasPrefix(keys[0], "v1/shop/normal/") {
		t.Errorf("packs %v", keys)
	}
	o.check(t, st)
}

func TestPackIsClosedBySize(t *testing.T) {
	st, o := newStores(t), newOracle()
	cfg := testConfig(t)
	cfg.Flush.PackBytes = 64 << 10
	s := newServer(t, cfg, st.bucket, st.index, Options{})
	for seq := range 200 {
		o.send(t, s, "session-1", seq)
	}
	running(t, s)
	eventually(t, "full packs are stored", func() bool { return s.journal.Stats().Segments < 200 })
	flush(t, s)
	o.check(t, st)
	keys := packKeys(t, st.bucket)
	if len(keys) < 2 {
		t.Errorf("%d packs", len(keys))
	}
	for _, k := range keys {
		if size := len(readObject(t, st.bucket, k)); size > 64<<10 {
			t.Errorf("%s has %d bytes", k, size)
		}
	}
}

func TestStopStoresWhatWaits(t *testing.T) {
	st, o := newStores(t), newOracle()
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	stop := running(t, s)
	for seq := range 5 {
		o.send(t, s, "session-1", seq)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	o.check(t, st)
	if w := serve(s, request(upload("session-1", 9))); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a stopped server answers %d", w.Code)
	}
	if files, err := filepath.Glob(filepath.Join(s.cfg.Journal.Dir, "*.log")); err != nil || len(files) > 1 {
		t.Errorf("journal files %v (%v)", files, err)
	}
}

func TestStopWithStoresAwayKeepsTheJournal(t *testing.T) {
	st, o := newStores(t), newOracle()
	cfg := testConfig(t)
	cfg.Flush.Grace = 50 * time.Millisecond
	st.index.fail(errors.New("connection refused"))
	s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
	stop := running(t, s)
	for seq := range 5 {
		o.send(t, s, "session-1", seq)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	st.index.fail(nil)
	s = newServer(t, cfg, st.bucket, st.index, Options{})
	running(t, s)
	flush(t, s)
	o.check(t, st)
}

func TestStopLetsUploadsFinish(t *testing.T) {
	st, o := newStores(t), newOracle()
	hook := newDisk()
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{create: hook.create})
	stop := running(t, s)
	hook.hold()
	answered := make(chan int, 1)
	events := clickLines("session-1", 0)
	go func() { answered <- serve(s, request(headerLine("session-1", 0)+"\n"+events)).Code }()
	<-hook.held
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	eventually(t, "the server is stopping", s.uploads.isStopping)
	hook.release()
	if code := <-answered; code != http.StatusAccepted {
		t.Errorf("the upload under way is answered %d", code)
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	o.ack("session-1", 0, events)
	o.check(t, st)
}

// TestDamagedJournalLosesOneSegment damages a record that waits to be packed.
func TestDamagedJournalLosesOneSegment(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(map[bool]string{false: "while running", true: "while stopped"}[restart], func(t *testing.T) {
			st, o := newStores(t), newOracle()
			cfg := testConfig(t)
			s := newServer(t, cfg, st.bucket, st.index, Options{})
			s.waitingRaw.limit = 0 // nothing stays in memory
			for seq := range 3 {
				o.send(t, s, "session-1", seq)
			}
			damage(t, cfg.Journal.Dir, `"seq":1,`)
			if restart {
				if err := s.journal.Close(); err != nil {
					t.Fatal(err)
				}
				s = newServer(t, cfg, st.bucket, st.index, Options{})
			}
			running(t, s)
			flush(t, s)
			delete(o.acked, segmentID("session-1", 1))
			o.check(t, st)
			if got := metric(t, s, "playhead_ingest_journal_lost_bytes_total"); got == "" || got == "0" {
				t.Errorf("lost bytes are %q", got)
			}
		})
	}
}

// damage changes a byte of the only journal file, in the record that holds text.
func damage(t *testing.T, dir, text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(files) != 1 {
		t.Fatalf("journal files %v (%v)", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(data), text)
	f, err := os.OpenFile(files[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{data[at] ^ 1}, int64(at)); err != nil {
		t.Fatal(err)
	}
}

func TestAcceptWithoutHTTP(t *testing.T) {
	st, o := newStores(t), newOracle()
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	running(t, s)
	events := clickLines("session-1", 0)
	for range 2 {
		if err := s.Accept(deadline(t), testProject, uploadOf("session-1", 0, events)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Accept(deadline(t), "other", uploadOf("session-1", 0, events)); !errors.Is(err, ErrUnknownProject) {
		t.Errorf("error %v, want ErrUnknownProject", err)
	}
	if err := s.Accept(deadline(t), testProject, uploadOf("session-1", 1, "{}")); err == nil {
		t.Error("an invalid event is accepted")
	}
	o.ack("session-1", 0, events)
	flush(t, s)
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
