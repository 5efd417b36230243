package dom

import "strings"

// rule is one rule of a style sheet. What is in a block is told apart into
// declarations and rules; their order among each other is not kept.
type rule struct {
	prelude string // selectors, or an at-rule up to its block
	body    string // declarations
	rules   []*rule
	block   bool // not a statement like @import

	// What hiding needs of it, once it was asked for.
	selectors             selectorList
	says                  said
	saysAny               bool
	preludeRead, bodyRead bool
}

// maxRuleDepth bounds blocks inside one another.
const maxRuleDepth = 32

// cssSpecial are the bytes that may mean something to cssEnd.
var cssSpecial = func() (special [256]bool) {
	for _, c := range []byte("\\\"'/()[],;{} \t\n\r\f>+~") {
		special[c] = true
	}
	return special
}()

// cssEnd returns the index of the first of the bytes in stop that is not
// inside a string, comment, bracket or escape; len(s) when there is none.
func cssEnd(s, stop string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !cssSpecial[c] {
			continue
		}
		switch {
		case c == '\\':
			i++
		case c == '"' || c == '\'':
			i = stringEnd(s, i)
		case c == '/' && i+1 < len(s) && s[i+1] == '*':
			n := strings.Index(s[i+2:], "*/")
			if n < 0 {
				return len(s)
			}
			i += n + 3
		case depth == 0 && strings.IndexByte(stop, c) >= 0:
			return i
		case c == '(' || c == '[':
			depth++
		case (c == ')' || c == ']') && depth > 0:
			depth--
		}
	}
	return len(s)
}

// stringEnd returns the index of the quote or line end that closes the string
// which begins at i.
func stringEnd(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case s[i], '\n':
			return j
		}
	}
	return len(s)
}

func stripComments(s string) string {
	if !strings.Contains(s, "/*") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "/*")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		if _, s, ok = strings.Cut(rest, "*/"); !ok {
			return b.String()
		}
	}
}

// balanced reports whether a value can stand in a declaration.
func balanced(s string) bool { return cssEnd(s, ";{}") == len(s) && closed(s) }

// closed reports whether every string, bracket, comment and escape in a text
// ends in it. One that does not would go on in what is written behind it.
func closed(s string) bool {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '"' || c == '\'':
			i = stringEnd(s, i)
		case c == '/' && i+1 < len(s) && s[i+1] == '*':
			n := strings.Index(s[i+2:], "*/")
			if n < 0 {
				return false
			}
			i += n + 3
			continue
		case c == '(' || c == '[':
			depth++
		case (c == ')' || c == ']') && depth > 0:
			depth--
		}
		if i >= len(s) {
			return false
		}
	}
	return depth == 0
}

// parseRules reads a style sheet.
func parseRules(css string) []*rule {
	_, rules := parseBlock(css, 0)
	return rules
}

// parseBlock reads declarations and rules up to the end of s.
func parseBlock(s string, depth int) (body string, rules []*rule) {
	var declarations []string
	for len(s) > 0 {
		s = skipSpace(s)
		end := cssEnd(s, ";{}")
		if strings.HasPrefix(s, "--") {
			end = customEnd(s)
		}
		item := strings.TrimSpace(stripComments(s[:end]))
		if end == len(s) || s[end] != '{' {
			switch {
			case item == "" || !closed(item): // a browser mostly does not know what is cut off
			case item[0] != '@':
				declarations = append(declarations, item)
			default:
				if r := (&rule{prelude: item}); r.valid() {
					rules = append(rules, r)
				}
			}
			s = s[min(end+1, len(s)):]
			continue
		}
		inner, rest := blockOf(s[end:])
		s = rest
		if depth == maxRuleDepth {
			continue
		}
		r := &rule{prelude: item, block: true}
		if !r.valid() {
			continue
		}
		r.body, r.rules = parseBlock(inner, depth+1)
		rules = append(rules, r)
	}
	return strings.Join(declarations, "; "), rules
}

// countRules is at least the number of rules that a browser makes of a text.
func countRules(css string) int {
	n := 0
	for len(css) > 0 {
		end := cssEnd(css, ";{}")
		if end == len(css) {
			break
		}
		if css[end] == '{' {
			_, css = blockOf(css[end:])
		} else {
			css = css[end+1:]
		}
		n++
	}
	return n
}

func skipSpace(s string) string {
	for {
		s = strings.TrimLeft(s, " \t\n\r\f")
		switch {
		case strings.HasPrefix(s, "/*"):
			_, after, ok := strings.Cut(s[2:], "*/")
			if !ok {
				return ""
			}
			s = after
		case strings.HasPrefix(s, "<!--"):
			s = s[4:]
		case strings.HasPrefix(s, "-->"):
			s = s[3:]
		default:
			return s
		}
	}
}

// customEnd is the end of a custom property, which may hold braces.
func customEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); {
		n := cssEnd(s[i:], ";{}")
		i += n
		if i == len(s) {
			return i
		}
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth--
		case ';':
			if depth == 0 {
				return i
			}
		}
		if depth < 0 {
			return i
		}
		i++
	}
	return len(s)
}

// blockOf splits what follows the brace that s begins with at its closing one.
func blockOf(s string) (inner, rest string) {
	depth := 0
	for i := 0; i < len(s); {
		n := cssEnd(s[i:], "{}")
		i += n
		if i == len(s) {
			break
		}
		if s[i] == '{' {
			depth++
		} else {
			depth--
		}
		i++
		if depth == 0 {
			return s[1 : i-1], s[i:]
		}
	}
	return s[1:], ""
}

// valid reports whether Chromium keeps the rule, as far as its prelude tells:
// rules are counted by their index, so that what it drops must not count here.
func (r *rule) valid() bool {
	if at, ok := strings.CutPrefix(r.prelude, "@"); ok {
		end := 0
		for end < len(at) && (at[end] == '-' || 'a' <= at[end]|0x20 && at[end]|0x20 <= 'z') {
			end++
		}
		switch strings.ToLower(at[:end]) {
		case "media", "supports", "layer", "container", "scope", "starting-style", "font-face", "keyframes",
			"-webkit-keyframes", "page", "property", "counter-style", "font-feature-values", "font-palette-values",
			"position-try", "view-transition", "function":
			return r.block || strings.HasPrefix(at, "layer")
		case "import", "namespace":
			return !r.block
		}
		return false
	}
	p := r.prelude
	return r.block && p != "" && !strings.Contains(p, ":-moz-") && !strings.Contains(p, ":-ms-") && !strings.Contains(p, ":-o-")
}

// appendText writes a rule as CSS.
func (r *rule) appendText(dst []byte) []byte {
	dst = append(dst, r.prelude...)
	if !r.block {
		return append(dst, ';')
	}
	dst = append(append(dst, " { "...), r.body...)
	if r.body != "" {
		dst = append(dst, "; "...)
	}
	for _, inner := range r.rules {
		dst = append(inner.appendText(dst), ' ')
	}
	return append(dst, '}')
}

// oneRule parses a text that must be one rule.
func oneRule(css string) *rule {
	if body, rules := parseBlock(css, 0); body == "" && len(rules) == 1 {
		return rules[0]
	}
	return nil
}
