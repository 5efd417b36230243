package rrweb

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// MaxTimestampMs is the last instant of an ECMAScript date (ECMA-262, time
// values), ms since the epoch. A browser cannot make a later one.
const MaxTimestampMs = 8_640_000_000_000_000

// The ways in which a line is not an event. Scan wraps ErrSyntax, ErrDepth and
// ErrNotObject with the byte offset, the others with the field.
var (
	ErrSyntax    = errors.New("not JSON (RFC 8259)")
	ErrDepth     = errors.New("nested too deeply")
	ErrNotObject = errors.New("not a JSON object")
	ErrType      = errors.New("must be an integer of 0 or more")
	ErrTimestamp = errors.New("must be a number of ms from 0 to 8640000000000000")
)

// Scan validates line as one JSON object (RFC 8259, UTF-8 included, at most
// maxDepth objects and arrays inside one another, the event itself counted)
// and reads the event's envelope on the way. When a name repeats the last one
// counts, as in JavaScript.
//
// The whole line is validated before ErrType and ErrTimestamp are considered,
// so these two mean well-formed JSON. Scan does not allocate, except for a tag
// that it does not know and for errors. Its stack grows with maxDepth, by
// about 200 bytes a level.
func Scan(line []byte, maxDepth int) (Event, error) {
	s := scanner{b: line, maxDepth: maxDepth}
	i := s.space(0)
	if i == len(line) {
		return Event{}, s.errorAt(ErrSyntax, i)
	}
	if line[i] != '{' {
		return Event{}, s.errorAt(ErrNotObject, i)
	}
	if maxDepth < 1 {
		return Event{}, s.errorAt(ErrDepth, i)
	}
	env, i := s.event(i)
	if i < 0 {
		return Event{}, s.err
	}
	if i = s.space(i); i != len(line) {
		return Event{}, s.errorAt(ErrSyntax, i)
	}
	return env.read()
}

// envelope holds the raw values that make an Event. They are read at the end
// because their order in the line is free and the last of each name counts.
type envelope struct {
	typ, timestamp []byte
	data           dataEnvelope
}

type dataEnvelope struct {
	source, typ, tag, plugin []byte
}

func (e *envelope) read() (Event, error) {
	ev := Event{Source: SourceNone, Interaction: InteractionNone}
	typ, ok := integer(e.typ)
	if !ok {
		return Event{}, fmt.Errorf("type %w", ErrType)
	}
	ev.Type = Type(typ)
	if ev.TimestampMs, ok = timestamp(e.timestamp); !ok {
		return Event{}, fmt.Errorf("timestamp %w", ErrTimestamp)
	}
	switch ev.Type {
	case TypeIncremental:
		if source, ok := integer(e.data.source); ok {
			ev.Source = Source(source)
		}
		if interaction, ok := integer(e.data.typ); ok && ev.Source == SourceMouseInteraction {
			ev.Interaction = interaction
		}
	case TypeCustom:
		ev.Tag = name(e.data.tag)
	case TypePlugin:
		ev.Tag = name(e.data.plugin)
	}
	return ev, nil
}

// integer reads a JSON number that is an integer from 0 to 2^31-1, in any
// spelling (JavaScript cannot tell 3 from 3.0).
func integer(raw []byte) (int, bool) {
	if n, ok := digits(raw, 9); ok {
		return int(n), true
	}
	f, ok := number(raw)
	if !ok || f < 0 || f > math.MaxInt32 || f != math.Trunc(f) {
		return 0, false
	}
	return int(f), true
}

// timestamp reads a JSON number of ms and drops its fraction.
func timestamp(raw []byte) (int64, bool) {
	n, ok := digits(raw, 16)
	if !ok {
		f, isNumber := number(raw)
		if !isNumber || f < 0 || f > MaxTimestampMs {
			return 0, false
		}
		n = int64(f)
	}
	return n, n <= MaxTimestampMs
}

// digits reads 1 to most decimal digits and nothing else.
func digits(raw []byte, most int) (int64, bool) {
	if len(raw) == 0 || len(raw) > most {
		return 0, false
	}
	var n int64
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// maxNumberBytes bounds the numbers that are read by value. JavaScript writes
// no number in more than 25 bytes.
const maxNumberBytes = 64

func number(raw []byte) (float64, bool) {
	if len(raw) == 0 || len(raw) > maxNumberBytes || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	return f, err == nil
}

// name reads a JSON string. The tags of the Playhead recorder cost nothing.
func name(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	switch inner := raw[1 : len(raw)-1]; string(inner) {
	case "playhead.request":
		return "playhead.request"
	case "playhead.console":
		return "playhead.console"
	case "playhead.error":
		return "playhead.error"
	case "playhead.click":
		return "playhead.click"
	case "playhead.navigation":
		return "playhead.navigation"
	case "playhead.visibility":
		return "playhead.visibility"
	case "playhead.long_frame":
		return "playhead.long_frame"
	case "playhead.identify":
		return "playhead.identify"
	case "playhead.custom":
		return "playhead.custom"
	case "playhead.state":
		return "playhead.state"
	case "rrweb/console@1":
		return "rrweb/console@1"
	case "rrweb/network@1":
		return "rrweb/network@1"
	default:
		return unquote(inner)
	}
}

// scanner walks one JSON text. Its methods take the index of a value's first
// byte and return the index after the value, or -1 with err set.
type scanner struct {
	b        []byte
	maxDepth int
	err      error
}

func (s *scanner) errorAt(err error, i int) error {
	return fmt.Errorf("%w at byte %d", err, i)
}

func (s *scanner) fail(err error, i int) int {
	s.err = s.errorAt(err, i)
	return -1
}

// event reads the event's own object, which begins at i.
func (s *scanner) event(i int) (envelope, int) {
	var env envelope
	end := s.members(i, func(key []byte, v int) int {
		switch {
		case equals(key, "type"):
			return s.keep(&env.typ, v, 2)
		case equals(key, "timestamp"):
			return s.keep(&env.timestamp, v, 2)
		case equals(key, "data"):
			env.data = dataEnvelope{}
			if s.b[v] == '{' && s.maxDepth > 1 {
				return s.data(&env.data, v)
			}
		}
		return s.value(v, 2)
	})
	return env, end
}

// data reads the object under "data", which begins at i.
func (s *scanner) data(d *dataEnvelope, i int) int {
	return s.members(i, func(key []byte, v int) int {
		switch {
		case equals(key, "source"):
			return s.keep(&d.source, v, 3)
		case equals(key, "type"):
			return s.keep(&d.typ, v, 3)
		case equals(key, "tag"):
			return s.keep(&d.tag, v, 3)
		case equals(key, "plugin"):
			return s.keep(&d.plugin, v, 3)
		}
		return s.value(v, 3)
	})
}

func (s *scanner) keep(raw *[]byte, i, depth int) int {
	end := s.value(i, depth)
	if end >= 0 {
		*raw = s.b[i:end]
	}
	return end
}

// members walks the object that begins at i and calls value for each member
// with its key, between the quotes, and the index of its value.
func (s *scanner) members(i int, value func(key []byte, v int) int) int {
	i = s.space(i + 1)
	if i < len(s.b) && s.b[i] == '}' {
		return i + 1
	}
	for {
		keyStart := i
		if i = s.key(i); i < 0 {
			return -1
		}
		key := s.b[keyStart+1:]
		key = key[:closingQuote(key)]
		if i = value(key, i); i < 0 {
			return -1
		}
		var more bool
		if i, more = s.next(i, '}'); !more {
			return i
		}
	}
}

// value validates the value at i; depth is what an object or array here would
// count as.
func (s *scanner) value(i, depth int) int {
	if i == len(s.b) {
		return s.fail(ErrSyntax, i)
	}
	switch c := s.b[i]; {
	case c == '"':
		return s.str(i)
	case c == '{':
		return s.object(i, depth)
	case c == '[':
		return s.array(i, depth)
	case c == '-' || '0' <= c && c <= '9':
		return s.number(i)
	case c == 't':
		return s.literal(i, "true")
	case c == 'f':
		return s.literal(i, "false")
	case c == 'n':
		return s.literal(i, "null")
	}
	return s.fail(ErrSyntax, i)
}

func (s *scanner) object(i, depth int) int {
	if depth > s.maxDepth {
		return s.fail(ErrDepth, i)
	}
	i = s.space(i + 1)
	if i < len(s.b) && s.b[i] == '}' {
		return i + 1
	}
	for {
		if i = s.key(i); i < 0 {
			return -1
		}
		if i = s.value(i, depth+1); i < 0 {
			return -1
		}
		var more bool
		if i, more = s.next(i, '}'); !more {
			return i
		}
	}
}

func (s *scanner) array(i, depth int) int {
	if depth > s.maxDepth {
		return s.fail(ErrDepth, i)
	}
	i = s.space(i + 1)
	if i < len(s.b) && s.b[i] == ']' {
		return i + 1
	}
	for {
		if i = s.value(i, depth+1); i < 0 {
			return -1
		}
		var more bool
		if i, more = s.next(i, ']'); !more {
			return i
		}
	}
}

// key validates a member's name and the colon after it, and returns the index
// of the member's value.
func (s *scanner) key(i int) int {
	if i >= len(s.b) || s.b[i] != '"' {
		return s.fail(ErrSyntax, i)
	}
	if i = s.str(i); i < 0 {
		return -1
	}
	i = s.space(i)
	if i == len(s.b) || s.b[i] != ':' {
		return s.fail(ErrSyntax, i)
	}
	i = s.space(i + 1)
	if i == len(s.b) {
		return s.fail(ErrSyntax, i)
	}
	return i
}

// next reads what follows a value inside a container: a comma (more is true,
// the index is that of what comes next) or the closing byte.
func (s *scanner) next(i int, closing byte) (_ int, more bool) {
	i = s.space(i)
	if i == len(s.b) {
		return s.fail(ErrSyntax, i), false
	}
	switch s.b[i] {
	case ',':
		return s.space(i + 1), true
	case closing:
		return i + 1, false
	}
	return s.fail(ErrSyntax, i), false
}

func (s *scanner) space(i int) int {
	for i < len(s.b) {
		switch s.b[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// str validates the string whose opening quote is at i.
func (s *scanner) str(i int) int {
	b := s.b
	for i++; ; {
		i = plain(b, i)
		if i == len(b) {
			return s.fail(ErrSyntax, i)
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			n := escape(b[i:])
			if n == 0 {
				return s.fail(ErrSyntax, i)
			}
			i += n
		case c < 0x20:
			return s.fail(ErrSyntax, i)
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n <= 1 {
				return s.fail(ErrSyntax, i)
			}
			i += n
		}
	}
}

// escape returns the length of the escape sequence that b begins with, 0 when
// it is none. Lone surrogates are allowed: JSON.stringify writes them.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) >= 6 && isHex(b[2]) && isHex(b[3]) && isHex(b[4]) && isHex(b[5]) {
			return 6
		}
	}
	return 0
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func (s *scanner) number(i int) int {
	b := s.b
	if b[i] == '-' {
		i++
	}
	start := i
	if i = digitsFrom(b, i); i == start || b[start] == '0' && i > start+1 {
		return s.fail(ErrSyntax, start)
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = digitsFrom(b, start); i == start {
			return s.fail(ErrSyntax, i)
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		start = i + 1
		if start < len(b) && (b[start] == '+' || b[start] == '-') {
			start++
		}
		if i = digitsFrom(b, start); i == start {
			return s.fail(ErrSyntax, i)
		}
	}
	return i
}

func digitsFrom(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

func (s *scanner) literal(i int, word string) int {
	if len(s.b)-i < len(word) || string(s.b[i:i+len(word)]) != word {
		return s.fail(ErrSyntax, i)
	}
	return i + len(word)
}
