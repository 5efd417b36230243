package ingest

import (
	"math"

	"github.com/playhead/playhead/pkg/ingest/journal"
)

const (
	// nearItems is how many segments wait as items. Those behind them are
	// places, which take a quarter of the memory: there may be a million of
	// them when the stores are away or more comes than can be encoded.
	nearItems = 1024

	// stretchPlaces is how many places become items at once.
	stretchPlaces = 512
)

// line holds the segments of a group that no encoder has taken, oldest first.
type line struct {
	near   []item
	far    []stretch // behind near, which is empty only when this is
	length int
}

// stretch is up to stretchPlaces segments that wait behind others.
type stretch struct {
	file, number uint64 // of the first
	sinceMs      int64  // of the first
	places       []place
}

// place is an item without what the journal says of it. What grows from one to
// the next is the difference to its stretch.
type place struct {
	file, offset, bytes    uint32
	number, since, address uint32
}

// first returns the oldest segment; nil when there is none.
func (l *line) first() *item {
	if len(l.near) == 0 {
		return nil
	}
	return &l.near[0]
}

// push adds a segment at the end. Where many wait, its events do not stay in
// memory.
func (l *line) push(it item) {
	l.length++
	if len(l.far) == 0 && len(l.near) < nearItems {
		l.near = append(l.near, it)
		return
	}
	if it.kept != nil {
		it.kept.release()
	}
	if len(l.far) == 0 || !l.far[len(l.far)-1].push(&it) {
		next := stretch{
			file: it.entry.File, number: it.number, sinceMs: it.sinceMs,
			places: make([]place, 0, stretchPlaces),
		}
		next.push(&it)
		l.far = append(l.far, next)
	}
}

// pop takes the oldest segment out; there must be one.
func (l *line) pop() item {
	it := l.near[0]
	l.near[0].kept = nil
	l.near = l.near[1:]
	l.length--
	if len(l.near) == 0 && len(l.far) > 0 {
		l.near = l.far[0].items()
		l.far[0] = stretch{}
		l.far = l.far[1:]
	}
	return it
}

// putBack puts segments before all others.
func (l *line) putBack(items []item) {
	l.length += len(items)
	l.near = append(items, l.near...)
}

// push adds a segment; false when the stretch is full, or the segment too far
// from its first.
func (s *stretch) push(it *item) bool {
	file, number, since := it.entry.File-s.file, it.number-s.number, uint64(it.sinceMs-s.sinceMs) //nolint:gosec // a clock that was set back makes it too large
	if len(s.places) == cap(s.places) || file|number|since > math.MaxUint32 {
		return false
	}
	s.places = append(s.places, place{
		file: uint32(file), offset: it.entry.Offset, bytes: it.entry.Bytes,
		number: uint32(number), since: uint32(since), address: it.address,
	})
	return true
}

// items returns what was pushed, but for its identity.
func (s *stretch) items() []item {
	items := make([]item, len(s.places))
	for i, p := range s.places {
		items[i] = item{
			entry: journal.Entry{
				Position: journal.Position{File: s.file + uint64(p.file), Offset: p.offset},
				Bytes:    p.bytes,
			},
			number:  s.number + uint64(p.number),
			sinceMs: s.sinceMs + int64(p.since),
			address: p.address,
		}
	}
	return items
}
