package ingest

import (
	"container/list"
	"runtime"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

const (
	// basesBytes bounds the memory of bases. It is for sites with few visitors
	// at a time: a site with many has a dictionary soon, which is better.
	basesBytes = 12 << 20

	// A frame made with care, and above all one with a base, takes some
	// milliseconds of processor time, many times a plain one. They may take a
	// tenth of a core, and two seconds at once.
	careShare = 0.1
	careMost  = 2 * time.Second

	// baseWait is how long a base may be on its way to the stores before
	// another takes its place.
	baseWait = time.Minute
)

// bases remembers one stored segment with a full snapshot for each window of
// late, whose content is the dictionary of the window's later segments and
// keyframes, after that of their site: a quarter less is stored of a session.
//
// Only what is stored is used, and its own frame needs nothing but a dictionary
// of its site, so that a frame with a base can be read wherever it lies and
// whatever becomes of the journal. It is safe for concurrent use.
type bases struct {
	now  func() time.Time
	used func() time.Duration // processor time of the calling thread

	mu       sync.Mutex
	byWindow map[baseWindow]*list.Element // of *base
	recent   *list.List                   // most recently used first
	bytes    int
	care     time.Duration // that may be taken now
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
	frame   recording.DictionaryID // that its own frame was made with
	content *segment.Dictionary
	stored  recording.Base // without Object: not stored yet
}

// with says what a frame was made with.
type with struct {
	dictionary recording.DictionaryID
	base       recording.Base
}

func newBases(now func() time.Time, used func() time.Duration) *bases {
	return &bases{now: now, used: used, byWindow: map[baseWindow]*list.Element{}, recent: list.New(), care: careMost, at: now()}
}

func windowOf(id recording.SegmentID) baseWindow {
	return baseWindow{id.Project, id.Session, id.Window}
}

// encode appends the frame of a segment or keyframe to dst: with the base of its
// window or else with the dictionary of its site, nil for none, and with as
// much care as there is time for.
func (b *bases) encode(dst []byte, id recording.SegmentID, events []byte, site *segment.Dictionary, fast bool) ([]byte, with) {
	if fast {
		return segment.Encode(dst, events, segment.EncodeOptions{Dictionary: site, Fast: true}), with{dictionary: nameOf(site)}
	}
	if b.allowance(b.now()) <= 0 {
		return segment.Encode(dst, events, segment.EncodeOptions{Dictionary: site, Fast: site != nil}), with{dictionary: nameOf(site)}
	}
	options, w := segment.EncodeOptions{Dictionary: site}, with{dictionary: nameOf(site)}
	if content, at := b.take(id); content != nil {
		options.Dictionary, w = content, with{content.ID(), at}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := b.used()
	dst = segment.Encode(dst, events, options)
	b.took(b.used() - begin)
	return dst, w
}

func nameOf(d *segment.Dictionary) recording.DictionaryID {
	if d == nil {
		return ""
	}
	return d.ID()
}

// take returns the base for a segment and where it is stored; nil when there is
// none.
func (b *bases) take(id recording.SegmentID) (*segment.Dictionary, recording.Base) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.byWindow[windowOf(id)]
	if e == nil || e.Value.(*base).stored.Object == "" {
		return nil, recording.Base{}
	}
	b.recent.MoveToFront(e)
	found := e.Value.(*base)
	return found.content, found.stored
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

// allowance is how much care may be taken now.
func (b *bases) allowance(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.at); passed > 0 {
		b.care = min(careMost, b.care+time.Duration(float64(passed)*careShare))
		b.at = now
	}
	return b.care
}

// took says how much processor time a frame made with care took.
func (b *bases) took(used time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.care -= used
}

// offer takes a segment, whose frame was made with the dictionary of its site
// or without one, for the base of its window, which it is from stored on.
func (b *bases) offer(seg *recording.Segment, events []byte, site *segment.Dictionary) {
	if len(seg.FullSnapshots) == 0 || len(events) > segment.MaxBaseBytes || !b.wanted(seg.SegmentID) {
		return
	}
	content, err := segment.NewBase(site, events)
	if err != nil {
		return // too short to be of use
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	window := windowOf(seg.SegmentID)
	b.drop(b.byWindow[window])
	b.byWindow[window] = b.recent.PushFront(&base{window: window, seq: seg.Seq, since: b.now(), frame: nameOf(site), content: content})
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

// forget drops all bases: their windows have none until their next full snapshot.
func (b *bases) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.byWindow)
	b.recent.Init()
	b.bytes = 0
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
		if e == nil || s.Base.Object != "" {
			continue
		}
		if known := e.Value.(*base); known.seq == s.Seq && known.frame == s.Dictionary {
			known.stored = recording.Base{Location: s.Location, RawBytes: s.RawBytes, Dictionary: s.Dictionary}
		}
	}
}
