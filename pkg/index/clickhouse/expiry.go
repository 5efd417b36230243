package clickhouse

import (
	"math"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// never is the last time that a DateTime column holds, in 2106.
var never = time.Unix(math.MaxUint32, 0).UTC()

// expiry is when the rows of a segment may go: the first midnight (UTC) after
// they have been kept as long as their class is. All that a server received on
// one day expires at once, so that the database can remove whole files.
func (x *Index) expiry(class recording.Class, receivedMs int64) time.Time {
	kept, limited := x.cfg.Retention[class]
	if !limited {
		return never
	}
	const day = 24 * time.Hour
	at := timeOf(receivedMs).UTC().Add(kept).Truncate(day).Add(day)
	if at.After(never) {
		return never
	}
	return at
}

// expiries say when what a batch holds may go.
type expiries struct {
	segments map[recording.SegmentID]time.Time
	sessions map[recording.SessionID]time.Time // the last of their segments'
	others   time.Time                         // of what belongs to segments of other batches; zero: none may

	received map[recording.SegmentID]int64
	newest   int64 // when the segments of other batches were
}

func (x *Index) expiriesOf(b index.Batch) expiries {
	e := expiries{
		segments: make(map[recording.SegmentID]time.Time, len(b.Segments)),
		sessions: make(map[recording.SessionID]time.Time),
		received: make(map[recording.SegmentID]int64, len(b.Segments)),
	}
	for _, s := range b.Segments {
		at := x.expiry(s.Class, s.ReceivedMs)
		e.segments[s.SegmentID] = at
		if at.After(e.sessions[s.Session]) {
			e.sessions[s.Session] = at
		}
		e.received[s.SegmentID] = s.ReceivedMs
		e.newest = max(e.newest, s.ReceivedMs)
	}
	if b.ReceivedMs != 0 {
		e.newest = b.ReceivedMs
	}
	if e.newest == 0 {
		e.newest = x.now().UnixMilli()
	}
	if b.Class != "" {
		e.others = x.expiry(b.Class, e.newest)
	}
	return e
}

// receivedWith is when the segment of a moment was received.
func (e expiries) receivedWith(id recording.SegmentID) int64 {
	if ms, here := e.received[id]; here {
		return ms
	}
	return e.newest
}

// of is the expiry of what belongs to a segment.
func (e expiries) of(id recording.SegmentID) time.Time {
	if at, here := e.segments[id]; here {
		return at
	}
	return e.others
}

// ofSession is the expiry of text that was seen in a session.
func (e expiries) ofSession(id recording.SessionID) time.Time {
	if at, here := e.sessions[id]; here {
		return at
	}
	return e.others
}
