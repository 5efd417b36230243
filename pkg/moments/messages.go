package moments

import (
	"strings"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/recording"
)

// message is a text that the page showed to tell the user something.
type message struct {
	place
	nth      int // of the messages that appeared at its event
	node     int
	kind     string
	text     string
	selector string
	field    string // whose validation text it is
	form     string
	tone     tone
	cause    *click
	goneMs   int64 // raw time at which it was not there any more; 0: it is there
	gone     place
	goneNth  int
	excused  bool // it is plain why it went
	invalid  bool // as told: validation error
}

// messages follows the messages of a page.
type messages struct {
	list []*message

	event       place // the one that the counts are of
	appeared    int
	vanished    int
	lastTypedMs int64
	leftMs      int64 // raw time of the last navigation within the document

	classes map[string]int // what class attributes say
}

// changed takes a change of the document.
func (s *messages) changed(w *Window, changes *dom.Changes, toggles []toggle) {
	s.check(w, changes)
	if w.place.rawMs <= w.pageMs {
		return
	}
	for _, n := range changes.Added {
		s.look(w, n)
	}
	for _, t := range changes.Texts {
		if n := t.Node; !n.IsElement() {
			s.appear(w, t.Node.Block(), s.region(t.Node.Parent()))
		} else {
			s.look(w, n)
		}
	}
	for _, t := range toggles {
		if s.shown(t) {
			s.look(w, t.Node)
		}
	}
}

// maxLooked bounds the elements of one change in which messages are looked for.
const maxLooked = 200

// look finds messages in what came or was shown.
func (s *messages) look(w *Window, n dom.Node) {
	if !n.IsElement() {
		if n.Type() == dom.TypeText {
			s.appear(w, n.Block(), s.region(n.Parent()))
		}
		return
	}
	if at := s.region(n); at.Exists() {
		s.appear(w, n, at)
		return
	}
	left := maxLooked
	s.within(w, n, &left)
}

func (s *messages) within(w *Window, n dom.Node, left *int) {
	for c := range n.Children() {
		if *left--; *left < 0 {
			return
		}
		if !c.IsElement() {
			continue
		}
		if s.messageKind(c) != "" {
			s.appear(w, c, c)
			continue
		}
		s.within(w, c, left)
	}
	if shadow := n.ShadowRoot(); shadow.Exists() {
		s.within(w, shadow, left)
	}
}

// appear takes an element in which a message may have come up; at is what
// makes it one.
func (s *messages) appear(w *Window, n, at dom.Node) {
	if !n.Exists() || !at.Exists() {
		return
	}
	if !within(n, at) {
		n = at // the text runs on in what is around the region
	}
	text := unmask(n.VisibleText(maxMessageBytes + 1))
	if len(text) > maxMessageBytes || !says(text) || isOffscreen(n) || strings.Contains(at.Tag(), "announcer") {
		return
	}
	node := n.ID()
	for _, m := range s.list {
		if m.text != text || m.goneMs != 0 && w.place.rawMs-m.goneMs > handoverMs {
			continue
		}
		if m.goneMs != 0 || m.node == node || !w.document.ByID(m.node).Connected() {
			m.node, m.goneMs = node, 0
			return
		}
	}
	if s.event != w.place {
		s.event, s.appeared, s.vanished = w.place, 0, 0
	}
	if s.appeared >= maxPerEvent {
		return
	}
	if len(s.list) == maxMessages {
		s.list = append(s.list[:0], s.list[1:]...)
	}
	m := &message{
		place: w.place, nth: s.appeared, node: node, kind: s.messageKind(at), text: text,
		selector: describe(n).selector, cause: s.cause(w),
	}
	m.tone = toneOf(n, at, text, m.kind)
	if m.kind == messageValidation {
		m.field = fieldOf(at)
		if form := n.Form(); form.Exists() {
			m.form = formName(form)
		}
	}
	s.appeared++
	s.list = append(s.list, m)
	attributes := map[string]string{"field": m.field}
	if m.cause != nil {
		attributes["after"] = m.cause.name
		attributes["after_ms"] = decimal(float64(m.rawMs - m.cause.rawMs))
	}
	w.emit(m.place, partAppeared+m.nth, recording.Moment{
		Kind: recording.KindTextAppeared, Name: m.kind, Text: m.text, Selector: m.selector, Attributes: attributes,
	})
}

func within(n, top dom.Node) bool {
	for ; n.Exists(); n = n.Above() {
		if n == top {
			return true
		}
	}
	return false
}

// cause is the click that a message which appears now is about: the one just
// before, or the one that sent the request which was just answered.
func (s *messages) cause(w *Window) *click {
	if k := w.clicks.before(w.place.rawMs, causeMs); k != nil {
		return k
	}
	if r := w.requests.last(); r != nil && r.cause != nil && w.place.rawMs-r.endMs <= handoverMs {
		return r.cause
	}
	return nil
}

// fieldOf is the label of the field that a validation text is about: the one
// that names it, or the last before it in its form.
func fieldOf(at dom.Node) string {
	const most = 3
	top := at
	for k := 0; k < most && top.Exists() && top.Tag() != "form"; k++ {
		for c := range top.Children() {
			if f := firstField(c, 3); f.Exists() {
				return cut(unmask(f.Name()), maxNameBytes)
			}
		}
		top = top.Parent()
	}
	return ""
}

func firstField(n dom.Node, depth int) dom.Node {
	if n.IsElement() && isField(n) {
		return n
	}
	if depth == 0 {
		return dom.Node{}
	}
	for c := range n.Children() {
		if f := firstField(c, depth-1); f.Exists() {
			return f
		}
	}
	return dom.Node{}
}
