package ingest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/playhead/playhead/pkg/objectstore/buckettest"
)

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
