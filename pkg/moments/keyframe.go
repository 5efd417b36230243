package moments

import "github.com/playhead/playhead/pkg/recording"

// KeyframeDue reports whether a keyframe is worth storing: the last one, or the
// last full snapshot, is 30 s of activity or 2000 mutations ago, or segments
// were missing and the document is whole again.
func (w *Window) KeyframeDue() bool {
	return w.whole() && w.keyframes.due()
}

// Mutations returns how many mutation events there were since the last full
// snapshot or keyframe.
func (w *Window) Mutations() int { return w.keyframes.mutations }

// AppendKeyframe appends events, one a line, that make the document as it
// stands after the last applied segment, with the time of that segment's last
// event. ok is false, and nothing is appended, when the document is not whole.
func (w *Window) AppendKeyframe(dst []byte) (ndjson []byte, page recording.PageID, ok bool) {
	if !w.whole() {
		return dst, "", false
	}
	length := len(dst)
	dst = w.document.AppendKeyframe(dst, w.place.rawMs)
	if len(dst) == length {
		return dst, "", false
	}
	w.PassKeyframe()
	return dst, w.page, true
}

// PassKeyframe does without the keyframe that is due: the next one is due as if
// it had been made.
func (w *Window) PassKeyframe() {
	w.keyframes.restart()
	w.keyframes.wanted = false
}

// KeyframeMutations and keyframeActiveMs say when a keyframe is due. Both
// numbers are those of the product's design: applying 2000 mutations takes a
// browser about as long as one frame of seeking may.
const (
	KeyframeMutations = 2000
	keyframeActiveMs  = 30_000
)

// keyframeClock counts what happened since the last keyframe or full snapshot.
type keyframeClock struct {
	wanted    bool  // whatever the counts
	mutations int   // mutation events
	activeMs  int64 // seconds with events
	second    int64 // the last of them
}

func (k *keyframeClock) restart() {
	k.mutations, k.activeMs = 0, 0
}

func (k *keyframeClock) at(timestampMs int64) {
	if second := timestampMs / 1000; second != k.second {
		k.second = second
		k.activeMs += 1000
	}
}

func (k *keyframeClock) due() bool {
	return k.wanted || k.activeMs >= keyframeActiveMs || k.mutations >= KeyframeMutations
}
