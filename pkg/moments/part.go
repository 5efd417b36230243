package moments

import (
	"slices"

	"github.com/playhead/playhead/pkg/recording"
)

// The parts of derived moments. Those of which several can begin at one event
// are numbered from here.
const (
	partGap            = 1
	partSubmit         = 2
	partInput          = 3
	partScroll         = 4
	partDropped        = 5
	partStopped        = 6
	partSignal         = 10 // plus the signal's place in signals
	partAppeared       = 100
	partVanished       = 200
	partVanishedSignal = 300
)

// signals number the signals; their order must not change, as it is part of
// the identity of stored rows.
var signals = []string{
	recording.SignalRageClick, recording.SignalDeadClick, recording.SignalErrorClick, recording.SignalDoubleSubmit,
	recording.SignalVanishedMessage, recording.SignalValidationError, recording.SignalFormAbandoned,
	recording.SignalFailedRequest, recording.SignalSlowRequest, recording.SignalFrozenPage,
	recording.SignalLayoutThrash, recording.SignalThrashedCursor, recording.SignalQuickBack, recording.SignalError,
	recording.SignalErrorLoop, recording.SignalBlankPage,
}

func partOfSignal(name string) int { return partSignal + slices.Index(signals, name) }

// place is where in a recording something began.
type place struct {
	id       recording.SegmentID
	event    int
	page     recording.PageID
	url      string // of the page
	rawMs    int64  // as events say it
	serverMs int64
}

// emit adds a derived moment that began at p.
func (w *Window) emit(p place, part int, m recording.Moment) {
	if m.Kind == recording.KindSignal {
		if w.counts.signals >= maxSignals {
			w.counts.dropped++
			return
		}
		w.counts.signals++
	} else if m.Kind != recording.KindGap {
		if w.counts.derived >= maxDerived {
			w.counts.dropped++
			return
		}
		w.counts.derived++
	}
	m.SegmentID, m.Event, m.Part, m.Page = p.id, p.event, part, p.page
	if m.TimestampMs == 0 {
		m.TimestampMs = p.serverMs
	}
	if m.URL == "" {
		m.URL = p.url
	}
	m.Text = cut(m.Text, maxStringBytes)
	m.Selector = cut(m.Selector, maxStringBytes)
	m.URL = cut(m.URL, maxURLBytes)
	m.DurationMs = min(max(m.DurationMs, 0), maxDurationMs)
	m.Attributes = present(m.Attributes)
	w.found.Moments = append(w.found.Moments, m)
}

// signal adds a signal that began at p.
func (w *Window) signal(p place, name string, m recording.Moment) {
	m.Kind, m.Name = recording.KindSignal, name
	w.emit(p, partOfSignal(name), m)
}

// drops says how many derived moments the bounds of the window cost.
func (w *Window) drops() {
	if w.counts.dropped == 0 {
		return
	}
	m := recording.Moment{
		SegmentID: w.place.id, Event: w.place.event, Part: partDropped, Page: w.place.page, TimestampMs: w.place.serverMs,
		Kind: recording.KindState, Name: DroppedState, Text: "window",
		Attributes: map[string]string{"count": decimal(float64(w.counts.dropped))},
	}
	w.found.Moments = append(w.found.Moments, m)
}

// counts are what a window found so far.
type counts struct {
	derived, signals, dropped int
}
