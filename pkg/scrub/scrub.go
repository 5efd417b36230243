// Package scrub is the second line of defence after the recorder's masking: it
// replaces secrets inside the strings of an event by asterisks.
//
// It knows a few unmistakable shapes: card numbers, e-mail addresses, tokens,
// keys, passwords in URLs. It does not mask text by its meaning or by its
// place in the page; that is the recorder's work. Where a shape could also be
// part of the page (ids, path data, data: URLs, style sheets) it prefers to
// keep the replay whole.
package scrub

import "bytes"

// Counts says how many secrets were replaced, by rule.
type Counts struct {
	Card           int // payment card numbers: 13 to 19 digits, known issuer, Luhn
	Email          int
	JWT            int
	Bearer         int // the token after "Bearer "
	APIKey         int // AWS, Stripe, GitHub, Slack and Google keys
	URLCredentials int // user and password in a URL
}

// Add adds the counts of another line.
func (c *Counts) Add(o Counts) {
	c.Card += o.Card
	c.Email += o.Email
	c.JWT += o.JWT
	c.Bearer += o.Bearer
	c.APIKey += o.APIKey
	c.URLCredentials += o.URLCredentials
}

// minSecretBytes is the length of the shortest secret, a@b.cd.
const minSecretBytes = 6

// maxRounds bounds how often a string is read. What was replaced can uncover
// another secret: the asterisks of a card number with spaces make one URL of
// the text around it. A string without secrets is read once, one with secrets
// twice; more takes text that is made for it.
const maxRounds = 8

// Line replaces the secrets inside the string values of line, which must be
// valid JSON, by asterisks of the same length, in place. Member names, numbers
// and everything else stay; an escape sequence is kept or replaced whole, so
// the line stays valid. Scrubbing again changes nothing. It does not allocate
// and takes time proportional to the line. It is safe for concurrent use on
// different lines.
func Line(line []byte) Counts {
	var s scanner
	for i := 0; ; {
		quote := bytes.IndexByte(line[i:], '"')
		if quote < 0 {
			return s.counts
		}
		start := i + quote + 1
		end := stringEnd(line, start)
		if end < 0 {
			return s.counts // not JSON
		}
		i = end + 1
		if end-start < minSecretBytes || isName(line, i) {
			continue
		}
		for range maxRounds {
			before := s.counts
			s.scan(line[start:end])
			if s.counts == before {
				break
			}
		}
	}
}

// stringEnd returns the index of the quote that ends the string whose content
// begins at i, -1 when there is none.
func stringEnd(b []byte, i int) int {
	for {
		quote := bytes.IndexByte(b[i:], '"')
		if quote < 0 {
			return -1
		}
		end := i + quote
		backslashes := 0
		for end-backslashes > i && b[end-backslashes-1] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return end
		}
		// The next search begins after the escaped quote, so no backslash is
		// counted twice.
		i = end + 1
	}
}

// isName tells whether the string that ended just before i names a member.
func isName(b []byte, i int) bool {
	for ; i < len(b); i++ {
		switch b[i] {
		case ' ', '\t', '\n', '\r':
		default:
			return b[i] == ':'
		}
	}
	return false
}
