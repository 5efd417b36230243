package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// insightIndex is a real index that, while it is held, answers nothing that
// insight asks, or writes nothing that insight found.
type insightIndex struct {
	index.Index
	held, full atomic.Bool
}

func (x *insightIndex) Segments(ctx context.Context, project recording.ProjectID, session recording.SessionID) ([]recording.StoredSegment, error) {
	if x.held.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return x.Index.Segments(ctx, project, session)
}

func (x *insightIndex) Write(ctx context.Context, batches ...index.Batch) error {
	if x.full.Load() && slices.ContainsFunc(batches, func(b index.Batch) bool { return b.Token == "insight" }) {
		<-ctx.Done()
		return ctx.Err()
	}
	return x.Index.Write(ctx, batches...)
}

// answers are the moments of a session as the index gives them.
func answers(t *testing.T, st *stores, session recording.SessionID) string {
	t.Helper()
	found, err := st.index.Moments(deadline(t), index.MomentQuery{Project: testProject, SessionID: session, Limit: 1000})
	must(t, err)
	lines := make([]string, len(found))
	for i, m := range found {
		line, err := json.Marshal(m)
		must(t, err)
		lines[i] = string(line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// clicksAt sends a page and, 5 s apart, clicks on its button, of which none has
// an effect: what is said of that depends on all of them, and on the window's
// end.
func clicksAt(t *testing.T, s *Server, begun time.Time, from, to uint32) {
	t.Helper()
	for seq := from; seq < to; seq++ {
		ms := begun.UnixMilli() + int64(seq)*5000
		lines := clickLine(ms)
		if seq == 0 {
			lines = shopPage(ms)
		}
		u := uploadOf("session-1", seq, lines)
		u.Header.SentAtMs = s.now().UnixMilli()
		must(t, s.Accept(deadline(t), testProject, u))
	}
}

// What a server has not followed when it is stopped, it follows after the next
// start, or another server does with which the window goes on: there is as much
// to be found as if nothing had been stopped. It is stopped soon nevertheless.
func TestWhatIsLeftAtAStopIsFollowedLater(t *testing.T) {
	noon := time.Now().Truncate(time.Second)
	at := func() time.Time { return noon }
	begun := noon.Add(-20 * time.Hour)
	undisturbed := map[uint32]string{}
	for _, to := range []uint32{8, 9} {
		st := newStores(t)
		s := newServer(t, testConfig(t), st.bucket, st.index, Options{Now: at})
		running(t, s)
		clicksAt(t, s, begun, 0, to)
		flush(t, s)
		undisturbed[to] = answers(t, st, "session-1")
	}
	for _, how := range []struct {
		name    string
		stopped func(*insightIndex) // what makes the server leave something
		late    bool                // the segments that are left are more than are kept
	}{
		{"the index does not say what is stored", func(x *insightIndex) { x.held.Store(true) }, false},
		{"what was found is not written", func(x *insightIndex) { x.full.Store(true) }, false},
		{"there was no room", func(x *insightIndex) { x.held.Store(true) }, true},
	} {
		for _, by := range []string{"the same server, an hour later", "another server"} {
			t.Run(how.name+", "+by, func(t *testing.T) {
				st, cfg := newStores(t), testConfig(t)
				one := newServer(t, testConfig(t), st.bucket, st.index, Options{Now: at})
				stopOne := running(t, one)
				clicksAt(t, one, begun, 0, 4)
				flush(t, one)
				must(t, stopOne())

				idx := &insightIndex{Index: st.index}
				how.stopped(idx)
				s := newServer(t, cfg, st.bucket, idx, Options{Now: at})
				if how.late {
					s.pipeline.packer.insights.limit, s.pipeline.packer.insights.backlog.limit = -1, 0
					s.pipeline.packer.insights.waiting = 1
				}
				stop := running(t, s)
				clicksAt(t, s, begun, 4, 8)
				must(t, s.pipeline.flush(deadline(t)))
				stopping := time.Now()
				must(t, stop())
				if took := time.Since(stopping); took > 10*time.Second {
					t.Errorf("the server ends after %s", took)
				}

				idx.held.Store(false)
				idx.full.Store(false)
				to := uint32(8)
				if by == "another server" {
					cfg, to = testConfig(t), 9
				}
				later := func() time.Time { return noon.Add(time.Hour) }
				s = newServer(t, cfg, st.bucket, idx, Options{Now: later})
				running(t, s)
				clicksAt(t, s, begun, 8, to)
				flush(t, s)
				if got, want := answers(t, st, "session-1"), undisturbed[to]; got != want {
					t.Errorf("found\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

// A server that was stopped when all was followed reads nothing again.
func TestNothingIsFollowedAgainAfterAStop(t *testing.T) {
	st, cfg := newStores(t), testConfig(t)
	s := newServer(t, cfg, st.bucket, st.index, Options{})
	stop := running(t, s)
	clicksAt(t, s, time.Now().Add(-30*time.Second), 0, 4)
	must(t, stop())
	want := answers(t, st, "session-1")
	if !strings.Contains(want, "Place order") {
		t.Errorf("the window was not followed before the server ended: %s", want)
	}
	s = newServer(t, cfg, st.bucket, st.index, Options{})
	stop = running(t, s)
	flush(t, s)
	must(t, stop())
	if stats := s.pipeline.packer.insights.tracker.Stats(); stats.Segments != 0 {
		t.Errorf("%d segments are followed again", stats.Segments)
	}
}

// After a crash only the note of before is there, and it does not say that
// nothing came after it.
func TestAStartMakesTheNoteOneOfARunningServer(t *testing.T) {
	st, cfg := newStores(t), testConfig(t)
	s := newServer(t, cfg, st.bucket, st.index, Options{})
	stop := running(t, s)
	must(t, stop())
	s = newServer(t, cfg, st.bucket, st.index, Options{})
	running(t, s)
	eventually(t, "the note is of a running server", func() bool {
		b := newBacklog(time.Now)
		return b.resume(s.pipeline.packer.insights.note) == nil && !b.missed.IsZero()
	})
}

// Of more late sessions than are remembered, those beyond are searched for, by
// the times of their segments.
func TestMoreSessionsAreLateThanAreRemembered(t *testing.T) {
	st := newStores(t)
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	insights := s.pipeline.packer.insights
	insights.limit, insights.backlog.limit = 1, 2
	ctx, cancel := context.WithCancel(deadline(t))
	var pipeline sync.WaitGroup
	pipeline.Go(func() { s.pipeline.run(ctx) })
	const sessions = 6
	for n := range sessions {
		sendClicks(t, s, fmt.Sprintf("session-%d", n), 0, 3)
		must(t, s.pipeline.flush(ctx))
	}
	cancel()
	pipeline.Wait()
	if late := len(insights.backlog.late); late != 2 {
		t.Errorf("%d sessions are remembered, want 2", late)
	}
	running(t, s)
	flush(t, s)
	for n := range sessions {
		if got := namedClicks(t, st, recording.SessionID(fmt.Sprintf("session-%d", n))); got != 2 {
			t.Errorf("%d clicks of session %d have their button's name, want 2", got, n)
		}
	}
}

// A segment whose times are a year back does not make all sessions of a year be
// read.
func TestTheSearchForMissedSessionsGoesNoYearBack(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	b := newBacklog(func() time.Time { return now })
	b.limit = 0
	b.add(recording.StoredSegment{Segment: recording.Segment{EndMs: now.Add(-time.Hour).UnixMilli()}})
	if !b.missed.Equal(now.Add(-time.Hour)) {
		t.Errorf("sessions are searched for from %s on", b.missed)
	}
	b.add(recording.StoredSegment{Segment: recording.Segment{EndMs: 0}})
	if !b.missed.Equal(now.Add(-longestLookBack)) {
		t.Errorf("sessions are searched for from %s on", b.missed)
	}
}
