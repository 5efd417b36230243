package moments

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/recording"
)

// The kinds of messages.
const (
	messageAlert      = "alert"
	messageStatus     = "status"
	messageToast      = "toast"
	messageValidation = "validation"
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

// tone says what sort of news a message is.
type tone int

const (
	toneNeutral tone = iota
	toneTrouble
	toneGood
	toneProgress
)

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

// shown reports whether the change of an attribute showed an element that was
// hidden.
func (s *messages) shown(t toggle) bool {
	switch {
	case t.hides:
		return false
	case t.hid:
		return true
	}
	switch t.Name {
	case "class":
		if !saysShown(attribute(t.Node, "class")) || saysShown(t.Old) {
			return false
		}
	case "style":
		if !transparent(t.Old) || transparent(attribute(t.Node, "style")) {
			return false
		}
	default:
		return false
	}
	return s.messageKind(t.Node) != "" && !t.Node.Hides()
}

// saysShown reports whether one of an element's classes says that it is shown:
// style sheets make messages opaque with these, or move them into sight.
func saysShown(class string) bool {
	for name := range strings.FieldsSeq(class) {
		switch strings.TrimPrefix(name, "is-") {
		case "show", "shown", "showing", "visible", "active", "open", "in", "fade-in", "enter":
			return true
		}
	}
	return false
}

func transparent(style string) bool {
	_, value, found := strings.Cut(style, "opacity:")
	if !found {
		return false
	}
	value, _, _ = strings.Cut(value, ";")
	value = strings.TrimSpace(value)
	return value == "0" || value == "0.0" || value == "0%"
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

// region is the nearest element, this one or one above it, whose text is a
// message.
func (s *messages) region(n dom.Node) dom.Node {
	const most = 6
	for k := 0; k < most && n.Exists(); k++ {
		if n.IsElement() && s.messageKind(n) != "" {
			return n
		}
		n = n.Above()
	}
	return dom.Node{}
}

// messageKind says what kind of message an element holds, "" when none.
func (s *messages) messageKind(n dom.Node) string {
	switch role := attribute(n, "role"); role {
	case "alert", "alertdialog":
		return s.kindInForm(n, messageAlert)
	case "status":
		return s.kindInForm(n, messageStatus)
	case "":
	default:
		if live := attribute(n, "aria-live"); live != "" && live != "off" && role != "log" && role != "timer" && role != "marquee" {
			return messageStatus
		}
		return ""
	}
	switch attribute(n, "aria-live") {
	case "assertive":
		return s.kindInForm(n, messageAlert)
	case "polite":
		return s.kindInForm(n, messageStatus)
	}
	return s.classKind(n)
}

// kindInForm: an alert inside a form is about what was filled in.
func (s *messages) kindInForm(n dom.Node, kind string) string {
	if kind == messageAlert && n.Form().Exists() || s.words(attribute(n, "class"))&(wordError|wordInvalid) != 0 {
		return messageValidation
	}
	return kind
}

// classKind reads the names that developers give to messages.
func (s *messages) classKind(n dom.Node) string {
	class := attribute(n, "class")
	if class == "" {
		return ""
	}
	words := s.words(class)
	switch {
	case words == 0:
		return ""
	case words&wordToast != 0:
		return messageToast
	case words&wordAlert != 0:
		return messageAlert
	case words&wordInvalid != 0 && words&wordText != 0:
		return messageValidation
	case words&wordError != 0 && !isField(n):
		if n.Form().Exists() {
			return messageValidation
		}
		return messageAlert
	}
	return ""
}

// What the names in a class attribute say.
const (
	wordToast = 1 << iota
	wordAlert
	wordInvalid
	wordError
	wordText
)

// maxClasses bounds the class attributes that are remembered.
const maxClasses = 1024

// words reads a class attribute. Pages repeat few of them many times.
func (s *messages) words(class string) int {
	if class == "" {
		return 0
	}
	if words, ok := s.classes[class]; ok {
		return words
	}
	words := 0
	for word, names := range [...][]string{
		{"toast", "snackbar", "notification", "flash", "noty", "growl"},
		{"alert"},
		{"invalid", "validation"},
		{"error", "errors"},
		{"feedback", "message", "error", "text", "summary"},
	} {
		if hasWord(class, names...) {
			words |= 1 << word
		}
	}
	if s.classes == nil || len(s.classes) >= maxClasses {
		s.classes = make(map[string]int)
	}
	s.classes[class] = words
	return words
}

// hasWord reports whether one of the words is in the names of a class
// attribute, whose parts are divided by dashes, underscores and capitals.
func hasWord(class string, words ...string) bool {
	if class == "" {
		return false
	}
	for _, word := range words {
		for at := 0; ; {
			k := indexFold(class[at:], word)
			if k < 0 {
				break
			}
			k += at
			end := k + len(word)
			if (k == 0 || !isLower(class[k-1]) || !isLower(class[k])) && (end == len(class) || !isLower(class[end])) {
				return true
			}
			at = end
		}
	}
	return false
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

// indexFold finds a word in lower case, whose first letter may be a capital.
func indexFold(s, word string) int {
	for k := 0; k+len(word) <= len(s); k++ {
		if s[k]|0x20 == word[0] && s[k+1:k+len(word)] == word[1:] {
			return k
		}
	}
	return -1
}

// isOffscreen reports whether an element is for screen readers alone.
func isOffscreen(n dom.Node) bool {
	const most = 5
	for k := 0; k < most && n.Exists(); k++ {
		if n.IsElement() {
			class, style := attribute(n, "class"), attribute(n, "style")
			if strings.Contains(class, "sr-only") || strings.Contains(class, "srOnly") || strings.Contains(class, "visually-hidden") ||
				strings.Contains(class, "visuallyhidden") || strings.Contains(class, "visuallyHidden") || strings.Contains(class, "screen-reader") ||
				strings.Contains(class, "screenreader") || strings.Contains(class, "a11y") ||
				strings.Contains(style, "clip: rect") || strings.Contains(style, "clip:rect") || strings.Contains(style, "clip-path: inset(") ||
				strings.Contains(style, "left: -9999") || strings.Contains(style, "width: 1px") ||
				strings.Contains(n.Tag(), "announcer") || strings.Contains(attribute(n, "id"), "announcer") {
				return true
			}
		}
		n = n.Above()
	}
	return false
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

// The words by which messages are told apart. English, and what is the same in
// other languages; roles and classes are asked first.
var (
	troubleWords = []string{
		"error", "fail", "invalid", "please", "required", "must ", "cannot", "can't", "couldn't", "could not", "unable",
		"wrong", "missing", "denied", "declined", "expired", "not found", "unavailable", "sorry", "try again", "incorrect",
		"not allowed", "offline", "oops", "problem", "rejected", "warning", "fehler", "bitte", "erreur",
	}
	goodWords = []string{
		"success", "saved", "copied", "done", "added", "removed", "updated", "deleted", "created", "sent", "thank", "welcome",
		"uploaded", "completed", "undo", "published", "subscribed", "signed in", "logged in", "placed",
	}
	progressWords = []string{
		"loading", "saving", "sending", "processing", "searching", "uploading", "downloading", "updating", "working",
		"connecting", "please wait", "one moment", "submitting", "checking", "generating", "preparing", "typing",
	}
)

func toneOf(n, at dom.Node, text, kind string) tone {
	lower := strings.ToLower(text)
	class := attribute(n, "class") + " " + attribute(at, "class")
	contains := func(words []string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(lower, word) })
	}
	switch {
	case kind == messageValidation, hasWord(class, "error", "danger", "warning", "invalid", "failure", "warn"):
		return toneTrouble
	case hasWord(class, "success", "ok"):
		return toneGood
	case contains(progressWords) || strings.HasSuffix(text, "…") || strings.HasSuffix(text, "..."):
		return toneProgress
	case contains(troubleWords):
		return toneTrouble
	case contains(goodWords):
		return toneGood
	}
	return toneNeutral
}

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

// faded reports whether a message was made transparent, or lost the class that
// shows it.
func faded(changes *dom.Changes, n dom.Node) bool {
	for _, a := range changes.Attributes {
		if a.Node != n {
			continue
		}
		switch a.Name {
		case "class":
			if saysShown(a.Old) && !saysShown(attribute(n, "class")) {
				return true
			}
		case "style":
			if transparent(attribute(n, "style")) && !transparent(a.Old) {
				return true
			}
		}
	}
	return false
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
