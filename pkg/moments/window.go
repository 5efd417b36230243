package moments

import (
	"slices"
	"sync"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb"
)

// WindowOptions bound what a Window holds. Zero values are the defaults.
type WindowOptions struct {
	Limits dom.Limits
	// Styles is shared by the windows of a process, which then read the style
	// sheets of a site once. Nothing is shared without it.
	Styles *Styles
}

// Styles is what windows know together of style sheets.
type Styles = dom.Styles

// stylesBytes is room for the style sheets of some hundreds of sites.
const stylesBytes = 16 << 20

// NewStyles returns Styles that hold 16 MiB and a quarter at most.
func NewStyles() *Styles { return dom.NewStyles(stylesBytes) }

// Findings are what a Window found.
type Findings struct {
	// Moments come in the order in which they were found. One with the identity of
	// an earlier one replaces it.
	Moments []recording.Moment
	Texts   []recording.SeenText
}

// Window follows one browser tab: it applies its segments to a document and
// finds what a single segment does not tell. The same segments in the same
// order give the same findings.
//
// It is not safe for concurrent use.
type Window struct {
	document *dom.Document

	id      recording.SegmentID // of the last segment that was applied
	offset  int64               // its ClockOffsetMs
	final   bool                // its recorder said that it is the last one
	hidden  bool                // the tab was in the background
	page    recording.PageID
	url     string
	pageMs  int64 // raw time at which the page began
	place   place // of the event that is being applied
	now     int64 // raw time of the latest event
	lost    bool  // segments are missing, and no full snapshot came since
	bytes   int   // of events
	stopped bool  // the page is too much work
	started bool  // a segment was applied

	found   Findings
	counts  counts
	toggles []toggle // of the event that is being applied

	clicks    clicks
	fields    fields
	depth     depth
	messages  messages
	requests  requests
	errors    pageErrors
	frames    frames
	cursor    cursor
	visits    visits
	blank     blank
	seen      seenTexts
	touched   touched
	keyframes keyframeClock
}

// scanned is the envelope of a line; not ok: it is no event.
type scanned struct {
	event rrweb.Event
	ok    bool
}

// scans are lists of envelopes that are not in use: windows are many, and few
// are at work.
var scans = sync.Pool{New: func() any { return new([]scanned) }}

// NewWindow returns a Window to which nothing was applied.
func NewWindow(o WindowOptions) *Window {
	w := &Window{document: dom.New(o.Limits)}
	w.document.ShareStyles(o.Styles)
	return w
}

// Apply applies a segment and returns all its moments: those of Derive, with
// what the document knows of them, and those that were found on the way, which
// may belong to earlier segments. Segments come in the order of their seq, and
// s is as Derive filled it; it is not changed. ndjson is not kept.
func (w *Window) Apply(s *recording.Segment, ndjson []byte) Findings {
	segment := *s
	scan := scans.Get().(*[]scanned)
	defer scans.Put(scan)
	list := (*scan)[:0]
	derived := derive(&segment, ndjson, func(line []byte) (rrweb.Event, error) {
		event, err := envelopeOf(line)
		list = append(list, scanned{event, err == nil})
		return event, err
	})
	*scan = list
	all := derived
	if !w.started || s.Page != w.page {
		w.turnPage(s.Page, s.Origin.URL)
	}
	w.started, w.id, w.offset, w.final = true, s.SegmentID, s.ClockOffsetMs, s.Origin.Final
	for i, line := range rrweb.Lines(ndjson) {
		count := 0
		for count < len(derived) && derived[count].Event <= i {
			count++
		}
		if x := list[i]; x.ok {
			w.event(i, x.event, line, derived[:count])
		}
		derived = derived[count:]
	}
	found := w.take()
	found.Moments = append(all[:len(all):len(all)], found.Moments...)
	return found
}

func (w *Window) take() Findings {
	w.fields.report(w)
	w.depth.report(w)
	w.seen.report(w)
	found := w.found
	w.found = Findings{}
	return found
}

// event applies one event, of which list are the moments.
func (w *Window) event(i int, event rrweb.Event, line []byte, list []recording.Moment) {
	at := event.TimestampMs
	w.place = place{w.id, i, w.page, w.url, at, at + w.offset}
	w.now = max(w.now, at)
	w.bytes += len(line)
	w.tick()
	if event.Type == rrweb.TypeMeta {
		w.meta(line, list)
	}
	// What the document cannot take leaves it incomplete, which it says itself.
	err := w.document.ApplyScanned(event, line)
	switch event.Type {
	case rrweb.TypeFullSnapshot:
		if err == nil {
			w.snapshot()
		}
	case rrweb.TypeIncremental:
		w.incremental(event, line, list)
	case rrweb.TypeCustom, rrweb.TypePlugin:
		w.custom(line, list)
	}
	w.keyframes.at(at)
}

// meta begins a page, unless the recorder only made another full snapshot of
// the one that is there, whose address is told anyway.
func (w *Window) meta(line []byte, list []recording.Moment) {
	if !slices.ContainsFunc(list, isPageLoad) {
		var m recording.Moment
		if fillPageLoad(&m, rrweb.Data(line)) && m.URL != "" {
			w.url, w.place.url = m.URL, m.URL
		}
		return
	}
	for k := range list {
		if m := &list[k]; isPageLoad(*m) {
			if m.URL != w.url {
				w.turnPage(w.page, m.URL)
			}
			w.place.url = m.URL
			w.visits.visit(w, m.URL, false)
		}
	}
}

// locate says on which page something happened that is counted by page.
func (w *Window) locate(m *recording.Moment) {
	switch m.Kind {
	case recording.KindConsole, recording.KindError, recording.KindVital:
		if m.URL == "" {
			m.URL = cut(w.url, maxURLBytes)
		}
	}
}

func isPageLoad(m recording.Moment) bool { return m.Kind == recording.KindPageLoad }

// turnPage ends what belongs to the page that is left.
func (w *Window) turnPage(page recording.PageID, url string) {
	if w.started {
		w.clicks.leave(w)
		w.fields.leave(w)
		w.depth.leave(w)
		w.messages.leave(w)
		w.requests.leave(w)
		w.errors.leave(w)
		w.frames.finish(w)
		w.seen.turn(w)
		w.blank = blank{}
	}
	w.page, w.url, w.pageMs, w.stopped = page, url, 0, false
}

// overworked reports whether the document of the page takes so much work that
// nobody asks it any more. What was waiting for it is forgotten, as in a gap.
func (w *Window) overworked() bool {
	if w.stopped || w.document.Work() <= workAtFirst+workPerByte*w.bytes {
		return w.stopped
	}
	w.stopped = true
	w.clicks.gap()
	w.messages = messages{}
	w.seen.gap()
	w.blank = blank{}
	w.emit(w.place, partStopped, recording.Moment{Kind: recording.KindState, Name: StoppedState, Text: "page"})
	return true
}

func (w *Window) snapshot() {
	w.lost = false
	w.keyframes.restart()
	if w.overworked() {
		return
	}
	w.messages.rebuilt(w)
	if w.pageMs == 0 {
		w.pageMs = w.place.rawMs
	}
	w.blank.expect(w)
	w.seen.whole(w)
}

func (w *Window) incremental(event rrweb.Event, line []byte, list []recording.Moment) {
	switch event.Source {
	case rrweb.SourceMutation:
		w.keyframes.mutations++
		w.mutation()
	case rrweb.SourceMouseMove, rrweb.SourceDrag:
		w.cursor.moved(w, line)
	case rrweb.SourceMouseInteraction:
		w.interaction(event, line, list)
	case rrweb.SourceScroll:
		w.depth.scrolled(w, rrweb.Data(line))
		w.clicks.answer(w, 0)
	case rrweb.SourceInput:
		w.fields.input(w, rrweb.Data(line))
		w.clicks.answer(w, 0)
	case rrweb.SourceSelection:
		w.clicks.selected(w)
	case rrweb.SourceViewportResize, rrweb.SourceMediaInteraction, rrweb.SourceCanvasMutation,
		rrweb.SourceStyleSheetRule, rrweb.SourceStyleDeclaration, rrweb.SourceAdoptedStyleSheet, rrweb.SourceFont:
		w.clicks.answer(w, 0)
	}
}

// mutation tells those who watch the document what was changed.
func (w *Window) mutation() {
	changes := w.document.Changes()
	if !changes.Any() {
		// Something that the document does not have changed.
		w.clicks.answer(w, 0)
		return
	}
	if w.lost || w.overworked() {
		return
	}
	toggles := w.toggled(changes)
	w.frames.wrote(w, changes)
	w.clicks.changed(w, changes)
	w.messages.changed(w, changes, toggles)
	w.seen.changed(w, changes, toggles)
	w.blank.changed(w, changes)
	if w.clicks.before(w.place.rawMs, consequenceMs) == nil {
		w.touched.note(w, changes)
	}
}

func (w *Window) interaction(event rrweb.Event, line []byte, list []recording.Moment) {
	data := rrweb.Data(line)
	switch event.Interaction {
	case interactionMouseDown, interactionTouchStart:
		w.cursor.pressed()
	case interactionFocus:
		w.clicks.focused(w, integer(data, "id"))
	case interactionClick:
		for k := range list {
			if list[k].Kind == recording.KindClick {
				w.clicks.plain(w, &list[k], integer(data, "id"), number(data, "x"), number(data, "y"))
			}
		}
	}
}

// custom takes what the recorder itself observed.
func (w *Window) custom(line []byte, list []recording.Moment) {
	for k := range list {
		w.locate(&list[k])
		switch m := &list[k]; m.Kind {
		case recording.KindClick:
			payload := rrweb.Payload(line)
			w.clicks.described(w, m, integer(payload, "node_id"), number(payload, "x"), number(payload, "y"))
		case recording.KindNavigation:
			w.clicks.answer(w, 0)
			w.messages.navigated(w)
			w.fields.navigated(w)
			w.depth.leave(w)
			w.visits.visit(w, m.URL, m.Name == "pop")
			if m.URL != "" {
				w.url, w.place.url = m.URL, m.URL
			}
		case recording.KindRequest:
			w.requests.ended(w, m)
		case recording.KindError:
			w.clicks.answer(w, 0)
			w.errors.thrown(w, m)
		case recording.KindVisibility:
			w.hidden = m.Name == "hidden"
			w.clicks.answer(w, 0)
		case recording.KindLongFrame:
			w.frames.long(w, m)
		}
	}
}

// tick decides what was waiting for time to pass.
func (w *Window) tick() {
	w.clicks.tick(w)
	w.fields.tick(w)
	w.messages.tick(w)
	w.errors.tick(w)
	w.frames.tick(w)
	w.blank.tick(w)
	w.seen.tick(w)
}

// Gap says that the segments before next are missing: what the document shows
// is not known until the next full snapshot. nowMs is the server time at which
// that was decided.
func (w *Window) Gap(next recording.SegmentID, nowMs int64) Findings {
	w.lost = true
	w.keyframes.wanted = true
	w.clicks.gap()
	w.messages.leave(w)
	w.seen.gap()
	w.blank = blank{}
	w.cursor = cursor{}
	w.emit(place{id: next, page: w.page, url: w.url, serverMs: nowMs}, partGap, recording.Moment{Kind: recording.KindGap})
	return w.take()
}

// Finish decides what still waits for later events: none come. That nothing
// happened after the last event is no evidence of anything.
func (w *Window) Finish() Findings {
	w.clicks.finish(w)
	w.messages.finish(w)
	w.errors.finish(w)
	w.frames.finish(w)
	w.requests.leave(w)
	if w.final || w.hidden {
		w.fields.leave(w)
	}
	w.seen.leave(w)
	w.drops()
	return w.take()
}

// Size estimates the bytes of memory that the window holds, what it shares
// with others through Styles left aside.
func (w *Window) Size() int {
	const fixed = 64 << 10 // what the bounds of the lists let them have, but for texts
	return w.document.Size() + fixed + w.seen.size()
}

// whole reports whether the document is what the page showed.
func (w *Window) whole() bool { return w.document.Ready() && !w.lost }
