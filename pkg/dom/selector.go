package dom

import (
	"slices"
	"strings"
)

// selectorList is what stands before a rule's block: any of its selectors may
// match.
type selectorList []complexSelector

// complexSelector is a chain of compounds, the rightmost first.
type complexSelector struct {
	parts       []compound
	specificity int // ids, classes and tags as one number
}

// compound is what one element must be.
type compound struct {
	combinator byte // how it stands to the compound on its right: ' ', '>', '+', '~'; 0 for the rightmost
	tag        string
	id         string
	classes    []string
	rare       *rareConditions // nil: none
}

// rareConditions are those that few compounds have.
type rareConditions struct {
	attrs   []attrSelector
	pseudos []pseudo
}

func (c *compound) more() *rareConditions {
	if c.rare == nil {
		c.rare = &rareConditions{}
	}
	return c.rare
}

// isHost reports whether a compound is for the host of the shadow tree whose
// style sheet it stands in.
func (c *compound) isHost() bool {
	return c.rare != nil && slices.ContainsFunc(c.rare.pseudos, func(p pseudo) bool { return p.name == "host" })
}

type attrSelector struct {
	name, value string
	operator    byte // 0: present, '=': equal, else the character before the equals sign
	fold        bool
}

type pseudo struct {
	name   string
	not    bool
	list   selectorList // of :is, :where, :not and :host, and those that & stands for
	nested bool         // &: the list is that of the rule around
}

// parseSelectors reads a list of selectors. Those that can only be decided
// with layout, with the pointer, or not at all, are left out: they match
// nothing here. around are the selectors of the rule that they are nested in.
func parseSelectors(s string, around selectorList) selectorList {
	if s == "&" {
		return around
	}
	p := selectorParser{around: around}
	var list selectorList
	for len(s) > 0 {
		end := cssEnd(s, ",")
		item := strings.TrimSpace(s[:end])
		if around != nil && strings.IndexByte(item, '&') < 0 {
			item = "& " + item
		}
		if c, ok := p.complex(item); ok {
			list = append(list, c)
		}
		s = s[min(end+1, len(s)):]
	}
	return slices.Clip(list)
}

// selectorParser reads the selectors of one rule.
type selectorParser struct {
	around selectorList // of the rule that it is nested in
	depth  int          // of lists in pseudo-classes
}

// maxPseudoDepth bounds lists of selectors in one another.
const maxPseudoDepth = 8

// words are strings by themselves: those of a style sheet that is read are
// parts of its text, which they would keep in memory.
type words map[string]string

func (w words) of(s string) string {
	own, ok := w[s]
	if !ok {
		own = strings.Clone(s)
		w[own] = own
	}
	return own
}

// own replaces what a list has of a longer text.
func (l selectorList) own(w words) {
	for k := range l {
		for p := range l[k].parts {
			c := &l[k].parts[p]
			c.tag, c.id = w.of(c.tag), w.of(c.id)
			for n := range c.classes {
				c.classes[n] = w.of(c.classes[n])
			}
			if c.rare == nil {
				continue
			}
			for n := range c.rare.attrs {
				a := &c.rare.attrs[n]
				a.name, a.value = w.of(a.name), w.of(a.value)
			}
			for n := range c.rare.pseudos {
				if p := &c.rare.pseudos[n]; !p.nested {
					p.name = w.of(p.name)
					p.list.own(w)
				}
			}
		}
	}
}

// maxCompounds bounds a selector. Longer ones are left out.
const maxCompounds = 32

func (p *selectorParser) complex(s string) (complexSelector, bool) {
	var c complexSelector
	combinator := byte(0)
	for s != "" {
		end := cssEnd(s, " \t\n\r\f>+~")
		if end == 0 {
			return c, false
		}
		part, weight, ok := p.compound(s[:end])
		if !ok || len(c.parts) == maxCompounds {
			return c, false
		}
		if len(c.parts) > 0 {
			c.parts[0].combinator = combinator
		}
		parts := make([]compound, 1, 1+len(c.parts))
		parts[0] = part
		c.parts = append(parts, c.parts...)
		c.specificity += weight
		s = s[end:]
		if combinator, s, ok = parseCombinator(s); !ok {
			return c, false
		}
	}
	if len(c.parts) == 0 {
		return c, false
	}
	return c, true
}

// parseCombinator reads what stands between two compounds; at the end of the
// selector there is none.
func parseCombinator(s string) (combinator byte, rest string, ok bool) {
	rest = strings.TrimLeft(s, " \t\n\r\f")
	if rest == "" {
		return 0, "", true
	}
	combinator = ' '
	if strings.IndexByte(">+~", rest[0]) >= 0 {
		combinator = rest[0]
		if rest = strings.TrimLeft(rest[1:], " \t\n\r\f"); rest == "" {
			return 0, "", false
		}
	}
	return combinator, rest, true
}

const (
	weightID    = 1 << 20
	weightClass = 1 << 10
	weightTag   = 1
)

func (p *selectorParser) compound(s string) (c compound, weight int, ok bool) {
	if name := identifier(s); name > 0 {
		c.tag = strings.ToLower(unescapeCSS(s[:name]))
		weight += weightTag
		s = s[name:]
	} else if s[0] == '*' {
		s = s[1:]
	}
	for s != "" {
		mark := s[0]
		s = s[1:]
		switch mark {
		case '#', '.':
			end := identifier(s)
			if end == 0 {
				return c, 0, false
			}
			if name := unescapeCSS(s[:end]); mark == '#' {
				c.id = name
				weight += weightID
			} else {
				c.classes = append(c.classes, name)
				weight += weightClass
			}
			s = s[end:]
		case '[':
			end := cssEnd(s, "]")
			a, ok := parseAttribute(s[:end])
			if !ok || end == len(s) {
				return c, 0, false
			}
			c.more().attrs = append(c.rare.attrs, a)
			weight += weightClass
			s = s[end+1:]
		case '&':
			if p.around == nil {
				return c, 0, false
			}
			c.more().pseudos = append(c.rare.pseudos, pseudo{name: "is", list: p.around, nested: true})
			weight += p.around.specificity()
		case ':':
			found, more, end, ok := p.pseudo(s)
			if !ok {
				return c, 0, false
			}
			c.more().pseudos = append(c.rare.pseudos, found)
			weight += more
			s = s[end:]
		default:
			return c, 0, false
		}
	}
	return c, weight, true
}

// identifier returns the length of the CSS identifier that s begins with.
func identifier(s string) int {
	i := 0
	for i < len(s) {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i += 2
			continue
		case c == '-' || c == '_' || c >= 0x80 || '0' <= c && c <= '9' && i > 0 || 'a' <= c|0x20 && c|0x20 <= 'z':
			i++
			continue
		}
		break
	}
	return i
}

// unescapeCSS reads escapes of single characters; those by number are read
// too.
func unescapeCSS(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		r, digits := rune(0), 0
		for i < len(s) && digits < 6 && strings.IndexByte(hexDigits, s[i]|0x20) >= 0 {
			r = r<<4 | rune(strings.IndexByte(hexDigits, s[i]|0x20))
			i++
			digits++
		}
		if digits == 0 {
			b.WriteByte(s[i])
			continue
		}
		b.WriteRune(r)
		if i == len(s) || s[i] != ' ' {
			i--
		}
	}
	return b.String()
}

func parseAttribute(s string) (a attrSelector, ok bool) {
	s = strings.TrimSpace(s)
	end := identifier(s)
	if end == 0 {
		return a, false
	}
	a.name = strings.ToLower(unescapeCSS(s[:end]))
	s = strings.TrimSpace(s[end:])
	if s == "" {
		return a, true
	}
	a.operator = s[0]
	if a.operator != '=' {
		if strings.IndexByte("~|^$*", a.operator) < 0 || len(s) < 2 || s[1] != '=' {
			return a, false
		}
		s = s[1:]
	}
	s = strings.TrimSpace(s[1:])
	if flag := strings.TrimRight(s, "iI"); len(flag) < len(s) && strings.HasSuffix(flag, " ") {
		a.fold, s = true, strings.TrimSpace(flag)
	}
	if len(s) > 1 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		s = s[1 : len(s)-1]
	}
	a.value = unescapeCSS(s)
	return a, true
}

// pseudo reads what follows a colon.
func (p *selectorParser) pseudo(s string) (found pseudo, weight, length int, ok bool) {
	end := identifier(s)
	if end == 0 {
		return found, 0, 0, false // a pseudo-element is no element
	}
	found.name = strings.ToLower(s[:end])
	if end < len(s) && s[end] == '(' {
		return p.list(s, found, end)
	}
	switch found.name {
	case "root", "checked", "disabled", "enabled", "first-child", "last-child", "only-child", "empty", "host", "link", "any-link":
		return found, weightClass, end, true
	}
	return found, 0, 0, false
}

// list reads the selectors in a pseudo-class, from the bracket at open on.
func (p *selectorParser) list(s string, found pseudo, open int) (whole pseudo, weight, length int, ok bool) {
	closing := open + 1 + cssEnd(s[open+1:], ")")
	if closing == len(s) || p.depth == maxPseudoDepth {
		return found, 0, 0, false
	}
	switch found.name {
	case "is", "where", "not", "matches", "-webkit-any", "host":
	default:
		return found, 0, 0, false
	}
	inner := s[open+1 : closing]
	p.depth++
	defer func() { p.depth-- }()
	for rest := inner; len(rest) > 0; {
		end := cssEnd(rest, ",")
		if c, ok := p.complex(strings.TrimSpace(rest[:end])); ok {
			found.list = append(found.list, c)
		}
		rest = rest[min(end+1, len(rest)):]
	}
	weight = found.list.specificity()
	switch found.name {
	case "where":
		weight = 0
	case "host":
		weight += weightClass
	}
	found.not = found.name == "not"
	// A selector that is left out would turn :not around.
	return found, weight, closing + 1, !found.not || len(found.list) == 1+strings.Count(inner, ",")
}

// specificity is the greatest of the list.
func (l selectorList) specificity() int {
	most := 0
	for k := range l {
		most = max(most, l[k].specificity)
	}
	return most
}

// match reports whether an element matches any of the selectors.
func (d *Document) match(i int32, l selectorList) bool {
	for k := range l {
		if d.matchesComplex(i, l[k].parts) {
			return true
		}
	}
	return false
}

// maxSteps bounds the compounds tried for one element and selector, those of
// lists in it included: selectors can be made that take for ever.
const maxSteps = 20_000

// matchesComplex matches compounds, the first being for the element itself.
func (d *Document) matchesComplex(i int32, parts []compound) bool {
	d.work++
	if d.scratch.steps++; d.tooLong() || !d.matchesCompound(i, &parts[0]) {
		return false
	}
	return len(parts) == 1 || d.matchesAround(i, parts)
}

// tooLong reports whether matching is given up.
func (d *Document) tooLong() bool { return d.scratch.steps > maxSteps || d.work > d.enough }

// matchesRest is matchesComplex for an element that is known to have the
// classes of the first compound.
func (d *Document) matchesRest(i int32, parts []compound) bool {
	return d.matchesOwn(i, &parts[0]) && (len(parts) == 1 || d.matchesAround(i, parts))
}

// matchesAround matches all compounds but the first, around an element that
// matches that.
func (d *Document) matchesAround(i int32, parts []compound) bool {
	rest := parts[1:]
	if rest[0].isHost() {
		top := d.treeOf(i)
		if c := rest[0].combinator; c != ' ' && (c != '>' || d.nodes[i].parent != top) || d.nodes[top].kind != kindShadowRoot {
			return false
		}
		host := d.above(top)
		return host != 0 && d.matchesComplex(host, rest)
	}
	switch rest[0].combinator {
	case '>':
		parent := d.parentElement(i)
		return parent != 0 && d.matchesComplex(parent, rest)
	case '+':
		previous := d.previousElement(i)
		return previous != 0 && d.matchesComplex(previous, rest)
	case '~':
		for previous := d.previousElement(i); previous != 0 && !d.tooLong(); previous = d.previousElement(previous) {
			if d.matchesComplex(previous, rest) {
				return true
			}
		}
	default:
		for parent := d.parentElement(i); parent != 0 && !d.tooLong(); parent = d.parentElement(parent) {
			if d.matchesComplex(parent, rest) {
				return true
			}
		}
	}
	return false
}

// parentElement is the element around another one in the same tree, and for
// the topmost of a shadow tree 0.
func (d *Document) parentElement(i int32) int32 {
	p := d.nodes[i].parent
	if p != 0 && d.nodes[p].kind == kindElement {
		return p
	}
	return 0
}

func (d *Document) previousElement(i int32) int32 {
	for i = d.nodes[i].prev; i != 0 && d.nodes[i].kind != kindElement; {
		i = d.nodes[i].prev
	}
	return i
}

func (d *Document) nextElement(i int32) int32 {
	for i = d.nodes[i].next; i != 0 && d.nodes[i].kind != kindElement; {
		i = d.nodes[i].next
	}
	return i
}

func (d *Document) matchesCompound(i int32, c *compound) bool {
	if len(c.classes) > 0 {
		class, _ := d.attr(i, nameClass)
		if class == "" || !hasWords(class, c.classes) {
			return false
		}
	}
	return d.matchesOwn(i, c)
}

// matchesOwn matches everything but classes.
func (d *Document) matchesOwn(i int32, c *compound) bool {
	if c.tag != "" && c.tag != d.tag(i) && (d.nodes[i].flags&nodeSVG == 0 || !strings.EqualFold(c.tag, d.tag(i))) {
		return false
	}
	if c.id != "" {
		if id, _ := d.attr(i, nameIDAttribute); id != c.id {
			return false
		}
	}
	if c.rare == nil {
		return true
	}
	for k := range c.rare.attrs {
		if !d.matchesAttribute(i, &c.rare.attrs[k]) {
			return false
		}
	}
	for k := range c.rare.pseudos {
		if !d.matchesPseudo(i, &c.rare.pseudos[k]) {
			return false
		}
	}
	return true
}

// hasWord reports whether a list of words, divided by white space, has one.
func hasWord(list, word string) bool {
	for {
		at := strings.Index(list, word)
		if at < 0 || word == "" {
			return false
		}
		end := at + len(word)
		if (at == 0 || isSpace(list[at-1])) && (end == len(list) || isSpace(list[end])) {
			return true
		}
		list = list[end:]
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r' }

func (d *Document) matchesAttribute(i int32, a *attrSelector) bool {
	value, ok := d.attribute(i, a.name)
	if !ok || a.operator == 0 {
		return ok
	}
	want := a.value
	if a.fold {
		value, want = strings.ToLower(value), strings.ToLower(want)
	}
	switch a.operator {
	case '=':
		return value == want
	case '~':
		return hasWord(value, want)
	case '|':
		return value == want || strings.HasPrefix(value, want+"-")
	case '^':
		return want != "" && strings.HasPrefix(value, want)
	case '$':
		return want != "" && strings.HasSuffix(value, want)
	}
	return want != "" && strings.Contains(value, want)
}

func (d *Document) matchesPseudo(i int32, p *pseudo) bool {
	switch p.name {
	case "root":
		parent := d.nodes[i].parent
		return parent != 0 && d.nodes[parent].kind == kindDocument
	case "checked":
		return d.checked(i)
	case "disabled", "enabled":
		_, disabled := d.attribute(i, "disabled")
		return disabled == (p.name == "disabled")
	case "first-child":
		return d.previousElement(i) == 0
	case "last-child":
		return d.nextElement(i) == 0
	case "only-child":
		return d.previousElement(i) == 0 && d.nextElement(i) == 0
	case "empty":
		return d.nodes[i].first == 0
	case "link", "any-link":
		_, ok := d.attribute(i, "href")
		return ok && d.tag(i) == "a"
	case "host":
		if d.shadowRoot(i) == 0 {
			return false
		} else if p.list == nil {
			return true
		}
	}
	return d.match(i, p.list) != p.not
}
