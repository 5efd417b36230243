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
}

func (s *identities) remove(id journal.Identity) {
	alike := &s.byBits[bitsOf(id)]
	i := slices.Index(*alike, id)
	if i < 0 {
		return
	}
	last := len(*alike) - 1
	(*alike)[i] = (*alike)[last]
	*alike = (*alike)[:last]
	if cap(*alike) > 4*last+16 {
		*alike = slices.Clone(*alike)
	}
}
