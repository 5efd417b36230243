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

// window is what is remembered of one.
type window struct {
	key
	class  recording.Class
	state  *moments.Window   // nil: to be rebuilt
	size   int               // of state
	latest recording.Segment // that state has
	next   uint32            // the first segment whose findings are not out
	holes  []span            // below next: declared missing

	behind   bool // stored segments from next on have to be read
	since    time.Time
	due      time.Time
	last     time.Time // that something came
	finished bool      // nothing came since Finish
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

// restart forgets what is known, so that all is read again.
func (w *window) restart() {
	w.state, w.next, w.holes = nil, 0, nil
}
