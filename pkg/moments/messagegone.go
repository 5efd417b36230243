package moments

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/recording"
)

// check looks which messages are still there.
func (s *messages) check(w *Window, changes *dom.Changes) {
	for _, m := range s.list {
		if m.goneMs != 0 {
			continue
		}
		n := w.document.ByID(m.node)
		if !n.Connected() {
			s.went(w, m)
			continue
		}
		if !concerns(changes, n) {
			continue
		}
		if unmask(n.VisibleText(maxMessageBytes+1)) != m.text || faded(changes, n) {
			s.went(w, m)
		}
	}
}

func (s *messages) went(w *Window, m *message) {
	if s.event != w.place {
		s.event, s.appeared, s.vanished = w.place, 0, 0
	}
	m.goneMs, m.gone, m.goneNth = w.place.rawMs, w.place, s.vanished
	s.vanished++
	k := w.clicks.before(w.place.rawMs, dismissedMs)
	typed := w.place.rawMs-s.lastTypedMs <= dismissedMs
	resolved := m.kind == messageValidation && s.lastTypedMs > m.rawMs && w.place.rawMs-s.lastTypedMs <= consequenceMs
	m.excused = k != nil && k.rawMs > m.rawMs || typed || resolved || w.place.rawMs-s.leftMs <= consequenceMs
}

// typed: the user wrote into a field.
func (s *messages) typed(w *Window) { s.lastTypedMs = w.place.rawMs }

// navigated: the address changed within the document, and with it what is
// shown.
func (s *messages) navigated(w *Window) {
	s.leftMs = w.place.rawMs
	for _, m := range s.list {
		if m.goneMs != 0 && s.leftMs-m.goneMs <= handoverMs {
			m.excused = true
		}
	}
}

func (s *messages) tick(w *Window) {
	kept := s.list[:0]
	for _, m := range s.list {
		if m.goneMs != 0 && w.now-m.goneMs > handoverMs {
			s.tell(w, m)
			continue
		}
		if m.goneMs == 0 && w.now-m.rawMs > vanishedMs {
			s.stays(w, m)
		}
		kept = append(kept, m)
	}
	clear(s.list[len(kept):])
	s.list = kept
}

// tell says that a message is gone, and whether too soon.
func (s *messages) tell(w *Window, m *message) {
	stood := m.goneMs - m.rawMs
	if m.goneNth < maxPerEvent {
		w.emit(m.gone, partVanished+m.goneNth, recording.Moment{
			Kind: recording.KindTextVanished, Name: m.kind, Text: m.text, Selector: m.selector, DurationMs: stood,
		})
	}
	if stood >= vanishedMs || m.excused || m.tone == toneGood || m.tone == toneProgress ||
		m.kind == messageStatus && m.tone != toneTrouble {
		s.stays(w, m)
		return
	}
	s.signal(w, m, stood)
}

func (s *messages) signal(w *Window, m *message, stood int64) {
	text := fmt.Sprintf("message %q shown for %s", m.text, seconds(stood))
	attributes := map[string]string{"message": m.text, "shown_ms": decimal(float64(stood)), "field": m.field}
	signal := recording.Moment{Selector: m.selector, DurationMs: stood, Attributes: attributes}
	if k := m.cause; k != nil {
		text += " after a click on " + k.String()
		attributes["element"], attributes["after_ms"] = k.name, decimal(float64(m.rawMs-k.rawMs))
		attributes["element_selector"] = k.selector
		if r := w.requests.between(k.rawMs, m.goneMs); r == nil {
			text += "; no request was sent"
		} else {
			text += "; " + r.String()
			attributes["request"] = r.name()
			signal.TraceID, signal.SpanID, signal.Status = r.trace, r.span, r.status
		}
	}
	signal.Text = text
	signal.Kind, signal.Name = recording.KindSignal, recording.SignalVanishedMessage
	w.emit(m.place, partVanishedSignal+m.nth, signal)
}

// stays tells of a validation text that the user had time to read.
func (s *messages) stays(w *Window, m *message) {
	if m.kind != messageValidation || m.tone != toneTrouble || m.invalid {
		return
	}
	m.invalid = true
	texts, count := strconv.Quote(m.text), 1
	for _, other := range s.list {
		if other != m && other.kind == messageValidation && !other.invalid && other.place == m.place {
			other.invalid = true
			count++
			texts += ", " + strconv.Quote(other.text)
		}
	}
	text := "the page refused what was filled in: " + texts
	attributes := map[string]string{"message": m.text, "field": m.field, "form": m.form, "messages": strconv.Itoa(count)}
	if k := m.cause; k != nil {
		text += " after a click on " + k.String()
		attributes["element"] = k.name
	}
	w.signal(m.place, recording.SignalValidationError, recording.Moment{Text: text, Selector: m.selector, Attributes: attributes})
}

// leave ends a page, or what is known of it: that a message went with it says
// nothing.
func (s *messages) leave(w *Window) {
	for _, m := range s.list {
		if m.goneMs == 0 {
			s.stays(w, m)
		}
	}
	s.list = nil
}

// rebuilt takes a full snapshot of the page: what is not in it went at a time
// that is not known.
func (s *messages) rebuilt(w *Window) {
	s.list = slices.DeleteFunc(s.list, func(m *message) bool {
		return m.goneMs == 0 && unmask(w.document.ByID(m.node).VisibleText(maxMessageBytes+1)) != m.text
	})
}

func (s *messages) finish(w *Window) {
	for _, m := range s.list {
		if m.goneMs != 0 {
			s.tell(w, m)
		} else {
			s.stays(w, m)
		}
	}
	s.list = nil
}
