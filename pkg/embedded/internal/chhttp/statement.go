package chhttp

import (
	"bytes"
	"strings"
)

// statement is what the server must know of a statement before it gives it to
// the engine: everything else is the engine's own parser's business.
type statement struct {
	empty   bool   // has nothing but blanks and comments
	insert  bool   // begins with INSERT
	selects bool   // is a SELECT, whose result can be streamed
	format  string // the FORMAT clause's format, "" when there is none
	head    int    // INSERT with data: the bytes before FORMAT or VALUES
	data    int    // INSERT with data: where the data begins; 0 otherwise
}

// parseStatement reads a statement that may be followed by data. It never
// looks into the data.
func parseStatement(sql []byte) statement {
	l := lexer{sql: sql}
	first := l.next()
	if !first.is("INSERT") {
		selects := first.is("SELECT") || first.is("WITH") || first.isByte('(')
		return statement{empty: first.kind == end, selects: selects, format: outputFormat(&l)}
	}
	s := statement{insert: true}
	for t := l.next(); t.kind != end; t = l.next() {
		if t.depth > 0 || t.kind != word {
			continue
		}
		switch {
		case t.is("SELECT"), t.is("WITH"), t.is("FROM"):
			return s
		case t.is("VALUES"):
			s.format, s.head, s.data = "Values", t.start, t.end
			return s
		case t.is("FORMAT"):
			name := l.next()
			if name.kind != word || name.is("SETTINGS") {
				continue
			}
			s.format, s.head, s.data = string(name.text), t.start, dataStart(sql, name.end)
			return s
		}
	}
	return s
}

// dataStart passes what ClickHouse lets stand between FORMAT name and the
// data: blanks and one line break.
func dataStart(sql []byte, i int) int {
	for i < len(sql) && (sql[i] == ' ' || sql[i] == '\t' || sql[i] == '\f') {
		i++
	}
	if i < len(sql) && sql[i] == '\r' {
		i++
	}
	if i < len(sql) && sql[i] == '\n' {
		i++
	}
	return i
}

// outputFormat finds "FORMAT name" at the end of a statement, where only
// SETTINGS may follow.
func outputFormat(l *lexer) string {
	format := ""
	var previous token
	for t := l.next(); t.kind != end; t = l.next() {
		switch {
		case t.depth > 0 || t.kind != word && t.kind != quoted:
			if !t.isByte(';') {
				format = ""
			}
		case previous.is("FORMAT"):
			format = strings.Trim(string(t.text), "`\"")
		case t.is("SETTINGS") && format != "":
			return format
		default:
			format = ""
		}
		// FORMAT is a name of a column after these.
		if previous.is("BY") || previous.is("SELECT") || previous.is("AS") || previous.isByte(',') || previous.isByte('.') {
			t.kind = other
		}
		previous = t
	}
	return format
}

type tokenKind uint8

const (
	end tokenKind = iota
	word
	quoted
	other
)

type token struct {
	kind       tokenKind
	text       []byte
	start, end int
	depth      int // of parentheses around it
}

func (t token) is(keyword string) bool {
	return t.kind == word && bytes.EqualFold(t.text, []byte(keyword))
}

func (t token) isByte(b byte) bool { return len(t.text) == 1 && t.text[0] == b }

// lexer cuts SQL into words, quoted things and single other bytes, without
// comments and blanks.
type lexer struct {
	sql   []byte
	at    int
	depth int
}

func (l *lexer) next() token {
	l.skipBlanks()
	start := l.at
	if start >= len(l.sql) {
		return token{kind: end, start: start, end: start, depth: l.depth}
	}
	switch b := l.sql[start]; {
	case isWordByte(b):
		for l.at < len(l.sql) && isWordByte(l.sql[l.at]) {
			l.at++
		}
		return l.token(word, start)
	case b == '\'' || b == '"' || b == '`':
		l.skipQuoted(b)
		return l.token(quoted, start)
	case b == '$' && l.skipHeredoc():
		return l.token(quoted, start)
	case b == '(' || b == '[' || b == '{':
		l.at++
		t := l.token(other, start)
		l.depth++
		return t
	case b == ')' || b == ']' || b == '}':
		l.at++
		l.depth = max(0, l.depth-1)
		return l.token(other, start)
	default:
		l.at++
		return l.token(other, start)
	}
}

func (l *lexer) token(k tokenKind, start int) token {
	return token{kind: k, text: l.sql[start:l.at], start: start, end: l.at, depth: l.depth}
}

func isWordByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}

func (l *lexer) skipBlanks() {
	for l.at < len(l.sql) {
		rest := l.sql[l.at:]
		switch {
		case rest[0] == ' ' || rest[0] >= '\t' && rest[0] <= '\r':
			l.at++
		case bytes.HasPrefix(rest, []byte("--")), bytes.HasPrefix(rest, []byte("#!")), bytes.HasPrefix(rest, []byte("# ")):
			l.skipPast(rest, "\n")
		case bytes.HasPrefix(rest, []byte("/*")):
			l.skipComment()
		default:
			return
		}
	}
}

// skipComment passes a /* */ comment; comments nest.
func (l *lexer) skipComment() {
	depth := 0
	for l.at < len(l.sql) {
		rest := l.sql[l.at:]
		switch {
		case bytes.HasPrefix(rest, []byte("/*")):
			depth++
			l.at += 2
		case bytes.HasPrefix(rest, []byte("*/")):
			depth--
			l.at += 2
			if depth == 0 {
				return
			}
		default:
			l.at++
		}
	}
}

func (l *lexer) skipPast(rest []byte, mark string) {
	i := bytes.Index(rest, []byte(mark))
	if i < 0 {
		l.at = len(l.sql)
		return
	}
	l.at += i + len(mark)
}

// skipQuoted passes a quoted thing; a quote inside is doubled or escaped.
func (l *lexer) skipQuoted(quote byte) {
	for l.at++; l.at < len(l.sql); l.at++ {
		switch l.sql[l.at] {
		case '\\':
			l.at++
		case quote:
			if l.at+1 < len(l.sql) && l.sql[l.at+1] == quote {
				l.at++
				continue
			}
			l.at++
			return
		}
	}
	l.at = len(l.sql)
}

// skipHeredoc passes $tag$ … $tag$, when there is one here.
func (l *lexer) skipHeredoc() bool {
	i := l.at + 1
	for i < len(l.sql) && isWordByte(l.sql[i]) {
		i++
	}
	if i >= len(l.sql) || l.sql[i] != '$' {
		return false
	}
	tag := l.sql[l.at : i+1]
	closing := bytes.Index(l.sql[i+1:], tag)
	if closing < 0 {
		return false
	}
	l.at = i + 1 + closing + len(tag)
	return true
}
