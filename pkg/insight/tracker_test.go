package insight_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/indexing"
	"github.com/playhead/playhead/pkg/insight"
	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
)

const startMs = 1_763_791_872_123

// page has a button with the id 5.
const page = `{"type":2,"timestamp":%d,"data":{"node":{"type":0,"id":1,"childNodes":[{"type":2,"tagName":"html","id":2,"attributes":{},"childNodes":[{"type":2,"tagName":"body","id":4,"attributes":{},"childNodes":[{"type":2,"tagName":"button","id":5,"attributes":{"id":"order"},"childNodes":[{"type":3,"id":6,"textContent":"Place order"}]}]}]}]},"initialOffset":{"top":0,"left":0}}}`

const click = `{"type":3,"timestamp":%d,"data":{"source":2,"type":2,"id":5,"x":1,"y":1}}`

// world is what is stored, and what a Tracker made of it.
type world struct {
	t       *testing.T
	tracker *insight.Tracker
	now     time.Time
	stored  []recording.StoredSegment
	events  map[recording.SegmentID][]byte
	asked   map[uint32]int // segments that were read back, by seq
	broken  error          // what the stores answer
	torn    map[uint32]int // how often a segment cannot be read yet, by seq
	listed  int            // times that a session's segments were asked for
	found   []insight.Found
}

func newWorld(t *testing.T, bytes int) *world {
	w := &world{t: t, now: time.UnixMilli(startMs + 60_000), events: map[recording.SegmentID][]byte{}, asked: map[uint32]int{}}
	w.restart(bytes)
	return w
}

// restart forgets all but what is stored.
func (w *world) restart(bytes int) {
	w.found = nil
	w.tracker = insight.New(insight.Options{
		Source: w, Emit: func(f insight.Found) { w.found = append(w.found, f) },
		Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)), Bytes: bytes,
	})
}

func (w *world) Segments(_ context.Context, _ recording.ProjectID, session recording.SessionID) (own []recording.StoredSegment, err error) {
	for _, s := range w.stored {
		if s.Session == session {
			own = append(own, s)
		}
	}
	w.listed++
	slices.SortFunc(own, func(a, b recording.StoredSegment) int {
		if c := strings.Compare(string(a.Window), string(b.Window)); c != 0 {
			return c
		}
		return int(a.Seq) - int(b.Seq)
	})
	return own, w.broken
}

func (w *world) Events(_ context.Context, s recording.StoredSegment, _ []byte) ([]byte, error) {
	w.asked[s.Seq]++
	content, ok := w.events[s.SegmentID]
	if !ok {
		return nil, insight.ErrGone
	}
	if w.torn[s.Seq] > 0 {
		w.torn[s.Seq]--
		return nil, errors.New("connection reset")
	}
	return content, w.broken
}

func (w *world) Derived(context.Context, recording.ProjectID, recording.SessionID) (all []recording.Moment, err error) {
	known := map[string]recording.Moment{}
	id := func(m recording.Moment) string { return fmt.Sprint(m.SegmentID, m.Event, m.Part) }
	for _, f := range w.found {
		for _, m := range f.Withdrawn {
			delete(known, id(m))
		}
		for _, m := range f.Moments {
			if m.Part > 0 {
				known[id(m)] = m
			}
		}
	}
	return slices.Collect(maps.Values(known)), w.broken
}

// store stores a segment: the first has the page, the others a click each.
func (w *world) store(session recording.SessionID, seq uint32) recording.StoredSegment {
	w.t.Helper()
	s := recording.StoredSegment{Class: recording.ClassNormal, Segment: recording.Segment{
		SegmentID: recording.SegmentID{Project: "shop", Session: session, Window: "window-1", Seq: seq},
		Page:      "page-0001", ReceivedMs: w.now.UnixMilli(),
	}}
	line := fmt.Sprintf(click, startMs+int64(seq)*5000)
	if seq == 0 {
		line = fmt.Sprintf(page, startMs)
	}
	w.events[s.SegmentID] = []byte(line + "\n")
	if _, err := indexing.Derive(&s.Segment, w.events[s.SegmentID]); err != nil {
		w.t.Fatal(err)
	}
	w.stored = append(w.stored, s)
	return s
}

func (w *world) follow(stored ...recording.StoredSegment) {
	for _, s := range stored {
		w.tracker.Follow(s, func() ([]byte, error) { return w.events[s.SegmentID], nil })
	}
}

// clicks returns which segments' clicks were found, in order, with what of the
// button.
func (w *world) clicks() (seqs []uint32, names string) {
	known := map[string]bool{}
	for _, f := range w.found {
		for _, m := range f.Moments {
			if m.Kind == recording.KindClick {
				seqs = append(seqs, m.Seq)
				known[m.Text] = true
			}
		}
	}
	for name := range known {
		names += name
	}
	return seqs, names
}

func (w *world) wantClicks(names string, seqs ...uint32) {
	w.t.Helper()
	got, named := w.clicks()
	if !slices.Equal(got, seqs) || named != names {
		w.t.Errorf("clicks of the segments %v on %q, want %v on %q", got, named, seqs, names)
	}
}

const button = "Place order"

func TestInOrderNothingIsReadBack(t *testing.T) {
	w := newWorld(t, 0)
	for seq := range uint32(4) {
		w.follow(w.store("session-1", seq))
	}
	w.follow(w.stored[2]) // again
	w.wantClicks(button, 1, 2, 3)
	if s := w.tracker.Stats(); s.ReadBack != 0 || s.Segments != 4 || s.Behind != 0 || s.Open != 1 {
		t.Errorf("%+v", s)
	}
}

func TestOutOfOrderIsReadBack(t *testing.T) {
	w := newWorld(t, 0)
	first, second, third := w.store("session-1", 0), w.store("session-1", 1), w.store("session-1", 2)
	w.follow(first, third, second)
	w.wantClicks("")
	next := w.tracker.Tick(t.Context())
	if !next.After(w.now) {
		t.Fatalf("the next turn is at %v, now is %v", next, w.now)
	}
	w.now = next
	w.tracker.Tick(t.Context())
	w.wantClicks(button, 1, 2)
	w.follow(w.store("session-1", 3))
	w.wantClicks(button, 1, 2, 3)
}

// A missing segment is waited for, then it is a gap; when it comes after all,
// the window is looked at anew.
func TestMissingSegment(t *testing.T) {
	w := newWorld(t, 0)
	w.follow(w.store("session-1", 0), w.store("session-1", 2))
	for range 3 {
		w.now = w.now.Add(6 * time.Second)
		w.tracker.Tick(t.Context())
	}
	w.wantClicks("")
	w.now = w.now.Add(15 * time.Second)
	w.tracker.Tick(t.Context())
	w.wantClicks("", 2)
	if got := w.tracker.Stats().Gaps; got != 1 {
		t.Errorf("%d gaps, want 1", got)
	}
	w.follow(w.store("session-1", 1))
	w.now = w.now.Add(6 * time.Second)
	w.tracker.Tick(t.Context())
	w.wantClicks(button, 2, 1, 2)
	if n := w.gaps(); n != 0 {
		t.Errorf("%d gaps are left", n)
	}
}

// What a gap had brought to light is withdrawn also when the segments after it
// cannot be read at the first attempt.
func TestMissingSegmentIsReadInTwoAttempts(t *testing.T) {
	w := newWorld(t, 0)
	w.follow(w.store("session-1", 0), w.store("session-1", 2), w.store("session-1", 3))
	if err := w.tracker.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.gaps(); n != 1 {
		t.Fatalf("%d gaps, want 1", n)
	}
	w.torn = map[uint32]int{3: 1}
	w.follow(w.store("session-1", 1))
	w.now = w.now.Add(6 * time.Second)
	w.now = w.tracker.Tick(t.Context())
	w.tracker.Tick(t.Context())
	if n := w.gaps(); n != 0 || w.torn[3] != 0 {
		t.Errorf("%d gaps are left, and segment 3 is still to fail %d times", n, w.torn[3])
	}
}

// gaps returns how many are found and not withdrawn.
func (w *world) gaps() (n int) {
	w.t.Helper()
	left, err := w.Derived(w.t.Context(), "shop", "session-1")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range left {
		if m.Kind == recording.KindGap {
			n++
		}
	}
	return n
}

// A server that did not see a window's beginning reads it.
func TestAnotherServersWindow(t *testing.T) {
	w := newWorld(t, 0)
	for seq := range uint32(3) {
		w.store("session-1", seq)
	}
	w.follow(w.store("session-1", 3))
	w.now = w.now.Add(6 * time.Second)
	w.tracker.Tick(t.Context())
	w.wantClicks(button, 1, 2, 3)
	w.follow(w.store("session-1", 4))
	w.wantClicks(button, 1, 2, 3, 4)
}

func TestRevisit(t *testing.T) {
	w := newWorld(t, 0)
	for seq := range uint32(3) {
		w.follow(w.store("session-1", seq))
	}
	w.restart(0)
	if err := w.tracker.Revisit(t.Context(), "shop", "session-1"); err != nil {
		t.Fatal(err)
	}
	w.tracker.Tick(t.Context())
	w.wantClicks(button, 1, 2)
}

// A window for which there is no room is read later, when it has ended most
// often; it does not take the place of one that goes on.
func TestMemoryIsBounded(t *testing.T) {
	w := newWorld(t, 1)
	w.follow(w.store("session-1", 0), w.store("session-2", 0), w.store("session-1", 1), w.store("session-2", 1), w.store("session-2", 2))
	w.wantClicks(button, 1)
	if s := w.tracker.Stats(); s.Open != 1 || s.Behind != 1 || s.Dropped != 0 || s.ReadBack != 0 {
		t.Errorf("%+v, want that the second window waits", s)
	}
	for seq := uint32(2); seq < 6; seq++ {
		w.now = w.now.Add(30 * time.Second)
		w.follow(w.store("session-1", seq))
		w.tracker.Tick(t.Context())
	}
	w.wantClicks(button, 1, 2, 3, 1, 2, 4, 5)
	if s := w.tracker.Stats(); s.Open != 1 || s.Behind != 0 || s.ReadBack != 3 {
		t.Errorf("%+v, want that the second window was read once", s)
	}
	w.follow(w.store("session-1", 6))
	w.wantClicks(button, 1, 2, 3, 1, 2, 4, 5, 6)
}

// A window for which there is no room is read when nothing has come for 45 s,
// and after two minutes when it goes on.
func TestCrowdedWindowsThatGoOn(t *testing.T) {
	w := newWorld(t, 1)
	w.follow(w.store("session-1", 0), w.store("session-2", 0))
	for seq := uint32(1); seq < 6; seq++ {
		w.now = w.now.Add(23 * time.Second)
		w.follow(w.store("session-1", seq), w.store("session-2", seq))
		w.tracker.Tick(t.Context())
	}
	w.wantClicks(button, 1, 2, 3, 4, 5)
	w.now = w.now.Add(5 * time.Second)
	w.tracker.Tick(t.Context())
	w.wantClicks(button, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5)
	if s := w.tracker.Stats(); s.ReadBack != 6 {
		t.Errorf("%+v, want that the second window was read once", s)
	}
}

// The document of a window that has gone quiet makes room. When the window goes
// on it is read again from the beginning.
func TestQuietWindowsMakeRoom(t *testing.T) {
	w := newWorld(t, 1)
	w.follow(w.store("session-1", 0), w.store("session-1", 1))
	w.now = w.now.Add(time.Minute)
	w.follow(w.store("session-2", 0))
	if s := w.tracker.Stats(); s.Open != 1 || s.Dropped != 1 || s.ReadBack != 0 {
		t.Errorf("%+v, want that the second window has the document", s)
	}
	w.follow(w.store("session-1", 2))
	w.now = w.now.Add(20 * time.Second)
	w.tracker.Tick(t.Context())
	w.wantClicks(button, 1)
	w.now = w.now.Add(2 * time.Minute)
	w.tracker.Tick(t.Context())
	w.wantClicks(button, 1, 1, 2)
}

// While segments come faster than they can be followed, windows that come get no
// room beyond half of the memory, and after a while all together a quarter.
// Nothing is missed: they are read back later.
func TestHurryTakesRoom(t *testing.T) {
	const windows = 8
	w := newWorld(t, 0)
	session := func(n int) recording.SessionID { return recording.SessionID(fmt.Sprint("session-", n)) }
	for n := range windows {
		w.follow(w.store(session(n), 0))
	}
	w.restart(2 * w.tracker.Stats().Bytes)
	for n := range windows {
		w.follow(w.stored[n])
	}
	wantOpen := func(when string, want int) {
		t.Helper()
		if s := w.tracker.Stats(); s.Open != want {
			t.Errorf("%s: %+v, want %d open", when, s, want)
		}
	}
	wantOpen("calm", windows)
	w.tracker.Hurry(true)
	w.follow(w.store(session(windows), 0))
	wantOpen("in a hurry", windows)
	w.now = w.now.Add(10 * time.Second)
	if w.tracker.Hurry(true) {
		t.Error("10 s are said to be long")
	}
	wantOpen("after 10 s", windows)
	w.now = w.now.Add(10 * time.Second)
	if !w.tracker.Hurry(true) {
		t.Error("20 s are not said to be long")
	}
	wantOpen("after 20 s", windows/2)
	for n := range windows + 1 {
		w.follow(w.store(session(n), 1))
	}
	w.tracker.Hurry(false)
	for range 2 * windows {
		w.now = w.now.Add(time.Minute)
		w.tracker.Tick(t.Context())
	}
	if seqs, _ := w.clicks(); len(seqs) != windows+1 {
		t.Errorf("clicks of %d windows, want %d", len(seqs), windows+1)
	}
	if s := w.tracker.Stats(); s.Behind != 0 {
		t.Errorf("%+v, want that nothing waits", s)
	}
}

// A window that alone takes more than there is keeps its document as long as no
// other needs the room.
func TestTooLargeAloneStays(t *testing.T) {
	w := newWorld(t, 1)
	w.follow(w.store("session-1", 0))
	w.tracker.Hurry(false)
	w.follow(w.store("session-1", 1))
	w.wantClicks(button, 1)
	if s := w.tracker.Stats(); s.Open != 1 || s.Dropped != 0 {
		t.Errorf("%+v, want that its document stays", s)
	}
}

// Where the segments of a window lie that nobody else had is known.
func TestWaitingCostsNoQuestion(t *testing.T) {
	w := newWorld(t, 1)
	w.follow(w.store("session-1", 0), w.store("session-2", 0), w.store("session-2", 1))
	w.now = w.now.Add(time.Minute)
	w.follow(w.store("session-1", 1), w.store("session-2", 2), w.stored[2])
	w.wantClicks(button, 1)
	w.now = w.now.Add(2 * time.Minute)
	for range 2 {
		w.tracker.Tick(t.Context())
	}
	w.wantClicks(button, 1, 1, 2)
	if s := w.tracker.Stats(); w.listed != 0 || s.ReadBack != 3 || s.Behind != 0 {
		t.Errorf("asked %d times, %+v", w.listed, s)
	}
}

// A window whose uploads were slow, or that a stopping server ended, is looked
// at anew when it goes on; one that really paused goes on as it was.
func TestEndedTooSoon(t *testing.T) {
	for name, c := range map[string]struct {
		next uint32 // five seconds each
		want []uint32
	}{
		"slow":   {2, []uint32{1, 1, 2}},
		"paused": {2 + 8, []uint32{1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 0)
			w.follow(w.store("session-1", 0), w.store("session-1", 1))
			if err := w.tracker.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := w.store("session-1", c.next)
			if name == "paused" {
				// The next upload, whose events are eight later.
				s.Seq, w.stored[2].Seq = 2, 2
				w.events[s.SegmentID] = w.events[recording.SegmentID{Project: "shop", Session: "session-1", Window: "window-1", Seq: c.next}]
				c.want = append(c.want, 2)
			}
			w.follow(s)
			w.now = w.now.Add(6 * time.Second)
			w.tracker.Tick(t.Context())
			w.wantClicks(button, c.want...)
		})
	}
}

func TestStoresThatDoNotAnswer(t *testing.T) {
	w := newWorld(t, 0)
	w.store("session-1", 0)
	w.follow(w.store("session-1", 1))
	w.broken = errors.New("connection refused")
	if err := w.tracker.Drain(t.Context()); !errors.Is(err, w.broken) {
		t.Errorf("error %v", err)
	}
	w.now = w.now.Add(6 * time.Second)
	next := w.tracker.Tick(t.Context())
	if !next.After(w.now) {
		t.Errorf("the next turn is at %v, now is %v", next, w.now)
	}
	w.broken, w.now = nil, next
	w.tracker.Tick(t.Context())
	w.wantClicks(button, 1)
}

// What cannot be read is a gap.
func TestUnreadableSegment(t *testing.T) {
	w := newWorld(t, 0)
	w.store("session-1", 0)
	delete(w.events, w.store("session-1", 1).SegmentID)
	w.follow(w.store("session-1", 2))
	if err := w.tracker.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.wantClicks("", 2)
	if s := w.tracker.Stats(); s.Gaps != 1 || s.Behind != 0 {
		t.Errorf("%+v", s)
	}
}

func TestKeyframeIsDueAfterThirtySeconds(t *testing.T) {
	w := newWorld(t, 0)
	for seq := range uint32(40) {
		w.follow(w.store("session-1", seq))
	}
	var after []uint32
	for _, f := range w.found {
		if f.Keyframe != nil {
			after = append(after, f.Keyframe.Seq)
			if f.Keyframe.RawBytes != len(f.KeyframeEvents) || !strings.Contains(string(f.KeyframeEvents), button) {
				t.Errorf("keyframe %+v: %s", f.Keyframe, f.KeyframeEvents)
			}
		}
	}
	if len(after) == 0 {
		t.Error("no keyframe")
	}
}

// Where a page changes all the time no keyframe is left out.
func TestKeyframesThatSpareTime(t *testing.T) {
	w := newWorld(t, 0)
	due, left := 0, 0
	emit := w.tracker.Emit
	w.tracker.Emit = func(f insight.Found) {
		if emit(f); f.Keyframe != nil {
			if due++; w.tracker.LeaveOut(f, 1<<20) {
				left++
			}
		}
	}
	for seq := range uint32(12) {
		s := w.store("session-1", seq)
		if seq > 0 {
			change := fmt.Sprintf(`{"type":3,"timestamp":%d,"data":{"source":0,"adds":[],"removes":[],"texts":[],"attributes":[]}}`+"\n", s.StartMs)
			w.events[s.SegmentID] = []byte(strings.Repeat(change, moments.KeyframeMutations/2))
		}
		w.follow(s)
	}
	if due != 5 || left != 0 {
		t.Errorf("%d of %d keyframes are left out, want none of 5", left, due)
	}
}

// A keyframe that takes more than the frames that it spares is left out, but not
// always, and it is not even made where that can be foreseen.
func TestKeyframesThatSpareNothing(t *testing.T) {
	const due = 30 // segments between keyframes
	for _, tt := range []struct {
		name     string
		snapshot int64 // bytes of its frame
		based    bool  // the other frames have a base
		bytes    int   // of a keyframe's frame
		want     []bool
		made     []bool
	}{
		{"small", 100, false, 99, []bool{false, false, false}, []bool{true, true, true}},
		{"large", 100, false, 5000, []bool{true, false, true}, []bool{true, true, false}},
		{"huge", 100, false, 50_000, []bool{true, true, true, false, true}, []bool{true, false, false, true, false}},
		{"foreseen", 50_000, false, 50_000, []bool{true, true, true, false, true}, []bool{false, false, false, true, false}},
		{"in doubt", 3500, false, 99, []bool{false, false}, []bool{true, true}},
		{"with base", 50_000, true, 99, []bool{false, false}, []bool{true, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 0)
			got, made := make([]bool, len(tt.want)), make([]bool, len(tt.want))
			for i := range got {
				got[i] = true
			}
			emit := w.tracker.Emit
			w.tracker.Emit = func(f insight.Found) {
				if emit(f); f.Keyframe != nil {
					i := int(f.Keyframe.Seq+1)/due - 1
					made[i], got[i] = true, w.tracker.LeaveOut(f, tt.bytes)
				}
			}
			for seq := range uint32(due*len(tt.want) + due/2) {
				s := w.store("session-1", seq)
				if s.Length = 100; seq == 0 {
					s.Length, s.FullSnapshots = tt.snapshot, []int64{s.StartMs}
				} else if tt.based {
					s.Base.Object = "pack"
				}
				w.follow(s)
			}
			if !slices.Equal(got, tt.want) || !slices.Equal(made, tt.made) {
				t.Errorf("left out %v, want %v; made %v, want %v", got, tt.want, made, tt.made)
			}
		})
	}
}

// What is not over is named, so that another process can go on with it; what is
// ended without waiting is not.
func TestUnfinishedSessions(t *testing.T) {
	w := newWorld(t, 32<<20)
	w.follow(w.store("session-1", 0), w.store("session-2", 0), w.store("session-3", 0))
	w.follow(w.store("session-2", 2)) // one is missing
	name := func(session string) insight.Session {
		return insight.Session{Project: "shop", ID: recording.SessionID(session)}
	}
	wantUnfinished := func(want ...insight.Session) {
		t.Helper()
		got := w.tracker.Unfinished()
		if len(got) != len(want) {
			t.Errorf("unfinished are %v, want %v", got, want)
		}
		for _, s := range want {
			if _, ok := got[s]; !ok {
				t.Errorf("unfinished are %v, want %v", got, want)
			}
		}
	}
	wantUnfinished(name("session-1"), name("session-2"), name("session-3"))
	w.tracker.Finish(map[insight.Session]struct{}{name("session-3"): {}})
	wantUnfinished(name("session-2"), name("session-3"))
}
