package moments

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/playhead/playhead/pkg/recording"
)

// Bounds of what a moment holds, in bytes. docs/format/events.md has those of
// the strings; the attributes follow the user attributes of the wire format.
const (
	maxStringBytes         = 2048
	maxStackBytes          = 8192
	maxURLBytes            = 4096
	maxAttributes          = 64
	maxAttributeNameBytes  = 64
	maxAttributeValueBytes = 1024

	// maxPayloadBytes is far beyond what our recorder sends; a larger payload
	// is somebody else's and not worth decoding.
	maxPayloadBytes = 256 << 10

	// maxDurationMs is a day, the longest session.
	maxDurationMs = 24 * 60 * 60 * 1000
)

// fillers hold what fills a moment from a payload, by the event's tag. A
// filler returns false when the payload cannot be read.
var fillers = map[string]func(m *recording.Moment, payload []byte) bool{
	"playhead.request":    fillRequest,
	"playhead.console":    fillConsole,
	"playhead.error":      fillError,
	"playhead.click":      fillClick,
	"playhead.navigation": fillNavigation,
	"playhead.visibility": fillVisibility,
	"playhead.long_frame": fillLongFrame,
	"playhead.identify":   fillIdentify,
	"playhead.custom":     fillCustom,
	"playhead.state":      fillState,
	"playhead.vital":      fillVital,
	"rrweb/console@1":     fillConsolePlugin,
}

func fillPageLoad(m *recording.Moment, data []byte) bool {
	p, ok := decode[struct {
		Href string `json:"href"`
	}](data)
	m.Kind = recording.KindPageLoad
	m.URL = cut(p.Href, maxURLBytes)
	return ok
}

// fillRequest dates the moment back to the request's beginning: the event is
// emitted at its end.
func fillRequest(m *recording.Moment, payload []byte) bool {
	p, ok := decode[struct {
		Method     string  `json:"http.request.method"`
		URL        string  `json:"url.full"`
		Status     float64 `json:"http.response.status_code"`
		DurationMs float64 `json:"duration_ms"`
		TraceID    string  `json:"trace_id"`
		SpanID     string  `json:"span_id"`
		ErrorType  string  `json:"error.type"`
	}](payload)
	m.Kind = recording.KindRequest
	m.Name = cut(p.Method, maxStringBytes)
	m.Text = cut(p.ErrorType, maxStringBytes)
	m.URL = cut(p.URL, maxURLBytes)
	m.TraceID = hexID(p.TraceID, 32)
	m.SpanID = hexID(p.SpanID, 16)
	m.DurationMs = duration(p.DurationMs)
	m.TimestampMs -= m.DurationMs
	if p.Status >= 100 && p.Status <= 999 {
		m.Status = int(p.Status)
	}
	return ok
}

func fillConsole(m *recording.Moment, payload []byte) bool {
	p, ok := decode[struct {
		Level   string `json:"level"`
		Message string `json:"message"`
	}](payload)
	m.Kind = recording.KindConsole
	m.Name = cut(p.Level, maxStringBytes)
	m.Text = cut(p.Message, maxStringBytes)
	return ok
}

// fillConsolePlugin reads rrweb's console plugin, whose payload holds each
// argument as the text of a JavaScript value.
func fillConsolePlugin(m *recording.Moment, payload []byte) bool {
	p, ok := decode[struct {
		Level   string   `json:"level"`
		Payload []string `json:"payload"`
	}](payload)
	for i, argument := range p.Payload {
		var text string
		if json.Unmarshal([]byte(argument), &text) == nil {
			p.Payload[i] = text // it was a quoted string; everything else stays as written
		}
	}
	m.Kind = recording.KindConsole
	m.Name = cut(p.Level, maxStringBytes)
	m.Text = cut(strings.Join(p.Payload, " "), maxStringBytes)
	return ok
}

func fillError(m *recording.Moment, payload []byte) bool {
	p, ok := decode[struct {
		Type       string `json:"exception.type"`
		Message    string `json:"exception.message"`
		Stacktrace string `json:"exception.stacktrace"`
		Source     string `json:"source"`
	}](payload)
	m.Kind = recording.KindError
	m.Name = cut(p.Type, maxStringBytes)
	m.Text = cut(p.Message, maxStringBytes)
	m.Attributes = present(map[string]string{
		"exception.stacktrace": cut(p.Stacktrace, maxStackBytes),
		"source":               cut(p.Source, maxStringBytes),
	})
	return ok
}

func fillClick(m *recording.Moment, payload []byte) bool {
	p, ok := decode[struct {
		Tag      string `json:"tag"`
		Text     string `json:"text"`
		Selector string `json:"selector"`
	}](payload)
	m.Kind = recording.KindClick
	m.Name = cut(p.Tag, maxStringBytes)
	m.Text = cut(p.Text, maxStringBytes)
	m.Selector = cut(p.Selector, maxStringBytes)
	return ok
}

func fillNavigation(m *recording.Moment, payload []byte) bool {
	p, ok := decode[struct {
		URL  string `json:"url.full"`
		Type string `json:"navigation.type"`
	}](payload)
	m.Kind = recording.KindNavigation
	m.Name = cut(p.Type, maxStringBytes)
	m.URL = cut(p.URL, maxURLBytes)
	return ok
}

func fillVisibility(m *recording.Moment, payload []byte) bool {
	p, ok := decode[struct {
		State string `json:"state"`
	}](payload)
	m.Kind = recording.KindVisibility
	m.Name = cut(p.State, maxStringBytes)
	return ok
}

func fillLongFrame(m *recording.Moment, payload []byte) bool {
	p, ok := decode[struct {
		DurationMs float64  `json:"duration_ms"`
		BlockingMs *float64 `json:"blocking_ms"`
		Script     string   `json:"script"`
		Invoker    string   `json:"invoker"`
	}](payload)
	m.Kind = recording.KindLongFrame
	m.Text = cut(p.Script, maxStringBytes)
	m.DurationMs = duration(p.DurationMs)
	m.Attributes = present(map[string]string{
		"blocking_ms": optional(p.BlockingMs),
		"invoker":     cut(p.Invoker, maxStringBytes),
	})
	return ok
}

func fillIdentify(m *recording.Moment, payload []byte) bool {
	p, ok := decode[struct {
		UserID     string     `json:"user.id"`
		Attributes attributes `json:"attributes"`
	}](payload)
	m.Kind = recording.KindIdentify
	m.Name = cut(p.UserID, maxStringBytes)
	m.Attributes = p.Attributes
	return ok
}

func fillCustom(m *recording.Moment, payload []byte) bool {
	p, ok := decode[struct {
		Name       string     `json:"name"`
		Attributes attributes `json:"attributes"`
	}](payload)
	m.Kind = recording.KindCustom
	m.Name = cut(p.Name, maxStringBytes)
	m.Attributes = p.Attributes
	return ok
}

func fillState(m *recording.Moment, payload []byte) bool {
	p, ok := decode[struct {
		State  string   `json:"state"`
		Reason string   `json:"reason"`
		Count  *float64 `json:"count"`
	}](payload)
	m.Kind = recording.KindState
	m.Name = cut(p.State, maxStringBytes)
	m.Text = cut(p.Reason, maxStringBytes)
	m.Attributes = present(map[string]string{"count": optional(p.Count)})
	return ok
}

func fillVital(m *recording.Moment, payload []byte) bool {
	p, ok := decode[struct {
		Name   string   `json:"name"`
		Value  *float64 `json:"value"`
		Rating string   `json:"rating"`
		URL    string   `json:"url.full"`
	}](payload)
	m.Kind = recording.KindVital
	m.Name = cut(p.Name, maxStringBytes)
	m.Text = cut(p.Rating, maxStringBytes)
	m.URL = cut(p.URL, maxURLBytes)
	if p.Value != nil {
		m.Attributes = map[string]string{"value": strconv.FormatFloat(*p.Value, 'g', 6, 64)}
	}
	return ok
}

// decode reads a small JSON object. A member of another type than T's makes
// the whole object unreadable.
func decode[T any](object []byte) (T, bool) {
	var v, none T
	if len(object) == 0 || len(object) > maxPayloadBytes || object[0] != '{' {
		return none, false
	}
	if json.Unmarshal(object, &v) != nil {
		return none, false
	}
	return v, true
}

// attributes are an object of strings. Members of other types are skipped; of
// too many the first in alphabetical order stay, so that the choice is the
// same every time.
type attributes map[string]string

// UnmarshalJSON never fails: odd attributes do not make a moment unreadable.
func (a *attributes) UnmarshalJSON(object []byte) error {
	*a = nil
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		members = nil
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		var value *string
		if json.Unmarshal(members[name], &value) != nil || value == nil {
			continue
		}
		if *a == nil {
			*a = make(attributes)
		}
		(*a)[cut(name, maxAttributeNameBytes)] = cut(*value, maxAttributeValueBytes)
		if len(*a) == maxAttributes {
			break
		}
	}
	return nil
}

// present drops the attributes that are empty.
func present(a map[string]string) map[string]string {
	maps.DeleteFunc(a, func(_, value string) bool { return value == "" })
	if len(a) == 0 {
		return nil
	}
	return a
}

// cut shortens s to at most n bytes, between characters, in memory of its own:
// the rest is not kept alive.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.Clone(s[:n])
}

// hexID returns an id of W3C Trace Context, empty when it is not one.
func hexID(s string, digits int) string {
	if len(s) != digits || strings.Trim(s, "0") == "" {
		return ""
	}
	s = strings.ToLower(s)
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	return s
}

func duration(ms float64) int64 {
	return int64(math.Round(min(max(ms, 0), maxDurationMs)))
}

func optional(n *float64) string {
	if n == nil {
		return ""
	}
	return decimal(*n)
}

// decimal writes a count or a duration without fraction.
func decimal(n float64) string {
	return strconv.FormatFloat(math.Round(n), 'f', -1, 64)
}
