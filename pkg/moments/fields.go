package moments

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/playhead/playhead/pkg/recording"
)

// fields follows what the user writes into form fields, never what it is.
type fields struct {
	open   *edit // the field that is being written in
	forms  []*form
	leftMs int64 // raw time of a navigation within the document; 0: decided
}

// edit is a stretch of writing in one field.
type edit struct {
	place
	element
	kind    string
	changes int
	lastMs  int64
	told    int // changes that a moment has
}

// form is a form that somebody began to fill in.
type form struct {
	place            // of the first input
	node             int
	name, selector   string
	fields           []int
	lastMs           int64
	sent, searchLike bool
}

// input takes an input event.
func (f *fields) input(w *Window, data []byte) {
	node := integer(data, "id")
	if f.open == nil || f.open.node != node {
		f.report(w)
		f.open = nil
		n := w.document.ByID(node)
		if w.lost || w.overworked() || !n.IsElement() || isFalse(data, "userTriggered") {
			return
		}
		kind := n.Tag()
		if kind == "input" {
			kind = attribute(n, "type")
			if kind == "" {
				kind = "text"
			}
		}
		f.open = &edit{place: w.place, element: describe(n), kind: cut(kind, maxAttributeNameBytes)}
	}
	f.open.changes++
	f.open.lastMs = w.place.rawMs
	w.visits.acted()
	w.messages.typed(w)
	f.filled(w, f.open)
}

// filled notes that a field of a form has something in it.
func (f *fields) filled(w *Window, e *edit) {
	if e.formNode == 0 || e.kind == "hidden" || e.kind == "search" {
		return
	}
	at := slices.IndexFunc(f.forms, func(x *form) bool { return x.node == e.formNode })
	if at < 0 {
		if len(f.forms) == maxForms {
			return
		}
		n := w.document.ByID(e.formNode)
		f.forms = append(f.forms, &form{
			place: e.place, node: e.formNode, name: e.form, selector: describe(n).selector,
			searchLike: attribute(n, "role") == "search" || attribute(n, "method") == "get",
		})
		at = len(f.forms) - 1
	}
	x := f.forms[at]
	x.lastMs, x.sent = w.place.rawMs, false
	if len(x.fields) < maxFieldsOfForm && !slices.Contains(x.fields, e.node) {
		x.fields = append(x.fields, e.node)
	}
}

// report tells of the field that is being written in, again when there is more
// of it.
func (f *fields) report(w *Window) {
	e := f.open
	if e == nil || e.told == e.changes {
		return
	}
	e.told = e.changes
	w.emit(e.place, partInput, recording.Moment{
		Kind: recording.KindInput, Name: e.kind, Text: e.name, Selector: e.selector, DurationMs: e.lastMs - e.rawMs,
		Attributes: map[string]string{"field": e.name, "form": e.form, "changes": strconv.Itoa(e.changes)},
	})
}

// submitted says that a form was sent by a click.
func (f *fields) submitted(node int) {
	for _, x := range f.forms {
		if x.node == node {
			x.sent = true
		}
	}
}

// requested says that something was sent to a server: what was written may be
// in it.
func (f *fields) requested(startMs int64) {
	for _, x := range f.forms {
		if startMs >= x.lastMs {
			x.sent = true
		}
	}
}

// navigated: the address changed within the document. What becomes of the
// forms shows a little later.
func (f *fields) navigated(w *Window) {
	f.report(w)
	f.open = nil
	f.leftMs = w.place.rawMs
}

// tick decides about forms that a navigation took away.
func (f *fields) tick(w *Window) {
	if f.leftMs == 0 || w.now-f.leftMs <= consequenceMs {
		return
	}
	f.leftMs = 0
	f.forms = slices.DeleteFunc(f.forms, func(x *form) bool {
		if w.document.ByID(x.node).Connected() {
			return false
		}
		f.decide(w, x)
		return true
	})
}

// leave ends a page.
func (f *fields) leave(w *Window) {
	f.report(w)
	for _, x := range f.forms {
		f.decide(w, x)
	}
	f.open, f.forms = nil, nil
}

// decide tells of a form that was filled in and not sent.
func (f *fields) decide(w *Window, x *form) {
	// A form that is sent with the Enter key leaves no trace but the page that
	// goes.
	entered := w.now-x.lastMs < consequenceMs
	if x.sent || x.searchLike || entered || len(x.fields) < abandonedFields {
		return
	}
	name := element{name: x.name, selector: x.selector, tag: "form"}.String()
	w.signal(x.place, recording.SignalFormAbandoned, recording.Moment{
		Text:       fmt.Sprintf("filled in %d fields of the form %s and left without sending it", len(x.fields), name),
		Selector:   x.selector,
		DurationMs: x.lastMs - x.rawMs,
		Attributes: map[string]string{
			"form": x.name, "fields": strconv.Itoa(len(x.fields)), "interval_ms": decimal(float64(w.now - x.lastMs)),
		},
	})
}
