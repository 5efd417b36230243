package insight

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/playhead/playhead/pkg/indexing"
	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
)

// maxWindows bounds the windows that are remembered; one without a document
// takes some 400 bytes. A forgotten one that goes on is read from its beginning.
const maxWindows = 1 << 14

// Tracker follows windows. It is not safe for concurrent use.
type Tracker struct {
	Options
	windows map[key]*list.Element // of *window
	recent  *list.List            // the one that something came for last is first
	bytes   int
	hurried time.Time // since when; zero: not
	stats   Stats
	behind  int    // windows
	awaited int    // of all windows
	buf     []byte // memory of the segment that was read back last
	content []byte // memory of the latest keyframe
	styles  *moments.Styles
	caught  map[momentID]struct{} // what catchUp has given out
}

// New returns a Tracker that knows no window.
func New(o Options) *Tracker {
	return &Tracker{Options: o.withDefaults(), windows: map[key]*list.Element{}, recent: list.New(), styles: moments.NewStyles()}
}

// Follow takes a segment that is stored. events returns its events; it is
// called when it is the segment's turn, otherwise the segment is read back when
// Tick finds that it is. When events fails the segment is read back too.
func (t *Tracker) Follow(s recording.StoredSegment, events func() ([]byte, error)) {
	w := t.window(keyOf(s.SegmentID), s.Class)
	w.joins(s)
	switch {
	case s.Seq < w.next && w.missed(s.Seq), s.Seq == w.next && !w.behind && w.endedTooSoon(s):
		t.restart(w)
		t.later(w, catchUpWait)
	case s.Seq < w.next:
		// A repeat, or it was read back before this call.
	case w.behind || s.Seq > w.next:
		t.await(w, s, catchUpWait)
	case w.state == nil && t.crowded():
		t.await(w, s, crowdedWait)
	case w.state == nil && s.Seq > 0:
		t.await(w, s, catchUpWait)
	default:
		content, err := events()
		if err != nil {
			t.await(w, s, catchUpWait)
			return
		}
		t.apply(w, s, content)
		t.shrink(w)
	}
}

// Revisit makes Tick read the stored segments of a session from the beginning.
func (t *Tracker) Revisit(ctx context.Context, project recording.ProjectID, session recording.SessionID) error {
	stored, err := t.Source.Segments(ctx, project, session)
	if err != nil {
		return fmt.Errorf("read segments of a session: %w", err)
	}
	for _, s := range stored {
		w := t.window(keyOf(s.SegmentID), s.Class)
		t.restart(w)
		t.later(w, 0)
	}
	return nil
}

// Tick reads back the segments of one window for which it is time, and ends
// what windows that have gone quiet wait for. It returns when it should be
// called again, zero when there is nothing to wait for.
func (t *Tracker) Tick(ctx context.Context) (next time.Time) {
	now := t.Now()
	var due *window
	sooner := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for e := t.recent.Front(); e != nil; e = e.Next() {
		w := e.Value.(*window)
		switch {
		case w.behind && (due == nil || w.dueAt().Before(due.dueAt())) && !now.Before(w.dueAt()):
			if due != nil {
				sooner(due.dueAt())
			}
			due = w
		case w.behind:
			sooner(w.dueAt())
		case w.finished || w.state == nil:
		case now.Sub(w.last) >= quiet:
			t.finish(w)
		default:
			sooner(w.last.Add(quiet))
		}
	}
	if due != nil {
		if err := t.catchUp(ctx, due, holeWait); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
			t.Log.Warn("a window is looked at later", "session", due.session, "error", err)
		}
		if due.behind {
			sooner(due.dueAt())
		} else {
			sooner(due.last.Add(quiet))
		}
	}
	return next
}

// Drain reads back what is to be read back and ends all windows, without
// waiting for segments that are missing. The error is the store's, or that of
// ctx.
func (t *Tracker) Drain(ctx context.Context) error {
	for e := t.recent.Front(); e != nil; e = e.Next() {
		w := e.Value.(*window)
		if w.behind {
			if err := t.catchUp(ctx, w, 0); err != nil {
				return err
			}
		}
		if w.state != nil && !w.finished {
			t.finish(w)
		}
	}
	return nil
}

// Session names one of a project.
type Session struct {
	Project recording.ProjectID
	ID      recording.SessionID
}

// Unfinished returns the sessions of which not all stored segments have been
// followed, or of which a window is waited for to go on or to end.
func (t *Tracker) Unfinished() map[Session]struct{} {
	sessions := map[Session]struct{}{}
	for e := t.recent.Front(); e != nil; e = e.Next() {
		if w := e.Value.(*window); w.behind || w.state != nil && !w.finished {
			sessions[Session{w.project, w.session}] = struct{}{}
		}
	}
	return sessions
}

// Finish ends the windows of which all segments that Follow got were followed,
// but those of some sessions. It reads nothing.
func (t *Tracker) Finish(except map[Session]struct{}) {
	for e := t.recent.Front(); e != nil; e = e.Next() {
		w := e.Value.(*window)
		if _, not := except[Session{w.project, w.session}]; !not && !w.behind && w.state != nil && !w.finished {
			t.finish(w)
		}
	}
}

// maxBehind is how many windows may be behind before no more are taken in.
const maxBehind = 1 << 13

// Full says that so many windows are behind that Follow and Revisit should not
// be called for another one: Tick first has to read back what there is.
func (t *Tracker) Full() bool { return t.behind >= maxBehind }

// Knows says whether the window of a segment is remembered.
func (t *Tracker) Knows(id recording.SegmentID) bool { return t.windows[keyOf(id)] != nil }

// Forget lets go of all windows.
func (t *Tracker) Forget() {
	clear(t.windows)
	t.recent.Init()
	t.bytes, t.awaited, t.behind = 0, 0, 0
}

// Stats returns what was done so far.
func (t *Tracker) Stats() Stats {
	s := t.stats
	s.Windows, s.Bytes, s.Behind = len(t.windows), t.bytes, t.behind
	for e := t.recent.Front(); e != nil; e = e.Next() {
		if e.Value.(*window).state != nil {
			s.Open++
		}
	}
	return s
}

// window returns what is remembered of a window, for which something came.
func (t *Tracker) window(k key, class recording.Class) *window {
	e := t.windows[k]
	if e == nil {
		e = t.recent.PushFront(&window{key: k, latest: &noSegment, received: map[uint32]int64{}, alone: true})
		t.windows[k] = e
	}
	t.recent.MoveToFront(e)
	w := e.Value.(*window)
	w.class, w.last = class, t.Now()
	return w
}

func (t *Tracker) restart(w *window) {
	t.unlist(w)
	w.restart()
	t.measure(w)
}

// await makes Tick read back a segment. Where it lies is kept as long as there
// is room, no long hurry, and nothing of its window has gone another way.
func (t *Tracker) await(w *window, s recording.StoredSegment, wait time.Duration) {
	t.later(w, wait)
	if !w.alone || t.awaited == maxAwaited || t.longHurried() {
		t.unlist(w)
		return
	}
	w.awaited = append(w.awaited, s)
	t.awaited++
}

// unlist lets the index say which segments of a window there are.
func (t *Tracker) unlist(w *window) {
	t.awaited -= len(w.awaited)
	w.awaited, w.alone = nil, false
}

// maxAwaited bounds the segments that wait to be read back and of which the
// place is known without asking; one takes about a KiB.
const maxAwaited = 6_000

// later makes Tick look at a window.
func (t *Tracker) later(w *window, wait time.Duration) {
	if !w.behind {
		w.behind, w.due = true, t.Now().Add(wait)
		t.behind++
	}
}

// catchUp applies the stored segments of a window from next on. A missing one
// is waited for as long as the ones behind it are younger than patience.
func (t *Tracker) catchUp(ctx context.Context, w *window, patience time.Duration) error {
	own := w.awaited
	alone := w.alone && len(own) > 0 && own[0].Seq == w.next
	t.unlist(w)
	if !alone {
		stored, err := t.Source.Segments(ctx, w.project, w.session)
		if err != nil {
			w.due = t.Now().Add(retryWait)
			return fmt.Errorf("read segments of a session: %w", err)
		}
		own = ofWindow(stored, w.id)
	}
	for _, s := range own {
		if s.Seq >= w.next && w.endedTooSoon(s) {
			t.restart(w)
			if alone {
				return t.catchUp(ctx, w, patience)
			}
			break
		}
	}
	from := w.next
	t.caught = map[momentID]struct{}{}
	defer func() { t.caught = nil }()
	waits, err := t.readBack(ctx, w, own, patience)
	if err == nil && waits == 0 && w.state != nil && !w.finished && t.Now().Sub(w.last) >= quiet {
		t.finish(w)
	}
	if err == nil && !alone { // nobody else has found anything in these segments
		err = t.withdraw(ctx, w, from)
	}
	if err != nil {
		if !alone {
			t.restart(w) // what is to be withdrawn is only known of what is read in one go
		}
		w.due = t.Now().Add(retryWait)
		return err
	}
	if waits > 0 {
		w.due = t.Now().Add(waits)
		return nil
	}
	w.behind, w.alone = false, alone
	t.behind--
	if w.finished && t.bytes > t.room() {
		t.drop(w) // it does not take the place of one that goes on
	} else {
		t.shrink(w)
	}
	return nil
}

// readBack applies a window's segments. When it stops at a missing one it
// returns for how long that is waited for.
func (t *Tracker) readBack(ctx context.Context, w *window, own []recording.StoredSegment, patience time.Duration) (waits time.Duration, err error) {
	for _, s := range own {
		if s.Seq < w.next {
			continue
		}
		if s.Seq > w.next {
			received := time.UnixMilli(s.ReceivedMs)
			if wait := received.Add(patience).Sub(t.Now()); wait > 0 && patience > 0 {
				return wait, nil
			}
			t.gap(w, s)
		}
		content, err := t.Source.Events(ctx, s, t.buf[:0])
		if errors.Is(err, ErrGone) {
			t.Log.Warn("segment is left out of a window's insight", "session", s.Session, "seq", s.Seq, "error", err)
			continue // the next one finds a hole, or there is none
		}
		if err != nil {
			return 0, fmt.Errorf("read a segment: %w", err)
		}
		t.buf = content
		t.stats.ReadBack++
		t.apply(w, s, content)
	}
	if cap(t.buf) > maxKept {
		t.buf = nil
	}
	return 0, nil
}

// momentID is what makes two moments the same.
type momentID struct {
	recording.SegmentID
	event, part int
}

func idOf(m recording.Moment) momentID { return momentID{m.SegmentID, m.Event, m.Part} }

// withdraw gives out what was found before in the segments that have been
// read back, from the given one on, and was not found this time: then
// segments were missing.
func (t *Tracker) withdraw(ctx context.Context, w *window, from uint32) error {
	before, err := t.Source.Derived(ctx, w.project, w.session)
	if err != nil {
		return fmt.Errorf("read what was found before: %w", err)
	}
	var withdrawn []recording.Moment
	for _, m := range before {
		_, again := t.caught[idOf(m)]
		if !again && m.Window == w.id && from <= m.Seq && m.Seq < w.next {
			withdrawn = append(withdrawn, m)
		}
	}
	if len(withdrawn) > 0 {
		t.emit(w, Found{Withdrawn: withdrawn})
	}
	return nil
}

// maxKept is how large a buffer may be to be used again.
const maxKept = 4 << 20

func ofWindow(stored []recording.StoredSegment, id recording.WindowID) (own []recording.StoredSegment) {
	for _, s := range stored {
		if s.Window == id {
			own = append(own, s)
		}
	}
	return own
}

// gap tells the window's document that segments before s are missing.
func (t *Tracker) gap(w *window, s recording.StoredSegment) {
	t.stats.Gaps++
	state := t.open(w)
	w.skip(s.Seq)
	w.received[s.Seq] = s.ReceivedMs
	t.guard(w, func() Found {
		return Found{Findings: state.Gap(s.SegmentID, s.StartMs)}
	})
}

func (t *Tracker) open(w *window) *moments.Window {
	if w.state == nil {
		w.state = moments.NewWindow(moments.WindowOptions{Styles: t.styles})
	}
	return w.state
}

// apply applies the events of a segment and gives out what they bring to light.
// A long pause before it ends what the window waited for, as quiet does while
// it lasts: so it does not matter when the segment comes.
func (t *Tracker) apply(w *window, s recording.StoredSegment, events []byte) {
	if w.state != nil && !w.finished && w.pauses(s) {
		t.finish(w)
	}
	t.stats.Segments++
	state := t.open(w)
	w.finished, w.received[s.Seq] = false, s.ReceivedMs
	w.lies(s)
	t.guard(w, func() Found {
		found := Found{Findings: state.Apply(&s.Segment, events)}
		latest := s.Segment
		w.latest = &latest
		if state.KeyframeDue() {
			t.addKeyframe(w, s, &found)
		}
		return found
	})
	if w.begunMs == 0 {
		w.begunMs = s.StartMs
	}
	w.next = s.Seq + 1
	t.measure(w)
}

// mostLeftOut is how many keyframes in a row are left out: so many times as much
// is played in one go.
const mostLeftOut = 3

// LeaveOut says, while a keyframe is given out, whether one that takes so many
// bytes is not stored: it takes more than it spares a reader. The next one then
// spares more. None is left out after as many mutations as a reader should apply
// at most.
func (t *Tracker) LeaveOut(f Found, bytes int) bool {
	e := t.windows[keyOf(f.Keyframe.SegmentID)]
	if e == nil {
		return false
	}
	w := e.Value.(*window)
	w.keyframeBytes = int64(bytes)
	if int64(bytes) < f.KeyframeSpares || !w.mayLeaveOut() {
		w.leftOut, w.mutations = 0, 0
		return false
	}
	w.leftOut++
	w.apart += f.KeyframeSpares
	return true
}

// addKeyframe makes the keyframe that is due after s, unless it is known to be
// left out.
func (t *Tracker) addKeyframe(w *window, s recording.StoredSegment, f *Found) {
	w.mutations += w.state.Mutations()
	if w.wouldLeaveOut() {
		w.leftOut++
		w.state.PassKeyframe()
		return
	}
	f.KeyframeSpares, w.apart = w.apart, 0
	content, page, ok := w.state.AppendKeyframe(t.content[:0])
	if !ok || len(content) > recording.MaxSegmentBytes {
		return
	}
	if cap(content) <= maxKept {
		t.content = content
	}
	f.KeyframeEvents, f.KeyframeURL = content, s.Origin.URL
	f.Keyframe = &recording.Keyframe{
		SegmentID: s.SegmentID, Page: page, TimestampMs: s.EndMs, ClockOffsetMs: s.ClockOffsetMs, RawBytes: len(content),
	}
}

func (t *Tracker) finish(w *window) {
	w.finished = true
	t.guard(w, func() Found { return Found{Findings: w.state.Finish()} })
	t.measure(w)
}

// guard calls f and gives out what it found. Events are strangers' data: when f
// panics, the window goes on without a document until the next full snapshot.
func (t *Tracker) guard(w *window, f func() Found) {
	defer func() {
		if value := recover(); value != nil {
			t.stats.Panics++
			t.Log.Error("a window cannot be followed", "session", w.session, "seq", w.next, "panic", value, "stack", string(debug.Stack()))
			w.state = moments.NewWindow(moments.WindowOptions{Styles: t.styles})
		}
	}()
	found := f()
	if len(found.Moments) > 0 || len(found.Texts) > 0 || found.Keyframe != nil {
		indexing.BoundMoments(w.latest, found.Moments)
		indexing.BoundTexts(w.latest, found.Texts)
		t.emit(w, found)
	}
}

// emit gives out what was found, in parts of which each belongs to segments that
// were received at the same time.
func (t *Tracker) emit(w *window, found Found) {
	if t.caught != nil {
		for _, m := range found.Moments {
			t.caught[idOf(m)] = struct{}{}
		}
	}
	found.Project, found.Class, found.ReceivedMs = w.project, w.class, w.latest.ReceivedMs
	parts := map[int64]*Found{found.ReceivedMs: &found}
	part := func(m recording.Moment) *Found {
		ms, known := w.received[m.Seq]
		if !known {
			ms = found.ReceivedMs
		}
		if parts[ms] == nil {
			parts[ms] = &Found{Project: w.project, Class: w.class, ReceivedMs: ms}
		}
		return parts[ms]
	}
	all, withdrawn := found.Moments, found.Withdrawn
	found.Moments, found.Withdrawn = nil, nil
	for _, m := range all {
		to := part(m)
		to.Moments = append(to.Moments, m)
	}
	for _, m := range withdrawn {
		to := part(m)
		to.Withdrawn = append(to.Withdrawn, m)
	}
	for _, ms := range slices.Sorted(maps.Keys(parts)) {
		t.Emit(*parts[ms])
	}
}

func (t *Tracker) measure(w *window) {
	t.bytes -= w.size
	w.size = 0
	if w.state != nil {
		w.size = w.state.Size()
	}
	t.bytes += w.size
}
