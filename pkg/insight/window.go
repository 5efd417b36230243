package insight

import (
	"time"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
)

// key names a window.
type key struct {
	project recording.ProjectID
	session recording.SessionID
	id      recording.WindowID
}

func keyOf(id recording.SegmentID) key { return key{id.Project, id.Session, id.Window} }

// span is a stretch of missing segments, both ends included.
type span struct{ from, to uint32 }

// noSegment is what windows that never had a state had last: there may be
// thousands of them.
var noSegment recording.Segment

// window is what is remembered of one.
type window struct {
	key
	class   recording.Class
	state   *moments.Window    // nil: nothing is known of it, and next is 0
	size    int                // of state
	begunMs int64              // of the first segment that state has
	latest  *recording.Segment // that a state had; noSegment: none
	next    uint32             // the first segment that state does not have
	holes   []span             // below next: declared missing

	apart   int64 // bytes of frames since the last full snapshot or keyframe
	leftOut int   // keyframes since then

	// keyframeBytes is about what the frame of a keyframe takes, as far as can be
	// told from what was stored: the one before took that, or the segment with the
	// full snapshot. 0: unknown.
	keyframeBytes int64
	based         bool // the latest segment's frame has a base, as that of a keyframe then has

	mutations int // events of mutations since then, up to the last keyframe that was due

	received map[uint32]int64 // when the segments below next were, by seq

	came    uint32                    // the segment after those that Follow got
	alone   bool                      // Follow got all segments there are, as far as can be known, in their order
	awaited []recording.StoredSegment // that Follow got and state does not have, when alone

	behind   bool      // stored segments from next on have to be read
	due      time.Time // at the latest, see dueAt
	last     time.Time // that something came
	finished bool      // state was told that no more comes
}

// dueAt returns when stored segments are to be read. A window that has gone
// quiet before it was ever read has most likely ended: it is not read twice then.
func (w *window) dueAt() time.Time {
	whole := len(w.awaited) > 0 && w.awaited[0].Seq == 0
	if ended := w.last.Add(quiet); whole && ended.Before(w.due) {
		return ended
	}
	return w.due
}

// joins notes that Follow got a segment.
func (w *window) joins(s recording.StoredSegment) {
	switch {
	case s.Seq == w.came:
		w.came++
	case s.Seq > w.came:
		w.alone, w.came = false, s.Seq+1
	}
}

// pauses reports whether nothing happened for long before s.
func (w *window) pauses(s recording.StoredSegment) bool {
	return s.StartMs-w.latest.EndMs >= pause.Milliseconds()
}

// endedTooSoon reports whether the window was told that no more comes, and now
// s does: its upload was slow, or the server was stopping.
func (w *window) endedTooSoon(s recording.StoredSegment) bool {
	return w.state != nil && w.finished && !w.pauses(s)
}

// missed reports whether a segment was declared missing.
func (w *window) missed(seq uint32) bool {
	for _, h := range w.holes {
		if h.from <= seq && seq <= h.to {
			return true
		}
	}
	return false
}

// skip declares the segments from next to before seq missing.
func (w *window) skip(seq uint32) {
	if len(w.holes) == maxHoles {
		w.holes = w.holes[1:] // should one of them come, it is not looked at
	}
	w.holes = append(w.holes, span{w.next, seq - 1})
	w.next = seq
}

// lies notes where the frame of a segment lies.
func (w *window) lies(s recording.StoredSegment) {
	if based := s.Base.Object != ""; based != w.based {
		w.keyframeBytes, w.based = 0, based
	}
	if w.apart += s.Length; len(s.FullSnapshots) > 0 {
		w.apart, w.leftOut, w.mutations, w.keyframeBytes = 0, 0, 0, s.Length
	}
}

// mayLeaveOut reports whether a keyframe need not be stored.
func (w *window) mayLeaveOut() bool {
	return w.leftOut < mostLeftOut && w.mutations < moments.KeyframeMutations
}

// wouldLeaveOut reports whether a keyframe is going to be left out, as far as can
// be told without making it, which is most of the work. It is made in case of
// doubt.
func (w *window) wouldLeaveOut() bool {
	return w.mayLeaveOut() && w.apart < w.keyframeBytes/4*3
}

// restart forgets what is known, so that all is read again.
func (w *window) restart() {
	w.state, w.next, w.holes, w.begunMs, w.finished = nil, 0, nil, 0, false
	w.apart, w.leftOut, w.mutations, w.keyframeBytes, w.based = 0, 0, 0, 0, false
	clear(w.received)
}
