package ingest

import (
	"math/bits"
	"sync"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	// rememberedWindows bounds the windows that are remembered; one takes
	// about 100 bytes. A forgotten window begins anew.
	rememberedWindows = 1 << 16

	// clockJumpMs is more than the transfer of a request can take (the server
	// gives a whole request 30 s), so that a sample this much above the
	// smallest means that the sender's clock was set back.
	clockJumpMs = 60_000

	// holeMs is how long a missing segment is waited for: recorders send one
	// segment at a time, so that only a retry can bring it later.
	holeMs = 30_000
)

// windows remembers of each window, as far as this server has seen it, how its
// clock differs from ours and which segment comes next.
type windows struct {
	mu    sync.Mutex
	known *generations[window]
}

type window struct {
	offsetMs int64
	clocked  bool // offsetMs is valid

	followed    bool // the fields below are valid
	healed      bool // a full snapshot came after the missing segment
	next        uint32
	ahead       uint64 // bit i: segment next+1+i has arrived
	holeSinceMs int64  // when the first of them did
}

func newWindows() *windows { return &windows{known: newGenerations[window](rememberedWindows)} }

// change lets f change what is known of the window of a segment.
func (w *windows) change(id recording.SegmentID, f func(*window)) {
	id.Seq = 0
	key := journal.IdentityOf(id)
	w.mu.Lock()
	defer w.mu.Unlock()
	known, _ := w.known.get(key)
	f(&known)
	w.known.put(key, known)
}

// offset adds a sample, received minus sent in ms, and returns what to add to
// the window's clock to get ours. The network only makes a sample larger, so
// the smallest is the best.
func (w *windows) offset(id recording.SegmentID, sampleMs int64) (offsetMs int64) {
	w.change(id, func(known *window) {
		if !known.clocked || sampleMs < known.offsetMs || sampleMs > known.offsetMs+clockJumpMs {
			known.offsetMs, known.clocked = sampleMs, true
		}
		offsetMs = known.offsetMs
	})
	return offsetMs
}

// follow notes that a segment has arrived. gap is true, once, when segments
// before it have been missing for holeMs; snapshot, when none that arrived
// since lets a player go on. A window that is new here begins with the segment
// that comes first: another server may have the ones before.
func (w *windows) follow(id recording.SegmentID, full bool, nowMs int64) (gap, snapshot bool) {
	w.change(id, func(known *window) {
		known.arrived(id.Seq, full, nowMs)
		if known.ahead != 0 && nowMs-known.holeSinceMs >= holeMs {
			gap, snapshot = true, !known.healed
			known.skip()
		}
	})
	return gap, snapshot
}

func (w *window) arrived(seq uint32, full bool, nowMs int64) {
	switch {
	case !w.followed:
		w.followed, w.next = true, seq+1
	case seq > w.next && seq-w.next > 64:
		// So many segments do not come in half a minute: they are missing.
		w.next, w.ahead, w.holeSinceMs, w.healed = seq-1, 1, nowMs-holeMs, full
	case seq == w.next:
		for w.next++; w.ahead&1 != 0; w.next++ {
			w.ahead >>= 1
		}
		w.ahead >>= 1
		w.holeSinceMs, w.healed = nowMs, false // of the next hole, if there is one
	case seq > w.next:
		if w.ahead == 0 {
			w.holeSinceMs, w.healed = nowMs, false
		}
		w.ahead |= 1 << (seq - w.next - 1)
		w.healed = w.healed || full
	}
}

// skip gives up what is missing.
func (w *window) skip() {
	w.next += 2 + uint32(63-bits.LeadingZeros64(w.ahead))
	w.ahead = 0
}
