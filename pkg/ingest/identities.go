package ingest

import (
	"encoding/binary"
	"slices"

	"github.com/playhead/playhead/pkg/ingest/journal"
)

// identities is a set that may have a million members, which take 16 bytes each
// and an eighth of that; a map takes two to three times as much. To look through
// the members whose first bits are the same takes a fraction of a microsecond.
// Its zero value is empty. It is not safe for concurrent use.
type identities struct {
	byBits [1 << identityBits][]journal.Identity // in no order
	length int
}

const identityBits = 12

func bitsOf(id journal.Identity) uint16 {
	return binary.BigEndian.Uint16(id[:]) >> (16 - identityBits)
}

func (s *identities) has(id journal.Identity) bool {
	return slices.Contains(s.byBits[bitsOf(id)], id)
}

func (s *identities) add(id journal.Identity) {
	alike := &s.byBits[bitsOf(id)]
	if slices.Contains(*alike, id) {
		return
	}
	if n := len(*alike); n == cap(*alike) {
		*alike = append(make([]journal.Identity, 0, n+n/8+4), *alike...)
	}
	*alike = append(*alike, id)
	s.length++
}

func (s *identities) remove(id journal.Identity) {
	alike := &s.byBits[bitsOf(id)]
	i := slices.Index(*alike, id)
	if i < 0 {
		return
	}
	s.length--
	last := len(*alike) - 1
	(*alike)[i] = (*alike)[last]
	*alike = (*alike)[:last]
	if cap(*alike) > 4*last+16 {
		*alike = slices.Clone(*alike)
	}
}

// lately is a set that forgets what was neither added nor asked for of late: it
// keeps between half of its capacity and all of it. It is not safe for concurrent
// use.
type lately struct {
	capacity   int
	young, old *identities
}

func newLately(capacity int) *lately {
	return &lately{capacity: capacity, young: &identities{}, old: &identities{}}
}

func (l *lately) has(id journal.Identity) bool {
	if l.young.has(id) {
		return true
	}
	if !l.old.has(id) {
		return false
	}
	l.add(id)
	return true
}

func (l *lately) add(id journal.Identity) {
	if l.young.length >= l.capacity/2 && !l.young.has(id) {
		l.young, l.old = &identities{}, l.young
	}
	l.young.add(id)
}
