package moments

import (
	"fmt"
	"strconv"

	"github.com/playhead/playhead/pkg/recording"
)

// pageErrors follows the uncaught errors of a page.
type pageErrors struct {
	list []*pageError
}

// pageError is an error, as often as it came.
type pageError struct {
	place
	kind, text string
	cause      *click
	count      int
	told       int     // count that a signal has
	recent     []int64 // raw times of the last ones
	loop       bool
	decided    bool
}

// thrown takes the moment of an error.
func (e *pageErrors) thrown(w *Window, m *recording.Moment) {
	x := e.find(m)
	if x == nil {
		if len(e.list) == maxErrors {
			return
		}
		x = &pageError{place: w.place, kind: m.Name, text: m.Text, cause: w.clicks.before(w.place.rawMs, consequenceMs)}
		e.list = append(e.list, x)
	}
	x.count++
	if len(x.recent) == errorLoopCount {
		x.recent = append(x.recent[:0], x.recent[1:]...)
	}
	x.recent = append(x.recent, w.place.rawMs)
	if len(x.recent) == errorLoopCount && x.recent[errorLoopCount-1]-x.recent[0] <= errorLoopMs {
		x.loop = true
	}
}

func (e *pageErrors) find(m *recording.Moment) *pageError {
	for _, x := range e.list {
		if x.kind == m.Name && x.text == m.Text {
			return x
		}
	}
	return nil
}

// tick decides about errors when it is known whether they came in a loop.
func (e *pageErrors) tick(w *Window) {
	for _, x := range e.list {
		if !x.decided && w.now-x.rawMs > errorLoopMs {
			x.tell(w)
		}
	}
}

func (x *pageError) tell(w *Window) {
	x.decided, x.told = true, x.count
	name, text := recording.SignalError, fmt.Sprintf("uncaught %s: %s", x.kind, x.text)
	attributes := map[string]string{"exception.type": x.kind, "exception.message": x.text}
	m := recording.Moment{}
	switch {
	case x.loop:
		name = recording.SignalErrorLoop
		text = fmt.Sprintf("%s: %s, %d times", x.kind, x.text, x.count)
	case x.cause != nil:
		name = recording.SignalErrorClick
		text = fmt.Sprintf("a click on %s ended in %s: %s", x.cause, x.kind, x.text)
		attributes["interval_ms"] = decimal(float64(x.rawMs - x.cause.rawMs))
	}
	if x.cause != nil {
		attributes["element"] = x.cause.name
		m.Selector = x.cause.selector
	}
	if x.count > 1 {
		attributes["count"] = strconv.Itoa(x.count)
		m.DurationMs = x.recent[len(x.recent)-1] - x.rawMs
	}
	m.Text, m.Attributes = text, attributes
	w.signal(x.place, name, m)
}

func (e *pageErrors) finish(w *Window) {
	for _, x := range e.list {
		if !x.decided || x.count > x.told && x.loop {
			x.tell(w)
		}
	}
	e.list = nil
}

// leave ends a page.
func (e *pageErrors) leave(w *Window) { e.finish(w) }
