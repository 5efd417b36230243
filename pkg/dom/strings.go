package dom

import "hash/maphash"

// interned are strings that came before, found by their content: pages repeat
// the same class names, colors and runs of white space a thousand times. It
// forgets what another string displaces, so that it needs no bound but its
// size.
type interned struct {
	list [internedStrings]string
	buf  []byte // for strings whose escapes are read
}

const (
	internedStrings = 4096
	// maxInterned bounds one of them: longer ones seldom come twice.
	maxInterned = 256
)

var internSeed = maphash.MakeSeed()

// text is value.text without a copy of its own for short strings.
func (s *interned) text(v value) string {
	if v.kind != jsonString || len(v.raw) > maxInterned {
		return v.text()
	}
	raw := v.raw
	if v.escaped {
		s.buf = appendUnescaped(s.buf[:0], raw)
		raw = s.buf
	}
	if len(raw) == 0 {
		return ""
	}
	at := &s.list[maphash.Bytes(internSeed, raw)%internedStrings]
	if *at != string(raw) {
		*at = string(raw)
	}
	return *at
}
