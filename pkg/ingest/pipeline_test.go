package ingest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
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

// crash runs a server on what the uploads left in its journal until it comes to
// a step, and ends it there.
func crash(t *testing.T, s *Server, at *step) {
	t.Helper()
	crashed := make(chan struct{})
	var once sync.Once
	s.pipeline.packer.crashPoint = func(now step) error {
		if now != *at {
			return nil
		}
		once.Do(func() { close(crashed) })
		return context.Canceled
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.pipeline.run(ctx) })
	running.Go(func() { _ = s.Flush(ctx) }) // never ends well: nothing is stored to the end
	<-crashed
	cancel()
	running.Wait()
	if err := s.journal.Close(); err != nil {
		t.Fatal(err)
	}
}

var steps = map[step]string{
	beforeSeal: "before the seal", afterSeal: "after the seal", afterPut: "after the object", afterWrite: "after the rows", afterDone: "after the end",
}

// TestCrashAtEveryStep ends the life of a server between any two effects of
// storing a pack, and starts it again on its journal.
func TestCrashAtEveryStep(t *testing.T) {
	for at, name := range steps {
		t.Run(name, func(t *testing.T) {
			st, o := newStores(t), newOracle()
			cfg := testConfig(t)
			s := newServer(t, cfg, st.bucket, st.index, Options{})
			for seq := range 5 {
				o.send(t, s, "session-1", seq)
			}
			crash(t, s, &at)
			s = newServer(t, cfg, st.bucket, st.index, Options{after: soon})
			for seq := range 6 {
				o.send(t, s, "session-1", seq) // the recorder did not hear of the first five
			}
			running(t, s)
			flush(t, s)
			o.check(t, st)
		})
	}
}

// TestCrashWhileResuming ends the second life, too, while it finds out what
// became of the pack of the first.
func TestCrashWhileResuming(t *testing.T) {
	for _, c := range []struct{ first, second step }{
		{afterPut, afterWrite}, {afterPut, afterDone}, {afterWrite, afterWrite},
		{afterSeal, beforeSeal}, {afterSeal, afterSeal}, {afterSeal, afterPut}, {afterSeal, afterWrite},
	} {
		t.Run(steps[c.first]+", "+steps[c.second], func(t *testing.T) {
			st, o := newStores(t), newOracle()
			cfg := testConfig(t)
			for life, at := range []step{c.first, c.second} {
				s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
				for seq := range 5 + life {
					o.send(t, s, "session-1", seq)
				}
				crash(t, s, &at)
			}
			s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
			running(t, s)
			flush(t, s)
			o.check(t, st)
		})
	}
}

// TestPackOfAnEarlierLife: a sealed pack is never made again, because its
// segments may be encoded differently by now. Its object decides.
func TestPackOfAnEarlierLife(t *testing.T) {
	cases := []struct {
		name    string
		at      step
		between func(t *testing.T, st *stores, dir, key string)
		same    bool // the object of the first life stays, and is the only one
		lost    bool // segment 1
	}{
		{"object is whole", afterPut, func(*testing.T, *stores, string, string) {}, true, false},
		{"object is missing", afterSeal, func(*testing.T, *stores, string, string) {}, false, false},
		{"object is torn", afterPut, func(t *testing.T, st *stores, _, key string) {
			whole := readObject(t, st.bucket, key)
			must(t, st.bucket.Put(deadline(t), key, bytes.NewReader(whole[:len(whole)/2]), int64(len(whole)/2)))
		}, false, false},
		{"object holds other bytes", afterPut, func(t *testing.T, st *stores, _, key string) {
			data := readObject(t, st.bucket, key)
			data[20] ^= 1 // in the first frame
			must(t, st.bucket.Put(deadline(t), key, bytes.NewReader(data), int64(len(data))))
		}, false, false},
		{"the journal lost a segment, the object has it", afterPut, func(t *testing.T, _ *stores, dir, _ string) {
			damage(t, dir, `"seq":1,`)
		}, true, false},
		{"the journal lost a segment, nobody has it", afterSeal, func(t *testing.T, _ *stores, dir, _ string) {
			damage(t, dir, `"seq":1,`)
		}, false, true},
		{"the bucket does not answer at first", afterPut, func(_ *testing.T, st *stores, _, _ string) {
			st.bucket.Fail(buckettest.Fault{Op: buckettest.Get, Times: 10})
		}, true, false},
		{"the bucket breaks off at first", afterPut, func(_ *testing.T, st *stores, _, _ string) {
			st.bucket.Fail(buckettest.Fault{Op: buckettest.Get, When: buckettest.Middle, Times: 10})
		}, true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			st, o := newStores(t), newOracle()
			cfg := testConfig(t)
			s := newServer(t, cfg, st.bucket, st.index, Options{})
			for seq := range 3 {
				o.send(t, s, "session-1", seq)
			}
			crash(t, s, &c.at)
			var key string
			var first []byte
			if keys := packKeys(t, st.bucket); len(keys) > 0 {
				key = keys[0]
				first = readObject(t, st.bucket, key)
			}
			c.between(t, st, cfg.Journal.Dir, key)
			s = newServer(t, cfg, st.bucket, st.index, Options{after: soon})
			running(t, s)
			flush(t, s)
			st.bucket.Heal()
			if c.lost {
				delete(o.acked, segmentID("session-1", 1))
			}
			o.check(t, st)
			keys := packKeys(t, st.bucket)
			if len(keys) != 1 || (keys[0] == key) != c.same || c.same && !bytes.Equal(readObject(t, st.bucket, key), first) {
				t.Errorf("packs %v after %q", keys, key)
			}
			if got, want := metric(t, s, "playhead_ingest_voided_packs_total"), map[bool]string{true: "0", false: "1"}[c.same]; got != want {
				t.Errorf("%s packs are voided, want %s", got, want)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
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

// TestPoisonBlocksNobodyElse: a store refuses the packs of one project, as long
// as it takes somebody to repair that.
func TestPoisonBlocksNobodyElse(t *testing.T) {
	const poisoned = recording.ProjectID("poisoned")
	cases := map[string]struct{ fail, heal func(*stores) }{
		"bucket": {
			func(st *stores) {
				st.bucket.Fail(buckettest.Fault{Op: buckettest.Put, Match: func(key string) bool { return strings.Contains(key, "/poisoned/") }})
			},
			func(st *stores) { st.bucket.Heal() },
		},
		"index": {
			func(st *stores) { st.index.refuse = poisoned },
			func(st *stores) { st.index.mu.Lock(); st.index.refuse = ""; st.index.mu.Unlock() },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			st, o := newStores(t), newOracle()
			cfg := testConfig(t)
			cfg.Projects = append(cfg.Projects, Project{ID: poisoned})
			cfg.Flush.PackAge, cfg.Flush.PackBytes = 10*time.Millisecond, 64<<10
			c.fail(st)
			s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
			running(t, s)
			const bad = 400 // many packs
			for seq := range bad {
				if err := s.Accept(deadline(t), poisoned, uploadOf("session-1", uint32(seq), clickLines("session-1", seq))); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "packs are given up for now", func() bool { return s.pipeline.parkedPacks() > 0 })
			for seq := range 20 {
				o.send(t, s, "session-1", seq)
			}
			eventually(t, "the others' segments are stored", func() bool { return s.journal.Stats().Segments == bad })
			eventually(t, "/readyz tells of it", func() bool {
				w := serve(s, newGet("/readyz"))
				return w.Code == http.StatusOK && !strings.Contains(w.Body.String(), `"parked_packs":0`)
			})
			c.heal(st)
			flush(t, s)
			if rows, err := st.index.Segments(deadline(t), poisoned, "session-1"); err != nil || len(rows) != bad {
				t.Errorf("%d rows (%v), want %d", len(rows), err, bad)
			}
			if n := s.pipeline.parkedPacks(); n != 0 {
				t.Errorf("%d packs are parked", n)
			}
			o.checkSession(deadline(t), t, st, "session-1", packed(t, st.bucket, testProject))
		})
	}
}

// TestPoisonLeavesRoomForOthers: what a store refuses for good of one project
// takes half of the journal at most, and twice the journal's bound of another
// project passes beside it.
func TestPoisonLeavesRoomForOthers(t *testing.T) {
	const poisoned = recording.ProjectID("poisoned")
	ctx, st := t.Context(), newStores(t)
	cfg := testConfig(t)
	cfg.Projects = append(cfg.Projects, Project{ID: poisoned})
	cfg.Flush.PackAge, cfg.Flush.PackBytes = 10*time.Millisecond, 64<<10
	cfg.Journal.FileBytes, cfg.Journal.MaxBytes = 64<<10, 512<<10
	st.index.refuse = poisoned
	s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
	running(t, s)
	taken := map[recording.ProjectID]int{}
	accept := func(project recording.ProjectID, text string) error {
		line := fmt.Sprintf(`{"type":5,"timestamp":%d,"data":{"tag":"t","payload":{"text":"%s"}}}`+"\n", time.Now().UnixMilli(), text)
		err := s.Accept(ctx, project, uploadOf("session-1", uint32(taken[project]), line))
		if err == nil {
			taken[project]++
		} else if !errors.Is(err, journal.ErrFull) { // it may come faster than it is stored
			t.Fatal(err)
		}
		return err
	}
	eventually(t, "it is known that one project is refused", func() bool {
		return accept(testProject, "") == nil && accept(poisoned, "") == nil && s.pipeline.isRefused(poisoned)
	})
	const size = 16 << 10
	eventually(t, "no more is taken of what is refused", func() bool {
		_ = accept(testProject, randomText(size))
		return errors.Is(accept(poisoned, randomText(size)), errShare)
	})
	before := taken[testProject]
	for end := time.Now().Add(time.Minute); (taken[testProject]-before)*size < 2*int(cfg.Journal.MaxBytes); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d uploads of the other project in a minute; the journal: %+v", taken[testProject]-before, s.journal.Stats())
		}
		_ = accept(poisoned, randomText(size))
		_ = accept(testProject, randomText(size))
	}
	st.index.mu.Lock()
	st.index.refuse = ""
	st.index.mu.Unlock()
	flush(t, s)
	for project, want := range taken {
		if rows, err := st.index.Segments(ctx, project, "session-1"); err != nil || len(rows) != want {
			t.Errorf("%s: %d rows (%v), want %d", project, len(rows), err, want)
		}
	}
	if err := accept(poisoned, ""); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

// randomText does not compress to less than three quarters.
func randomText(bytes int) string {
	var text strings.Builder
	for text.Len() < bytes {
		text.WriteString(rand.Text())
	}
	return text.String()[:bytes]
}

// packed returns where the segments of a project lie.
func packed(t *testing.T, b objectstore.Bucket, project recording.ProjectID) map[recording.SegmentID]recording.Location {
	t.Helper()
	found := map[recording.SegmentID]recording.Location{}
	for _, key := range packKeys(t, b) {
		data := readObject(t, b, key)
		footer, err := segment.ReadFooter(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range footer.Entries {
			if e.Project == project {
				found[e.SegmentID] = e.Location
			}
		}
	}
	return found
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
