package moments

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/playhead/playhead/pkg/recording"
)

// The levels of a line.
const (
	LevelInfo    = "info"
	LevelWarning = "warning"
	LevelError   = "error"
)

// Line is a line of a transcript: a moment, and what came of it.
type Line struct {
	TimestampMs int64 // server time
	OffsetMs    int64 // since the session's start
	Level       string
	Text        string
	TraceID     string           // the first trace that the line tells of; empty: none
	SpanID      string           // in it
	Moment      recording.Moment // that the line begins with
}

// maxConsequences bounds what one line tells besides its own moment.
const maxConsequences = 12

// Transcript writes the moments of a session as lines for people. list is in
// order of time; startMs is the session's start. What follows a click because
// of it stands in the click's line: requests, messages and signals.
func Transcript(list []recording.Moment, startMs int64) []Line {
	t := transcript{startMs: startMs, standing: messagesOf(list), last: make(map[recording.WindowID]*clickLine)}
	for i := range list {
		t.add(&list[i])
	}
	return t.lines
}

type transcript struct {
	startMs  int64
	lines    []Line
	standing map[messageKey]int64 // how long messages stood, ms
	last     map[recording.WindowID]*clickLine

	frames            int // long frames that the last line tells of
	framesMs, frameMs int64
}

// clickLine is the line of the last click of a window.
type clickLine struct {
	line  int
	click *recording.Moment
	told  int
}

// messageKey finds the vanishing that belongs to an appearance.
type messageKey struct {
	window      recording.WindowID
	text        string
	timestampMs int64 // at which it appeared
}

// messagesOf collects how long messages stood.
func messagesOf(list []recording.Moment) map[messageKey]int64 {
	standing := make(map[messageKey]int64)
	for i := range list {
		if m := &list[i]; m.Kind == recording.KindTextVanished {
			standing[messageKey{m.Window, m.Text, m.TimestampMs - m.DurationMs}] = m.DurationMs
		}
	}
	return standing
}

func (t *transcript) add(m *recording.Moment) {
	if t.isTold(m) {
		return
	}
	text, level := t.sentence(m)
	if text == "" {
		return
	}
	if c := t.last[m.Window]; c != nil && c.told < maxConsequences && isConsequence(m, c.click) {
		line := &t.lines[c.line]
		line.Text += " → " + text
		line.Level = worse(line.Level, level)
		if line.TraceID == "" {
			line.TraceID, line.SpanID = m.TraceID, m.SpanID
		}
		c.told++
		return
	}
	if m.Kind == recording.KindLongFrame && t.another(m) {
		return
	}
	t.lines = append(t.lines, Line{m.TimestampMs, m.TimestampMs - t.startMs, level, text, m.TraceID, m.SpanID, *m})
	switch m.Kind {
	case recording.KindClick:
		t.last[m.Window] = &clickLine{line: len(t.lines) - 1, click: m}
	case recording.KindPageLoad, recording.KindNavigation, recording.KindGap:
		delete(t.last, m.Window)
	}
}

// another adds a long frame to the line of those just before.
func (t *transcript) another(m *recording.Moment) bool {
	var line *Line
	if n := len(t.lines); n > 0 {
		line = &t.lines[n-1]
	}
	if line == nil || line.Moment.Kind != recording.KindLongFrame || line.Moment.Window != m.Window || m.TimestampMs-t.frameMs > frameBurstMs {
		t.frames, t.framesMs, t.frameMs = 1, m.DurationMs, m.TimestampMs
		return false
	}
	t.frames++
	t.framesMs += m.DurationMs
	t.frameMs = m.TimestampMs
	line.Text = fmt.Sprintf("%d frames took %s", t.frames, seconds(t.framesMs))
	return true
}

// isTold reports whether a moment says nothing that another one does not.
func (t *transcript) isTold(m *recording.Moment) bool {
	switch m.Kind {
	case recording.KindTextVanished:
		return true // where it appeared
	case recording.KindSubmit:
		c := t.last[m.Window]
		return c != nil && c.click.SegmentID == m.SegmentID && c.click.Event == m.Event
	}
	return false
}

// isConsequence reports whether a moment is there because of a click.
func isConsequence(m, click *recording.Moment) bool {
	after := m.TimestampMs - click.TimestampMs
	if after < 0 {
		return false
	}
	switch m.Kind {
	case recording.KindRequest, recording.KindError:
		return after <= consequenceMs
	case recording.KindTextAppeared:
		return after <= causeMs || m.Attributes["after"] != "" && m.Attributes["after"] == click.Attributes["name"] && after <= deadClickWaitMs
	case recording.KindSignal:
		return after <= causeMs && m.Name != recording.SignalThrashedCursor && m.Name != recording.SignalFormAbandoned
	}
	return false
}

func worse(a, b string) string {
	rank := map[string]int{LevelInfo: 0, LevelWarning: 1, LevelError: 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// sentence is what a line says of a moment, "" when nothing.
func (t *transcript) sentence(m *recording.Moment) (text, level string) {
	switch m.Kind {
	case recording.KindPageLoad:
		return "opened " + m.URL, LevelInfo
	case recording.KindNavigation:
		return "went to " + m.URL, LevelInfo
	case recording.KindClick:
		return "clicked " + thing(m), LevelInfo
	case recording.KindInput:
		return "filled in " + quoted(m.Text, m.Selector, "a field"), LevelInfo
	case recording.KindSubmit:
		return "sent the form " + quoted(m.Name, m.Selector, ""), LevelInfo
	case recording.KindScroll:
		if screens := m.Attributes["screens"]; screens != "" {
			return "scrolled down to " + screens + " screens", LevelInfo
		}
		return "scrolled down " + m.Attributes["pixels"] + " px", LevelInfo
	case recording.KindRequest:
		return requestSentence(m)
	case recording.KindConsole:
		return consoleSentence(m)
	case recording.KindError:
		return m.Name + ": " + m.Text, LevelError
	case recording.KindVital:
		return strings.TrimSpace(m.Name + " " + m.Attributes["value"] + " " + m.Text), LevelInfo
	case recording.KindLongFrame:
		return "a frame took " + seconds(m.DurationMs), LevelInfo
	case recording.KindVisibility:
		if m.Name == "hidden" {
			return "left the tab", LevelInfo
		}
		return "came back to the tab", LevelInfo
	case recording.KindIdentify:
		return "identified as " + m.Name, LevelInfo
	case recording.KindCustom:
		return "event " + strconv.Quote(m.Name), LevelInfo
	case recording.KindState:
		return strings.TrimSpace("recorder: " + m.Name + " " + m.Text), LevelInfo
	case recording.KindTextAppeared:
		return t.messageSentence(m)
	case recording.KindGap:
		return "gap: events are missing here", LevelWarning
	case recording.KindSignal:
		return signalSentence(m)
	}
	return strings.TrimSpace(string(m.Kind) + " " + m.Name + " " + m.Text), LevelInfo
}

// thing names what was clicked.
func thing(m *recording.Moment) string {
	e := element{role: m.Attributes["role"], name: m.Text, selector: m.Selector, tag: m.Name}
	if e.name == "" {
		e.name = m.Attributes["name"]
	}
	if kind := e.kind(); kind != "" {
		return kind + " " + e.String()
	}
	return e.String()
}

func quoted(name, selector, otherwise string) string {
	switch {
	case name != "":
		return strconv.Quote(name)
	case selector != "":
		return selector
	}
	return otherwise
}

func requestSentence(m *recording.Moment) (text, level string) {
	text, level = m.Name+" "+path(m.URL), LevelInfo
	switch {
	case m.Status != 0:
		text += " " + strconv.Itoa(m.Status)
	case m.Text != "":
		text += " failed (" + m.Text + ")"
	default:
		text += " failed"
	}
	switch {
	case m.Status >= 500, m.Status == 0 && m.Text != "abort":
		level = LevelError
	case m.Status >= 400:
		level = LevelWarning
	}
	text += " in " + seconds(m.DurationMs)
	if m.TraceID != "" {
		text += fmt.Sprintf(" (trace %s…)", m.TraceID[:min(4, len(m.TraceID))])
	}
	return text, level
}

func consoleSentence(m *recording.Moment) (text, level string) {
	level = LevelInfo
	switch m.Name {
	case "error":
		level = LevelError
	case "warn":
		level = LevelWarning
	}
	return "console " + m.Name + ": " + m.Text, level
}

func (t *transcript) messageSentence(m *recording.Moment) (text, level string) {
	text = "message " + strconv.Quote(m.Text)
	if stood, ok := t.standing[messageKey{m.Window, m.Text, m.TimestampMs}]; ok {
		return text + " shown for " + seconds(stood), LevelInfo
	}
	return text + " shown", LevelInfo
}

// signalSentence names a signal. What is told of it in the line already is not
// told again.
func signalSentence(m *recording.Moment) (text, level string) {
	name := strings.ReplaceAll(m.Name, "_", " ")
	level = LevelWarning
	switch m.Name {
	case recording.SignalError, recording.SignalErrorClick, recording.SignalErrorLoop, recording.SignalFailedRequest,
		recording.SignalDoubleSubmit, recording.SignalBlankPage:
		level = LevelError
	case recording.SignalVanishedMessage:
		if _, after, found := strings.Cut(m.Text, "; "); found {
			return name + ", " + after, level
		}
		return name, level
	}
	return name + ": " + m.Text, level
}
