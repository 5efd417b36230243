package scrub

// scanner looks for secrets in the contents of JSON strings, one after the
// other, from left to right, and replaces what it finds.
type scanner struct {
	b []byte

	// Rules look back no further than floor, so that what they find never
	// begins inside an escape sequence, a data: URL or an earlier finding.
	floor int

	noJWT  int // no JWT begins before this index
	counts Counts
}

// The bytes at which a rule begins to look. Everything else is passed by.
const (
	pass = iota
	backslash
	digit
	colon     // data: URLs, credentials in URLs
	at        // e-mail addresses
	percent   // %40, an encoded @
	letterB   // Bearer
	letterJ   // eyJ
	letterK   // AKIA
	letterX   // xoxb-, xoxp-
	letterZ   // AIza
	underline // sk_live_, ghp_, …
)

var triggers = [256]uint8{
	'\\': backslash, ':': colon, '@': at, '%': percent, 'B': letterB, 'b': letterB,
	'J': letterJ, 'K': letterK, 'x': letterX, 'z': letterZ, '_': underline,
	'0': digit, '1': digit, '2': digit, '3': digit, '4': digit,
	'5': digit, '6': digit, '7': digit, '8': digit, '9': digit,
}

// scan scrubs the content of one string.
func (s *scanner) scan(b []byte) {
	s.b, s.floor, s.noJWT = b, 0, 0
	for i := 0; i < len(b); {
		trigger := triggers[b[i]]
		if trigger == pass {
			i++
			continue
		}
		if next := hopeless(trigger, b, i); next > 0 {
			i = next
			continue
		}
		i = s.look(trigger, i)
	}
}

// hopeless looks at the neighbours of the byte at i, most of which rule out
// what its rule looks for. It returns where to go on then, and 0 when the rule
// must decide: it never passes by what a rule would find.
func hopeless(trigger uint8, b []byte, i int) int {
	var before, after byte
	if i > 0 {
		before = b[i-1]
	}
	if i+1 < len(b) {
		after = b[i+1]
	}
	hope := true
	switch trigger {
	case digit:
		return noCard(b, i, before)
	case colon:
		hope = after == '/' || after == '\\' || before|0x20 == 'a'
	case percent:
		hope = after == '4'
	case letterB:
		hope = after|0x20 == 'e'
	case letterJ:
		hope = before == 'y'
	case letterK:
		hope = before == 'A'
	case letterX:
		hope = after == 'o'
	case letterZ:
		hope = before == 'I'
	case underline:
		hope = before == 'e' || before == 't' || before == 'p' || before == 'o'
	}
	if hope {
		return 0
	}
	return i + 1
}

// noCard returns the end of the digits that begin at i when they are too few
// for a card number and do not begin one that is grouped.
func noCard(b []byte, i int, before byte) int {
	end := i + 1
	for end < len(b) && isDigit(b[end]) {
		end++
	}
	n := end - i
	if n >= minCardDigits || before == '%' {
		return 0
	}
	if (n == 4 || n == 6) && end < len(b) && (b[end] == ' ' || b[end] == '-') {
		return 0
	}
	return end
}

// look applies the rules of the byte at i and returns where to go on, which is
// always after i.
func (s *scanner) look(trigger uint8, i int) int {
	switch trigger {
	case digit:
		return s.card(i)
	case backslash:
		return s.escape(i)
	case colon:
		return s.url(i)
	case at:
		return s.email(i, i+1)
	case percent:
		if s.has(i, "%40") {
			return s.email(i, i+len("%40"))
		}
	case letterB:
		return s.bearer(i)
	case letterJ:
		return s.jwt(i)
	case letterK, letterX, letterZ, underline:
		return s.apiKey(i)
	}
	return i + 1
}

// escape passes an escape sequence. After an escaped backslash it also passes
// what would be the rest of an escape sequence if the string holds JSON itself
// (bodies of requests, arguments of console calls), so that this JSON stays
// valid too.
func (s *scanner) escape(i int) int {
	if i+1 < len(s.b) && s.b[i+1] != 'u' && s.b[i+1] != '\\' {
		s.floor = i + len(`\n`)
		return s.floor
	}
	if s.has(i, `\u0040`) {
		if next := s.email(i, i+len(`\u0040`)); s.floor == next {
			return next
		}
	}
	end := i + escapeLen(s.b[i:])
	if s.has(i, `\\`) && end < len(s.b) {
		switch s.b[end] {
		case 'n', 'r', 't', 'b', 'f':
			end++
		case 'u':
			end = s.run(end+1, 4, isHex)
		}
	}
	s.floor = end
	return end
}

// escapeLen returns the length of the escape sequence that b begins with.
func escapeLen(b []byte) int {
	if len(b) > 1 && b[1] == 'u' {
		return min(len(`\uXXXX`), len(b))
	}
	return min(len(`\n`), len(b))
}

// replace overwrites a finding and returns where to go on.
func (s *scanner) replace(start, end int, count *int) int {
	for i := start; i < end; i++ {
		s.b[i] = '*'
	}
	*count++
	s.floor = end
	return end
}

// has tells whether the prefix is at i, not before the floor.
func (s *scanner) has(i int, prefix string) bool {
	return i >= s.floor && len(s.b)-i >= len(prefix) && string(s.b[i:i+len(prefix)]) == prefix
}

// edge tells whether a token can begin at i: at the floor, after a percent
// escape (%20) and after any byte that is not part of words.
func (s *scanner) edge(i int) bool {
	return i <= s.floor || !isWordByte(s.b[i-1]) || s.afterPercent(i)
}

func (s *scanner) afterPercent(i int) bool {
	return i-3 >= s.floor && s.b[i-3] == '%' && isHex(s.b[i-2]) && isHex(s.b[i-1])
}

// run returns the end of the bytes of a kind that begin at i, no more than
// most.
func (s *scanner) run(i, most int, kind func(byte) bool) int {
	end := min(len(s.b), i+most)
	for i < end && kind(s.b[i]) {
		i++
	}
	return i
}

// unlimited is longer than any string.
const unlimited = 1 << 40

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isAlnum(c byte) bool  { return isDigit(c) || isLetter(c) }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isUpperOrDigit(c byte) bool { return isDigit(c) || 'A' <= c && c <= 'Z' }

func isWordByte(c byte) bool { return isAlnum(c) || c == '_' }

// isTokenByte: base64url, which most tokens are written in.
func isTokenByte(c byte) bool { return isAlnum(c) || c == '_' || c == '-' }
