package traffic

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/playhead/playhead/pkg/recording"
)

// SegmentID identifies a segment within the project that was sent to.
type SegmentID struct {
	Session recording.SessionID
	Window  recording.WindowID
	Seq     uint32
}

func (id SegmentID) String() string {
	return fmt.Sprintf("%s/%s/%d", id.Session, id.Window, id.Seq)
}

// Stored is a segment that was found in a store.
type Stored struct {
	SegmentID
	Sum [sha256.Size]byte // of its events
}

// Sum is the checksum that Acknowledgements compare.
func Sum(ndjson []byte) [sha256.Size]byte { return sha256.Sum256(ndjson) }

// Acknowledgements remember every segment that a server said it keeps. They
// are safe for concurrent use; the zero value is empty.
type Acknowledgements struct {
	mu   sync.Mutex
	sums map[SegmentID][sha256.Size]byte
}

// Add remembers a segment; a repeat changes nothing.
func (a *Acknowledgements) Add(id SegmentID, sum [sha256.Size]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sums == nil {
		a.sums = map[SegmentID][sha256.Size]byte{}
	}
	if _, known := a.sums[id]; !known {
		a.sums[id] = sum
	}
}

// Len is the number of segments.
func (a *Acknowledgements) Len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sums)
}

func (a *Acknowledgements) sum(id SegmentID) ([sha256.Size]byte, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	sum, known := a.sums[id]
	return sum, known
}

// All returns every segment, ordered by session, window and seq.
func (a *Acknowledgements) All() []Stored {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]Stored, 0, len(a.sums))
	for id, sum := range a.sums {
		all = append(all, Stored{SegmentID: id, Sum: sum})
	}
	slices.SortFunc(all, func(x, y Stored) int {
		return cmp.Or(cmp.Compare(x.Session, y.Session), cmp.Compare(x.Window, y.Window), cmp.Compare(x.Seq, y.Seq))
	})
	return all
}

// Difference is what acknowledgements and stores disagree about. Segments that
// are stored but were not acknowledged are no difference: an answer can get
// lost.
type Difference struct {
	Lost       []SegmentID // acknowledged and not stored
	Duplicated []SegmentID // stored more than once, acknowledged or not
	Changed    []SegmentID // acknowledged, and stored with other events
	// Unacknowledged counts the distinct segments that are stored and were
	// never acknowledged.
	Unacknowledged int
}

// Compare holds what is stored against what was acknowledged. Scrubbing
// changes events, so it must have found nothing, or be off, for Changed to
// mean anything.
func (a *Acknowledgements) Compare(stored iter.Seq[Stored]) Difference {
	var d Difference
	found := map[SegmentID]int{}
	changed := map[SegmentID]bool{}
	for s := range stored {
		found[s.SegmentID]++
		if found[s.SegmentID] == 2 {
			d.Duplicated = append(d.Duplicated, s.SegmentID)
		}
		sum, acknowledged := a.sum(s.SegmentID)
		if !acknowledged && found[s.SegmentID] == 1 {
			d.Unacknowledged++
		}
		if acknowledged && sum != s.Sum && !changed[s.SegmentID] {
			changed[s.SegmentID] = true
			d.Changed = append(d.Changed, s.SegmentID)
		}
	}
	for _, acknowledged := range a.All() {
		if found[acknowledged.SegmentID] == 0 {
			d.Lost = append(d.Lost, acknowledged.SegmentID)
		}
	}
	return d
}
