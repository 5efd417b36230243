package rrweb

import (
	"encoding/binary"
	"encoding/json"
	"math/bits"
)

// Eight bytes are looked at together: most bytes of a recording are plain
// text inside strings.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain returns the index of the first byte from i that needs attention inside
// a string: a quote, a backslash, a control character or a byte beyond ASCII.
func plain(b []byte, i int) int {
	for ; len(b)-i >= 8; i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote := w ^ '"'*ones
		backslash := w ^ '\\'*ones
		// A byte's high bit is set here when the byte is below 0x20, equals
		// the quote or the backslash, or has its own high bit set. Borrows can
		// only set bits above the lowest true one, which is the one we take.
		hit := ((w - 0x20*ones) | (quote - ones) | (backslash - ones) | w) & highs
		if hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x80 {
			return i
		}
	}
	return i
}

// closingQuote returns the index of the quote that ends the valid string
// content b begins with.
func closingQuote(b []byte) int {
	for i := 0; ; i++ {
		switch b[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
}

// equals compares the content of a valid JSON string with a name.
func equals(raw []byte, name string) bool {
	if string(raw) == name {
		return true
	}
	// Every character of a name can be spelled as \uXXXX, 6 bytes; comparing
	// lengths first keeps long and plain keys off the slow path.
	if len(raw) <= len(name) || len(raw) > 6*len(name) {
		return false
	}
	for _, c := range raw {
		if c == '\\' {
			return unquote(raw) == name
		}
	}
	return false
}

// unquote returns the content of a valid JSON string.
func unquote(raw []byte) string {
	quoted := make([]byte, 0, len(raw)+2)
	quoted = append(append(append(quoted, '"'), raw...), '"')
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "" // not reached: the scanner accepted the string
	}
	return s
}
