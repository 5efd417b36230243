package moments

import (
	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb"
)

// WindowOptions bound what a Window holds. Zero values are the defaults.
type WindowOptions struct {
	Limits dom.Limits
}

// Findings are what a Window found.
type Findings struct {
	// Moments are in the order of their segments, events and parts. One with the
	// identity of an earlier one replaces it.
	Moments []recording.Moment
	Texts   []recording.SeenText
}

// Window follows one browser tab: it applies its segments to a document and
// finds what a single segment does not tell. The same segments in the same
// order give the same findings.
//
// It is not safe for concurrent use.
type Window struct {
	document *dom.Document

	segment recording.SegmentID // the last one that was applied
	page    recording.PageID
	rawMs   int64 // of the last applied event that has a time, as the event says it
	lost    bool  // segments are missing, and no full snapshot came since

	keyframe keyframeClock
}

// NewWindow returns a Window to which nothing was applied.
func NewWindow(o WindowOptions) *Window {
	return &Window{document: dom.New(o.Limits)}
}

// Apply applies a segment and returns all its moments: those of Derive, with
// what the document knows of them, and those that were found on the way, which
// may belong to earlier segments. Segments come in the order of their seq, and
// s is as Derive filled it; it is not changed. ndjson is not kept.
func (w *Window) Apply(s *recording.Segment, ndjson []byte) Findings {
	segment := *s
	found := Derive(&segment, ndjson)
	w.segment, w.page = s.SegmentID, s.Page
	for _, line := range rrweb.Lines(ndjson) {
		event, err := rrweb.Scan(line, maxDepth)
		if err != nil {
			continue // Derive skips it too
		}
		w.rawMs = event.TimestampMs
		w.apply(event, line)
	}
	return Findings{Moments: found}
}

// apply applies one event to the document. What the document cannot take
// leaves it incomplete, which it says itself.
func (w *Window) apply(event rrweb.Event, line []byte) {
	err := w.document.Apply(line)
	switch event.Type {
	case rrweb.TypeFullSnapshot:
		if err == nil {
			w.lost = false
			w.keyframe.restart()
		}
	case rrweb.TypeIncremental:
		if event.Source == rrweb.SourceMutation {
			w.keyframe.mutations++
		}
	}
	w.keyframe.at(event.TimestampMs)
}

// Gap says that the segments before next are missing: what the document shows
// is not known until the next full snapshot. nowMs is the server time at which
// that was decided.
func (w *Window) Gap(next recording.SegmentID, nowMs int64) Findings {
	w.lost = true
	w.keyframe.wanted = true
	return Findings{Moments: []recording.Moment{{
		SegmentID:   next,
		Part:        partGap,
		Page:        w.page,
		TimestampMs: nowMs,
		Kind:        recording.KindGap,
	}}}
}

// Finish decides what still waits for later events: none come.
func (w *Window) Finish() Findings {
	return Findings{}
}

// Size estimates the bytes of memory that the window holds.
func (w *Window) Size() int {
	return w.document.Size()
}

// whole reports whether the document is what the page showed.
func (w *Window) whole() bool { return w.document.Ready() && !w.lost }

// KeyframeDue reports whether a keyframe is worth storing: the last one, or the
// last full snapshot, is 30 s of activity or 2000 mutations ago, or segments
// were missing and the document is whole again.
func (w *Window) KeyframeDue() bool {
	return w.whole() && w.keyframe.due()
}

// AppendKeyframe appends events, one a line, that make the document as it
// stands after the last applied segment, with the time of that segment's last
// event. ok is false, and nothing is appended, when the document is not whole.
func (w *Window) AppendKeyframe(dst []byte) (ndjson []byte, page recording.PageID, ok bool) {
	if !w.whole() {
		return dst, recording.PageID(""), false
	}
	length := len(dst)
	dst = w.document.AppendKeyframe(dst, w.rawMs)
	if len(dst) == length {
		return dst, recording.PageID(""), false
	}
	w.keyframe.restart()
	return dst, w.page, true
}

// When a keyframe is due. Both numbers are those of the product's design:
// applying 2000 mutations takes a browser about as long as one frame of
// seeking may.
const (
	keyframeActiveMs  = 30_000
	keyframeMutations = 2000
)

// keyframeClock counts what happened since the last keyframe or full snapshot.
type keyframeClock struct {
	wanted    bool  // whatever the counts
	mutations int   // mutation events
	activeMs  int64 // seconds with events
	second    int64 // the last of them
}

func (k *keyframeClock) restart() {
	*k = keyframeClock{second: k.second}
}

func (k *keyframeClock) at(timestampMs int64) {
	if second := timestampMs / 1000; second != k.second {
		k.second = second
		k.activeMs += 1000
	}
}

func (k *keyframeClock) due() bool {
	return k.wanted || k.activeMs >= keyframeActiveMs || k.mutations >= keyframeMutations
}
