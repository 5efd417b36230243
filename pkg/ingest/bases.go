package ingest

import (
	"container/list"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

const (
	// basesBytes bounds the memory of bases. It is for sites with few visitors
	// at a time: a site with many has a dictionary soon, which is better.
	basesBytes = 16 << 20

	// A frame with a base, and one made with care with a dictionary, takes some
	// milliseconds of processor time, many times a plain one: 20 a second, which
	// is a hundred windows that send every five seconds, are a few per cent of a
	// core.
	basedPerSecond = 20
	basedAtOnce    = 100

	// baseWait is how long a base may be on its way to the stores before
	// another takes its place.
	baseWait = time.Minute
)

// bases remembers one stored segment with a full snapshot for each window of
// late, whose content is the dictionary of the window's later segments as long
// as their site has none: a quarter less is stored of a session.
//
// Only what is stored is used, and its own frame needs nothing else, so that
// a frame with a base can be read wherever it lies and whatever becomes of the
// journal. It is safe for concurrent use.
type bases struct {
	now func() time.Time

	mu       sync.Mutex
	byWindow map[baseWindow]*list.Element // of *base
	recent   *list.List                   // most recently used first
	bytes    int
	tokens   float64
	at       time.Time
}

type baseWindow struct {
	project recording.ProjectID
	session recording.SessionID
	window  recording.WindowID
}

type base struct {
	window  baseWindow
	seq     uint32
	since   time.Time
	content *segment.Dictionary
	stored  recording.Base // without Object: not stored yet
}

func newBases(now func() time.Time) *bases {
	return &bases{now: now, byWindow: map[baseWindow]*list.Element{}, recent: list.New(), tokens: basedAtOnce, at: now()}
}

func windowOf(id recording.SegmentID) baseWindow {
	return baseWindow{id.Project, id.Session, id.Window}
}

// take returns the base for a segment and where it is stored; nil when there is
// none, or when too many were taken lately.
func (b *bases) take(id recording.SegmentID) (*segment.Dictionary, recording.Base) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.byWindow[windowOf(id)]
	if e == nil || e.Value.(*base).stored.Object == "" || !b.spend() {
		return nil, recording.Base{}
	}
	b.recent.MoveToFront(e)
	found := e.Value.(*base)
	return found.content, found.stored
}

// allow says whether there is time for a frame that takes as long as one with a
// base.
func (b *bases) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spend()
}

// known returns the base that a segment's frame was made with, if it is at hand.
func (b *bases) known(s recording.StoredSegment) *segment.Dictionary {
	if s.Base.Object == "" {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.byWindow[windowOf(s.SegmentID)]
	if e == nil || e.Value.(*base).stored != s.Base {
		return nil
	}
	return e.Value.(*base).content
}

// spend takes a token; b.mu is held.
func (b *bases) spend() bool {
	now := b.now()
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(basedAtOnce, b.tokens+passed.Seconds()*basedPerSecond)
		b.at = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// offer takes a segment, whose frame was made without a dictionary, for the
// base of its window, which it is from stored on.
func (b *bases) offer(seg *recording.Segment, events []byte) {
	if len(seg.FullSnapshots) == 0 || len(events) > segment.MaxDictionaryBytes || !b.wanted(seg.SegmentID) {
		return
	}
	content, err := segment.NewDictionary(events)
	if err != nil {
		return // too short to be of use
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	window := windowOf(seg.SegmentID)
	b.drop(b.byWindow[window])
	b.byWindow[window] = b.recent.PushFront(&base{window: window, seq: seg.Seq, since: b.now(), content: content})
	for b.bytes += content.Size(); b.bytes > basesBytes; {
		b.drop(b.recent.Back())
	}
}

// wanted says whether a window has no base, and none that is on its way.
func (b *bases) wanted(id recording.SegmentID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.byWindow[windowOf(id)]
	if e == nil {
		return true
	}
	known := e.Value.(*base)
	return known.stored.Object == "" && b.now().Sub(known.since) > baseWait
}

func (b *bases) drop(e *list.Element) {
	if e == nil {
		return
	}
	old := b.recent.Remove(e).(*base)
	delete(b.byWindow, old.window)
	b.bytes -= old.content.Size()
}

// stored says that segments are in a pack that is stored and indexed.
func (b *bases) stored(segments []recording.StoredSegment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range segments {
		e := b.byWindow[windowOf(s.SegmentID)]
		if e == nil || s.Dictionary != "" {
			continue
		}
		if known := e.Value.(*base); known.seq == s.Seq {
			known.stored = recording.Base{Location: s.Location, RawBytes: s.RawBytes}
		}
	}
}
