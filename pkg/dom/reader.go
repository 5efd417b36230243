package dom

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// reader walks one JSON text without copying it. It takes every valid text and
// some invalid ones: events have passed rrweb.Scan when they were accepted. A
// text that it cannot follow sets bad and ends every loop over it.
type reader struct {
	b   []byte
	i   int
	bad bool
}

// jsonKind says what a JSON value is.
type jsonKind uint8

const (
	jsonNone jsonKind = iota
	jsonString
	jsonNumber
	jsonTrue
	jsonFalse
	jsonNull
	jsonObject
	jsonArray
)

// value is a JSON value as it stands in the line: a string without its quotes,
// anything else whole.
type value struct {
	kind    jsonKind
	escaped bool // a string that holds escapes
	raw     []byte
}

func (r *reader) fail() { r.bad, r.i = true, len(r.b) }

func (r *reader) space() {
	for r.i < len(r.b) {
		switch r.b[r.i] {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return
		}
	}
}

// peek says what the next value is.
func (r *reader) peek() jsonKind {
	r.space()
	if r.i == len(r.b) {
		return jsonNone
	}
	switch c := r.b[r.i]; {
	case c == '"':
		return jsonString
	case c == '{':
		return jsonObject
	case c == '[':
		return jsonArray
	case c == '-' || '0' <= c && c <= '9':
		return jsonNumber
	case c == 't':
		return jsonTrue
	case c == 'f':
		return jsonFalse
	case c == 'n':
		return jsonNull
	}
	return jsonNone
}

// object enters an object. When the next value is none it is skipped.
func (r *reader) object() bool { return r.enter(jsonObject) }

// array enters an array. When the next value is none it is skipped.
func (r *reader) array() bool { return r.enter(jsonArray) }

func (r *reader) enter(k jsonKind) bool {
	if r.peek() == k {
		r.i++
		return true
	}
	r.skip()
	return false
}

// member goes to the value of the next member of the object that was entered.
// The key is as it stands in the line; no name that rrweb writes has escapes.
func (r *reader) member() (key []byte, ok bool) {
	if !r.more('}') {
		return nil, false
	}
	if r.peek() != jsonString {
		r.fail()
		return nil, false
	}
	k := r.value()
	r.space()
	if r.i == len(r.b) || r.b[r.i] != ':' {
		r.fail()
		return nil, false
	}
	r.i++
	return k.raw, true
}

// element goes to the next value of the array that was entered.
func (r *reader) element() bool { return r.more(']') }

func (r *reader) more(closing byte) bool {
	r.space()
	if r.i < len(r.b) && r.b[r.i] == ',' {
		r.i++
		r.space()
	}
	if r.i >= len(r.b) {
		r.fail()
		return false
	}
	if r.b[r.i] == closing {
		r.i++
		return false
	}
	return true
}

// value reads the next value whole.
func (r *reader) value() value {
	v := value{kind: r.peek()}
	start := r.i
	switch v.kind {
	case jsonNone:
		r.fail()
		return value{}
	case jsonString:
		v.raw, v.escaped = r.str()
		return v
	case jsonObject, jsonArray:
		r.nested()
	default:
		for r.i < len(r.b) && !ends(r.b[r.i]) {
			r.i++
		}
	}
	v.raw = r.b[start:r.i]
	return v
}

func (r *reader) skip() { r.value() }

func ends(c byte) bool {
	switch c {
	case ',', '}', ']', ' ', '\t', '\n', '\r', ':', '"':
		return true
	}
	return false
}

// maxShort: in longer strings it is quicker to look for one byte at a time.
const maxShort = 16

// str reads the string whose opening quote is next.
func (r *reader) str() (raw []byte, escaped bool) {
	start := r.i + 1
	i := start
	// Most strings are short.
	for b := r.b[i:min(i+maxShort, len(r.b))]; i-start < len(b); i++ {
		if c := b[i-start]; c == '"' {
			r.i = i + 1
			return r.b[start:i], false
		} else if c == '\\' {
			break
		}
	}
	for {
		n := bytes.IndexByte(r.b[i:], '"')
		if n < 0 {
			r.fail()
			return nil, false
		}
		if !escaped && bytes.IndexByte(r.b[i:i+n], '\\') < 0 {
			r.i = i + n + 1
			return r.b[start : i+n], false
		}
		escaped = true
		// The quote is escaped when an odd number of backslashes precedes it.
		i += n
		slashes := 0
		for j := i - 1; j >= start && r.b[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			r.i = i + 1
			return r.b[start:i], true
		}
		i++
	}
}

// nested skips the object or array that is next.
func (r *reader) nested() {
	for depth := 0; r.i < len(r.b); {
		switch r.b[r.i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				r.i++
				return
			}
		case '"':
			r.str()
			continue
		}
		r.i++
	}
	r.fail()
}

// text returns what a value is as JavaScript's toString would spell it:
// strings, numbers and booleans.
func (v value) text() string {
	switch v.kind {
	case jsonString:
		if v.escaped {
			return unescape(v.raw)
		}
		return string(v.raw)
	case jsonNumber:
		return v.number()
	case jsonTrue:
		return "true"
	case jsonFalse:
		return "false"
	case jsonObject:
		return "[object Object]"
	}
	return ""
}

// number spells a number as JavaScript does. JSON.stringify wrote most of
// them, so they already are.
func (v value) number() string {
	if f, err := strconv.ParseFloat(string(v.raw), 64); err == nil {
		if s := strconv.FormatFloat(f, 'f', -1, 64); len(s) <= 21 {
			return s
		}
	}
	return string(v.raw)
}

func (v value) is(s string) bool {
	return v.kind == jsonString && (string(v.raw) == s || v.escaped && unescape(v.raw) == s)
}

// truthy is JavaScript's idea of it.
func (v value) truthy() bool {
	switch v.kind {
	case jsonNone, jsonNull, jsonFalse:
		return false
	case jsonString:
		return len(v.raw) > 0
	case jsonNumber:
		f, err := strconv.ParseFloat(string(v.raw), 64)
		return err != nil || f != 0
	}
	return true
}

func (v value) float() float64 {
	if v.kind != jsonNumber {
		return 0
	}
	if n, ok := v.int(); ok {
		return float64(n)
	}
	f, err := strconv.ParseFloat(string(v.raw), 64)
	if err != nil {
		return 0
	}
	return f
}

// int reads an integer of at most nine digits, the range of node ids here.
func (v value) int() (int32, bool) {
	b := v.raw
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if v.kind != jsonNumber || len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	var n int32
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int32(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// unescape returns the content of a JSON string. Half of a surrogate pair
// alone, which JSON can spell and UTF-8 cannot, becomes U+FFFD.
func unescape(raw []byte) string {
	return string(appendUnescaped(make([]byte, 0, len(raw)), raw))
}

func appendUnescaped(out, raw []byte) []byte {
	for i := 0; i < len(raw); {
		n := bytes.IndexByte(raw[i:], '\\')
		if n < 0 {
			out = append(out, raw[i:]...)
			break
		}
		out = append(out, raw[i:i+n]...)
		i += n + 1
		if i == len(raw) {
			break
		}
		c := raw[i]
		i++
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			var r rune
			r, i = unit(raw, i)
			if utf16.IsSurrogate(r) {
				r, i = pair(raw, i, r)
			}
			out = utf8.AppendRune(out, r)
			continue
		}
		out = append(out, c)
	}
	return out
}

// unit reads four hexadecimal digits.
func unit(raw []byte, i int) (rune, int) {
	if len(raw)-i < 4 {
		return utf8.RuneError, len(raw)
	}
	n, err := strconv.ParseUint(string(raw[i:i+4]), 16, 16)
	if err != nil {
		return utf8.RuneError, i + 4
	}
	return rune(n), i + 4
}

// pair joins a surrogate with the one that follows.
func pair(raw []byte, i int, first rune) (rune, int) {
	if len(raw)-i >= 6 && raw[i] == '\\' && raw[i+1] == 'u' {
		second, end := unit(raw, i+2)
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, end
		}
	}
	return utf8.RuneError, i
}
