// Package moments derives what happened from the events of a segment: the
// rows of the timeline and the totals of the session.
//
// It reads events that were accepted already; it does not refuse, order or
// store them. docs/format/events.md says how each kind fills a moment.
package moments

import (
	"slices"

	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb"
)

// MaxMoments is the most moments of one segment, the notice about dropped ones
// included. A segment covers some seconds; more would drown the timeline.
const MaxMoments = 2000

// DroppedState is the name of the state moment that says how many moments of a
// segment were dropped, in its attribute "count".
const DroppedState = "moments_dropped"

// StoppedState is the name of the state moment that says that a page's document
// takes too much work to be asked about: from there on the page has no signals
// that need it, no seen text and no names of elements.
const StoppedState = "page_too_complex"

const (
	maxURLs = 100 // of a segment

	// maxDepth is beyond every limit of ingest: events that were accepted are
	// never too deep here.
	maxDepth = 10_000
)

// Derive reads the NDJSON events of one segment once, fills StartMs, EndMs,
// Events, RawBytes, FullSnapshots, Counts and URLs of s, and returns the
// segment's moments in the order of their events. ClockOffsetMs of s is set by
// the caller and is added to every time.
//
// The lines were accepted: mutations and full snapshots are not validated again.
// It never fails. Every line counts as an event, but one that is not an event
// adds nothing else, and neither does a payload that cannot be read. When no
// line has a time, StartMs and EndMs are ReceivedMs. What a recorder is known to
// do, by Origin, decides what rrweb's own clicks and further full snapshots of a
// page mean. Of more than MaxMoments
// moments, errors and requests stay first, then the earlier ones.
//
// The same input gives the same moments. It is safe for concurrent use on
// different segments.
func Derive(s *recording.Segment, ndjson []byte) []recording.Moment {
	return derive(s, ndjson, envelopeOf)
}

// derive is Derive with a function that sees the envelopes.
func derive(s *recording.Segment, ndjson []byte, scan func(line []byte) (rrweb.Event, error)) []recording.Moment {
	s.StartMs, s.EndMs = 0, 0
	s.Events, s.RawBytes = 0, len(ndjson)
	s.FullSnapshots, s.URLs, s.Counts = nil, nil, recording.Counts{}

	d := deriver{segment: s}
	timed := false
	for i, line := range rrweb.Lines(ndjson) {
		s.Events++
		event, err := scan(line)
		if err != nil {
			continue // ingest refuses such lines; one that came another way is kept but says little
		}
		at := event.TimestampMs + s.ClockOffsetMs
		if !timed {
			s.StartMs, s.EndMs, timed = at, at, true
		}
		s.StartMs, s.EndMs = min(s.StartMs, at), max(s.EndMs, at)
		d.event(i, at, event, line)
	}
	if !timed {
		s.StartMs, s.EndMs = s.ReceivedMs, s.ReceivedMs
	}
	slices.Sort(s.FullSnapshots)
	return d.moments()
}

// deriver collects the moments of one segment. Each of its lists is bounded,
// whatever the segment holds.
type deriver struct {
	segment     *recording.Segment
	preferred   list // errors and requests
	others      list
	plainClicks list // rrweb's own clicks, for recorders that do not describe them
}

type list struct {
	moments []recording.Moment // the first MaxMoments
	total   int
}

func (l *list) add(m recording.Moment) {
	l.total++
	if len(l.moments) < MaxMoments {
		l.moments = append(l.moments, m)
	}
}

// event takes the i-th event of the segment, which happened at the given
// server time.
func (d *deriver) event(i int, at int64, event rrweb.Event, line []byte) {
	switch event.Type {
	case rrweb.TypeFullSnapshot:
		d.segment.FullSnapshots = append(d.segment.FullSnapshots, at)
	case rrweb.TypeIncremental:
		if event.Interaction == rrweb.InteractionClick && !describesClicks(d.segment) {
			m := d.moment(i, at)
			m.Kind = recording.KindClick
			d.plainClicks.add(m)
		}
	case rrweb.TypeMeta:
		m := d.moment(i, at)
		switch {
		case !fillPageLoad(&m, rrweb.Data(line)):
		case beginsPage(d.segment, event.TimestampMs):
			d.count(&m)
		default:
			d.visit(m.URL)
		}
	case rrweb.TypeCustom, rrweb.TypePlugin:
		fill := fillers[event.Tag]
		if fill == nil {
			return
		}
		if m := d.moment(i, at); fill(&m, rrweb.Payload(line)) {
			d.count(&m)
		}
	}
}

// moment returns one of the i-th event.
func (d *deriver) moment(i int, at int64) recording.Moment {
	return recording.Moment{SegmentID: d.segment.SegmentID, Event: i, Page: d.segment.Page, TimestampMs: at}
}

// count adds a moment to the totals and to its list.
func (d *deriver) count(m *recording.Moment) {
	counts := &d.segment.Counts
	to := &d.others
	switch m.Kind {
	case recording.KindPageLoad:
		counts.Pages++
		d.visit(m.URL)
	case recording.KindNavigation:
		d.visit(m.URL)
	case recording.KindClick:
		counts.Clicks++
	case recording.KindRequest:
		counts.Requests++
		if m.Status == 0 || m.Status >= 400 {
			counts.FailedRequests++
		}
		to = &d.preferred
	case recording.KindError:
		counts.Errors++
		to = &d.preferred
	case recording.KindConsole:
		if m.Name == "error" {
			counts.Errors++
			to = &d.preferred
		}
	}
	to.add(*m)
}

func (d *deriver) visit(url string) {
	urls := d.segment.URLs
	if url != "" && len(urls) < maxURLs && !slices.Contains(urls, url) {
		d.segment.URLs = append(urls, url)
	}
}

// moments merges the lists.
func (d *deriver) moments() []recording.Moment {
	if d.segment.Counts.Clicks == 0 {
		d.segment.Counts.Clicks = d.plainClicks.total
		d.others.moments = append(d.others.moments, d.plainClicks.moments...)
		d.others.total += d.plainClicks.total
		sortByEvent(d.others.moments)
	}
	preferred, others := d.preferred.moments, d.others.moments
	total := d.preferred.total + d.others.total
	dropped := 0
	if total > MaxMoments {
		preferred = preferred[:min(len(preferred), MaxMoments-1)]
		others = others[:min(len(others), MaxMoments-1-len(preferred))]
		dropped = total - len(preferred) - len(others)
	}
	all := slices.Concat(preferred, others)
	sortByEvent(all)
	if dropped > 0 {
		all = append(all, d.notice(dropped))
	}
	return all
}

// notice says that moments were dropped. Its place is one after the segment's
// last event, so that its identity is nobody else's.
func (d *deriver) notice(dropped int) recording.Moment {
	return recording.Moment{
		SegmentID:   d.segment.SegmentID,
		Event:       d.segment.Events,
		Page:        d.segment.Page,
		TimestampMs: d.segment.EndMs,
		Kind:        recording.KindState,
		Name:        DroppedState,
		Attributes:  map[string]string{"count": decimal(float64(dropped))},
	}
}

func sortByEvent(moments []recording.Moment) {
	slices.SortStableFunc(moments, func(a, b recording.Moment) int { return a.Event - b.Event })
}
