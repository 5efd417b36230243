// Package search reads the search language of docs/format/playback.md: what
// people type to find sessions, in Grafana and in the standalone page.
//
// It turns text into a query and finds nothing itself; that is pkg/index.
package search

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// Keys are those that a pair can have.
var Keys = []string{"browser", "country", "duration", "env", "environment", "errors", "release", "seen", "session", "signal", "trace", "url", "user"}

// Error says what of a search cannot be understood.
type Error struct {
	At     int // byte of the text at which it stands
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("at %d: %s", e.At+1, e.Reason) }

// Parse reads a search. Conditions that it does not have are left as they are
// in q, so that they can come from elsewhere; those that it has replace them.
// The error is an *Error.
func Parse(text string, q index.SessionQuery) (index.SessionQuery, error) {
	if !utf8.ValidString(text) {
		return q, &Error{0, "the text is not valid UTF-8"}
	}
	p := parser{query: q}
	terms, err := split(text)
	if err != nil {
		return q, err
	}
	var words []string
	for _, t := range terms {
		if t.key == "" {
			words = append(words, t.value)
			continue
		}
		if reason := p.pair(t); reason != "" {
			return q, &Error{t.at, reason}
		}
	}
	if len(words) > 0 {
		p.query.Text = strings.Join(words, " ")
	}
	if p.query.MaxDurationMs != 0 && p.query.MinDurationMs > p.query.MaxDurationMs {
		return q, &Error{0, "no session is longer than the one duration and shorter than the other"}
	}
	return p.query, nil
}

// Quote is a value as it is written after a key, which with two slashes behind
// it would be the beginning of an address.
func Quote(value string) string {
	if value != "" && !strings.HasPrefix(value, "//") && !strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || r == '"' || r == '\\' }) {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// term is a word, or a key and its value.
type term struct {
	at         int
	key, value string
	quoted     bool
}

// split cuts a text at white space that is not in quotes.
func split(text string) ([]term, error) {
	var terms []term
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if unicode.IsSpace(r) {
			at += size
			continue
		}
		t := term{at: at}
		t.key = keyAt(text[at:])
		begin := at
		if t.key != "" {
			begin += len(t.key) + 1
		}
		value, length, closed := valueAt(text[begin:])
		if !closed {
			return nil, &Error{begin, "a quote is not closed"}
		}
		t.value, t.quoted = value, strings.HasPrefix(text[begin:], `"`)
		if t.key != "" && value == "" {
			return nil, &Error{at, t.key + " has no value"}
		}
		if value != "" {
			terms = append(terms, t)
		}
		at = begin + length
	}
	return terms, nil
}

// keyAt returns the key that a text begins with. An address has none.
func keyAt(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool { return r < 'a' || r > 'z' })
	if end <= 0 || text[end] != ':' || strings.HasPrefix(text[end:], "://") {
		return ""
	}
	return text[:end]
}

// valueAt returns the value that a text begins with, without its quotes, and
// how long it is with them.
func valueAt(text string) (value string, length int, closed bool) {
	if !strings.HasPrefix(text, `"`) {
		if end := strings.IndexFunc(text, unicode.IsSpace); end >= 0 {
			text = text[:end]
		}
		return text, len(text), true
	}
	var unquoted strings.Builder
	for at := 1; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			return unquoted.String(), at + 1, true
		case c == '\\' && at+1 < len(text):
			at++
			unquoted.WriteByte(text[at])
		default:
			unquoted.WriteByte(c)
		}
	}
	return "", 0, false
}

type parser struct {
	query index.SessionQuery
	seen  []string
}

// pair adds a condition and returns why it cannot.
func (p *parser) pair(t term) (reason string) {
	if !slices.Contains(Keys, t.key) {
		return fmt.Sprintf("there is no key %s; text with a colon stands in quotes", t.key)
	}
	again := slices.Contains(p.seen, t.key)
	if again && t.key != "duration" && t.key != "seen" {
		return t.key + " stands there twice"
	}
	p.seen = append(p.seen, t.key)
	switch t.key {
	case "user":
		p.query.UserID = t.value
	case "url":
		p.query.URL = t.value
	case "signal":
		p.query.Signal = t.value
	case "seen":
		text := strings.ReplaceAll(t.value, `"`, " ")
		if t.quoted {
			text = index.Phrase(t.value)
		}
		if again {
			text = p.query.Seen + " " + text
		}
		p.query.Seen = text
	case "release":
		p.query.Release = t.value
	case "env", "environment":
		p.query.Environment = t.value
	case "browser":
		return p.browser(t.value)
	case "country":
		return p.country(t.value)
	case "errors":
		return p.errors(t.value)
	case "trace":
		return p.trace(t.value)
	case "session":
		return p.session(t.value)
	case "duration":
		return p.duration(t.value)
	}
	return ""
}

func (p *parser) browser(value string) string {
	if !slices.ContainsFunc(index.Browsers, func(name string) bool { return strings.EqualFold(name, value) }) {
		return "browser is one of " + strings.Join(index.Browsers, ", ")
	}
	p.query.Browser = value
	return ""
}

func (p *parser) country(value string) string {
	if len(value) != 2 || strings.Trim(strings.ToLower(value), "abcdefghijklmnopqrstuvwxyz") != "" {
		return "a country has two letters, such as de"
	}
	p.query.Country = strings.ToUpper(value)
	return ""
}

func (p *parser) errors(value string) string {
	if value != "yes" && value != "true" {
		return "errors can only be yes"
	}
	p.query.Errors = true
	return ""
}

func (p *parser) trace(value string) string {
	if len(value) != 32 || strings.Trim(value, "0123456789abcdefABCDEF") != "" {
		return "a trace has 32 digits, 0 to 9 and a to f"
	}
	p.query.TraceID = strings.ToLower(value)
	return ""
}

func (p *parser) session(value string) string {
	id, err := recording.ParseSessionID(value)
	if err != nil {
		return "that is not the id of a session"
	}
	p.query.SessionID = id
	return ""
}

const durations = "a duration is >2m, >=2m, <90s, <=90s or 30s..5m, in ms, s, m or h"

func (p *parser) duration(value string) string {
	var least, most int64 // 0: not bounded
	var known bool
	switch first, last, isRange := strings.Cut(value, ".."); {
	case isRange:
		var both bool
		least, known = millis(first)
		most, both = millis(last)
		known = known && both
	case strings.HasPrefix(value, ">="):
		least, known = millis(value[2:])
	case strings.HasPrefix(value, ">"):
		least, known = millis(value[1:])
		least++
	case strings.HasPrefix(value, "<="):
		most, known = millis(value[2:])
	case strings.HasPrefix(value, "<"):
		most, known = millis(value[1:])
		most--
	}
	if !known || most < 0 {
		return durations
	}
	if least != 0 {
		p.query.MinDurationMs = least
	}
	if most != 0 {
		p.query.MaxDurationMs = most
	}
	return ""
}

// units are in ms; one that another ends with comes after it.
var units = []struct {
	name string
	ms   float64
}{{"ms", 1}, {"s", 1000}, {"m", 60_000}, {"h", 3_600_000}}

// maxDurationMs is a year, longer than any session.
const maxDurationMs = 366 * 24 * 3_600_000

func millis(text string) (ms int64, known bool) {
	for _, unit := range units {
		number, has := strings.CutSuffix(text, unit.name)
		if !has {
			continue
		}
		if strings.Trim(number, "0123456789.") != "" {
			return 0, false
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || n <= 0 || n*unit.ms > maxDurationMs || n*unit.ms < 1 {
			return 0, false
		}
		return int64(n * unit.ms), true
	}
	return 0, false
}
