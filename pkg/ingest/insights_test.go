package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/insight"
	"github.com/playhead/playhead/pkg/recording"
)

// shopPage is a full snapshot of a page with a button of the id 5.
func shopPage(ms int64) string {
	return fmt.Sprintf(`{"type":2,"timestamp":%d,"data":{"node":{"type":0,"id":1,"childNodes":[{"type":2,"tagName":"html","id":2,"attributes":{},"childNodes":[{"type":2,"tagName":"body","id":4,"attributes":{},"childNodes":[{"type":2,"tagName":"button","id":5,"attributes":{"id":"order"},"childNodes":[{"type":3,"id":6,"textContent":"Place order"}]}]}]}]},"initialOffset":{"top":0,"left":0}}}`, ms) + "\n"
}

func clickLine(ms int64) string {
	return fmt.Sprintf(`{"type":3,"timestamp":%d,"data":{"source":2,"type":2,"id":5,"x":1,"y":1}}`, ms) + "\n"
}

// sendClicks sends a page and, 5 s apart, clicks on its button.
func sendClicks(t *testing.T, s *Server, session string, from, to uint32) {
	t.Helper()
	begun := time.Now().Add(-10 * time.Minute).UnixMilli()
	for seq := from; seq < to; seq++ {
		lines := clickLine(begun + int64(seq)*5000)
		if seq == 0 {
			lines = shopPage(begun)
		}
		must(t, s.Accept(deadline(t), testProject, uploadOf(session, seq, lines)))
	}
}

// namedClicks counts a session's clicks of which the button is known.
func namedClicks(t *testing.T, st *stores, session recording.SessionID) (n int) {
	t.Helper()
	found, err := st.index.Moments(deadline(t), index.MomentQuery{Project: testProject, SessionID: session, Kinds: []recording.MomentKind{recording.KindClick}})
	must(t, err)
	for _, m := range found {
		if m.Text == "Place order" {
			n++
		}
	}
	return n
}

func TestKeyframesGoIntoTheNextPack(t *testing.T) {
	st := newStores(t)
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	running(t, s)
	sendClicks(t, s, "session-1", 0, 40)
	must(t, s.pipeline.flush(deadline(t)))
	eventually(t, "a keyframe waits", func() bool {
		return len(s.pipeline.packer.insights.waitingFor(0)) == 1
	})
	sendClicks(t, s, "session-1", 40, 41)
	must(t, s.pipeline.flush(deadline(t)))
	if keys := packKeys(t, st.bucket); len(keys) != 2 {
		t.Errorf("%d packs, want 2: %q", len(keys), keys)
	}
	wantKeyframes(t, st, "session-1")
}

// What ends while keyframes wait stores them without segments.
func TestKeyframesGetAPackOfTheirOwn(t *testing.T) {
	st := newStores(t)
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	running(t, s)
	sendClicks(t, s, "session-1", 0, 40)
	flush(t, s)
	if got := namedClicks(t, st, "session-1"); got != 39 {
		t.Errorf("%d clicks have their button's name, want 39", got)
	}
	if keys := packKeys(t, st.bucket); len(keys) != 2 {
		t.Errorf("%d packs, want 2: %q", len(keys), keys)
	}
	wantKeyframes(t, st, "session-1")
}

// Packs that are closed late, or by their size, take keyframes that have waited for
// them: one pack more a minute would double what is put.
func TestKeyframesWaitForLatePacks(t *testing.T) {
	for age, want := range map[time.Duration]time.Duration{10 * time.Second: time.Minute, 90 * time.Second: 3 * time.Minute} {
		st, cfg := newStores(t), testConfig(t)
		cfg.Flush.PackAge = age
		now := time.Now()
		s := newServer(t, cfg, st.bucket, st.index, Options{Now: func() time.Time { return now }})
		i := s.pipeline.packer.insights
		group := journal.Group{Project: testProject, Class: recording.ClassNormal}
		i.keyframes[group] = []waitingKeyframe{{since: now}}
		now = now.Add(want - time.Second)
		if groups := i.waitingFor(i.keyframeWait); len(groups) != 0 {
			t.Errorf("packs of %v: keyframes get one of their own before %v", age, want)
		}
		now = now.Add(time.Second)
		if groups := i.waitingFor(i.keyframeWait); len(groups) != 1 {
			t.Errorf("packs of %v: keyframes get none of their own after %v", age, want)
		}
	}
}

func wantKeyframes(t *testing.T, st *stores, session recording.SessionID) {
	t.Helper()
	keyframes, err := st.index.Keyframes(deadline(t), testProject, session)
	must(t, err)
	if len(keyframes) == 0 {
		t.Fatal("no keyframe")
	}
	stores := insight.Stores{Bucket: st.bucket, Index: st.index, Dictionaries: dictionary.NewReader(st.bucket, 1<<20)}
	for _, k := range keyframes {
		events, err := stores.Events(deadline(t), recording.StoredSegment{
			Segment: recording.Segment{SegmentID: k.SegmentID, RawBytes: k.RawBytes}, Location: k.Location, Dictionary: k.Dictionary, Base: k.Base,
		}, nil)
		if err != nil || len(events) != k.RawBytes || !strings.Contains(string(events), "Place order") {
			t.Errorf("keyframe after segment %d: %s (%v)", k.Seq, events, err)
		}
	}
}

// Two servers get a window in turns; what one has not seen it reads.
func TestWindowsMoveBetweenServers(t *testing.T) {
	st := newStores(t)
	one := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	other := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	running(t, one)
	running(t, other)
	for turn := range uint32(4) {
		s := []*Server{one, other}[turn%2]
		sendClicks(t, s, "session-1", turn*3, turn*3+3)
		flush(t, s)
	}
	if got := namedClicks(t, st, "session-1"); got != 11 {
		t.Errorf("%d clicks have their button's name, want 11", got)
	}
}

// A server that ends before it has followed what it stored does so when it is
// started again.
func TestInsightAfterACrash(t *testing.T) {
	st, cfg := newStores(t), testConfig(t)
	s := newServer(t, cfg, st.bucket, st.index, Options{})
	ctx, cancel := context.WithCancel(deadline(t))
	var pipeline sync.WaitGroup
	pipeline.Go(func() { s.pipeline.run(ctx) })
	sendClicks(t, s, "session-1", 0, 3)
	must(t, s.pipeline.flush(ctx))
	cancel() // before anything was followed
	pipeline.Wait()
	must(t, s.journal.Close())
	// What the process has noted before.
	note := fmt.Sprintf(`{"followed_ms":%d}`, time.Now().Add(-time.Hour).UnixMilli())
	must(t, os.WriteFile(filepath.Join(cfg.Journal.Dir, "insight.json"), []byte(note), 0o600))
	if got := namedClicks(t, st, "session-1"); got != 0 {
		t.Fatalf("%d clicks were followed", got)
	}

	s = newServer(t, cfg, st.bucket, st.index, Options{})
	running(t, s)
	flush(t, s)
	if got := namedClicks(t, st, "session-1"); got != 2 {
		t.Errorf("%d clicks have their button's name, want 2", got)
	}
}

// A damaged note costs nothing but the windows of late.
func TestDamagedNote(t *testing.T) {
	st, cfg := newStores(t), testConfig(t)
	must(t, os.WriteFile(filepath.Join(cfg.Journal.Dir, "insight.json"), []byte("{"), 0o600))
	s := newServer(t, cfg, st.bucket, st.index, Options{})
	running(t, s)
	sendClicks(t, s, "session-1", 0, 2)
	flush(t, s)
	if got := namedClicks(t, st, "session-1"); got != 1 {
		t.Errorf("%d clicks have their button's name, want 1", got)
	}
}

// Of what is stored faster than it is followed only the sessions are
// remembered; they are followed all the same.
func TestInsightFallsBehind(t *testing.T) {
	st := newStores(t)
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	s.pipeline.packer.insights.limit = 1
	ctx, cancel := context.WithCancel(deadline(t))
	var pipeline sync.WaitGroup
	pipeline.Go(func() { s.pipeline.run(ctx) })
	for seq := range uint32(3) {
		for _, session := range []string{"session-1", "session-2"} {
			sendClicks(t, s, session, seq, seq+1)
		}
		must(t, s.pipeline.flush(ctx))
	}
	cancel()
	pipeline.Wait()
	if packs := len(s.pipeline.packer.insights.fresh); packs != 1 {
		t.Errorf("%d packs wait to be followed, want 1", packs)
	}
	if late := len(s.pipeline.packer.insights.backlog.late); late != 2 {
		t.Errorf("%d sessions are late, want 2", late)
	}
	running(t, s)
	flush(t, s)
	for _, session := range []recording.SessionID{"session-1", "session-2"} {
		if got := namedClicks(t, st, session); got != 2 {
			t.Errorf("%d clicks of %s have their button's name, want 2", got, session)
		}
	}
}
