package dom

import (
	"fmt"
	"slices"
	"strings"
)

// sheet is a style sheet: that of a style element, or a constructed one that
// documents and shadow roots adopt.
type sheet struct {
	rules   []*rule
	bytes   int
	changed bool // other than the text of its element says
	full    bool // a change was refused

	index                   *hidingIndex // what it says of hiding in a viewport, once it was asked for
	indexWidth, indexHeight int
	indexed                 int // how many of the rules are in the index
}

// adopted is a constructed style sheet of a document or a shadow root.
type adopted struct {
	id    int32
	sheet *sheet // nil until it comes
}

// maxRules bounds the rules of a list into which events insert, maxMoved those
// behind one that is inserted or deleted, which moves them.
const (
	maxRules = 100_000
	maxMoved = 16_384
)

// maxAdopted bounds the style sheets that one shadow root adopts, maxAdoptable
// those that were constructed since the last full snapshot.
const (
	maxAdopted   = 1000
	maxAdoptable = 10_000
)

// styleChanged is called when a tree has other style elements.
func (d *Document) styleChanged() { d.hiding = nil }

// staleRules is called when a style element says something else.
func (d *Document) staleRules(i int32) {
	if h := d.hiding[d.treeOf(i)]; h != nil {
		h.stale = true
	}
}

// rulesStale is called when the same style elements have other rules.
func (d *Document) rulesStale() {
	for _, h := range d.hiding {
		h.stale = true
	}
}

// dropSheet is called when the text of a style element is another one.
func (d *Document) dropSheet(i int32) {
	if s := d.styles[i]; s != nil {
		d.bytes -= s.bytes
		delete(d.styles, i)
	}
	d.staleRules(i)
}

// sheetOf returns the style sheet of a style element, nil when a browser gives
// it none.
func (d *Document) sheetOf(i int32) *sheet {
	if !d.hasSheet(i) {
		return nil
	}
	if s := d.styles[i]; s != nil {
		return s
	}
	text := d.rawText(i)
	s := &sheet{rules: parseRules(text), bytes: len(text)}
	d.bytes += s.bytes
	d.styles[i] = s
	return s
}

// hasSheet reports whether a browser gives a style element a style sheet.
func (d *Document) hasSheet(i int32) bool {
	if !d.isStyle(i) || !d.connected(i) {
		return false
	}
	t, ok := d.attribute(i, "type")
	return !ok || t == "" || strings.EqualFold(t, "text/css")
}

// ruleChange is one entry of the lists of a style sheet rule event.
type ruleChange struct {
	rule  value
	index value
}

func (d *Document) applyStyleSheetRule(data value) error {
	var id, styleID int32
	var adds, removes, replace, replaceSync value
	members(data, func(key []byte, r *reader) {
		switch string(key) {
		case "id":
			id, _ = r.value().int()
		case "styleId":
			styleID, _ = r.value().int()
		case "adds":
			adds = r.value()
		case "removes":
			removes = r.value()
		case "replace":
			replace = r.value()
		case "replaceSync":
			replaceSync = r.value()
		default:
			r.skip()
		}
	})
	s := d.sheetBy(id, styleID)
	if s == nil {
		return nil
	}
	d.insertRules(s, adds)
	for _, change := range ruleChanges(removes) {
		d.deleteRule(s, change.index)
	}
	if styleID != 0 {
		for _, text := range [2]value{replace, replaceSync} {
			if text.kind == jsonString {
				d.replaceRules(s, text.text())
			}
		}
	}
	return d.rulesChanged(s)
}

// rulesChanged ends every change of a style sheet.
func (d *Document) rulesChanged(s *sheet) error {
	s.changed = true
	d.rulesStale()
	if d.bytes > d.limits.TextBytes || s.full {
		d.incomplete = true
		return fmt.Errorf("style rules: %w", ErrLimit)
	}
	return nil
}

// sheetBy finds the style sheet that an event is about.
func (d *Document) sheetBy(id, styleID int32) *sheet {
	var s *sheet
	if styleID != 0 {
		s = d.adoptable[styleID]
	} else if i := d.byID[id]; i != 0 {
		s = d.sheetOf(i)
	}
	if s == nil {
		d.stats.Missing++
	}
	return s
}

func ruleChanges(list value) []ruleChange {
	var changes []ruleChange
	r := reader{b: list.raw}
	if list.kind != jsonArray || !r.array() {
		return nil
	}
	for r.element() {
		var c ruleChange
		members(r.value(), func(key []byte, r *reader) {
			switch string(key) {
			case "rule":
				c.rule = r.value()
			case "index":
				c.index = r.value()
			default:
				r.skip()
			}
		})
		changes = append(changes, c)
	}
	return changes
}

func (d *Document) insertRules(s *sheet, adds value) {
	for _, change := range ruleChanges(adds) {
		d.insertRule(s, change.rule.text(), change.index)
	}
}

func (d *Document) insertRule(s *sheet, text string, index value) {
	into := &s.rules
	at, path := 0, []int(nil)
	switch index.kind {
	case jsonArray:
		if path = intsOf(index, maxRuleDepth); len(path) < 2 {
			return
		}
		at = path[len(path)-1]
		parent := s.nested(path[:len(path)-1])
		if parent == nil {
			return
		}
		into = &parent.rules
	case jsonNumber:
		n, _ := index.int()
		at = min(int(n), len(s.rules))
	}
	r := oneRule(text)
	if r == nil || at < 0 || at > len(*into) {
		return
	}
	if len(*into) >= maxRules || len(*into)-at > maxMoved {
		s.full = true
		return
	}
	s.bytes += len(text)
	d.bytes += len(text)
	if into != &s.rules || at < len(s.rules) || strings.Contains(text, "@layer") {
		s.index = nil // else what is in the index stays as it is
	}
	*into = slices.Insert(*into, at, r)
}

func (d *Document) deleteRule(s *sheet, index value) {
	from := &s.rules
	at := 0
	switch index.kind {
	case jsonArray:
		path := intsOf(index, maxRuleDepth)
		if len(path) < 2 {
			return
		}
		at = path[len(path)-1]
		parent := s.nested(path[:len(path)-1])
		if parent == nil {
			return
		}
		from = &parent.rules
	case jsonNumber:
		n, _ := index.int()
		at = int(n)
	}
	if at < 0 || at >= len(*from) {
		return
	}
	if len(*from)-at > maxMoved {
		s.full = true
		return
	}
	s.index = nil
	size := (*from)[at].size()
	s.bytes -= min(size, s.bytes)
	d.bytes -= min(size, d.bytes)
	*from = slices.Delete(*from, at, at+1)
}

// size is about the length of a rule's text.
func (r *rule) size() int {
	n := len(r.prelude) + len(r.body)
	for _, inner := range r.rules {
		n += inner.size()
	}
	return n
}

func (d *Document) replaceRules(s *sheet, text string) {
	d.bytes += len(text) - s.bytes
	s.bytes, s.rules, s.index = len(text), parseRules(text), nil
}

// nested finds a rule by the indexes of the rules around it and its own.
func (s *sheet) nested(path []int) *rule {
	rules := s.rules
	var found *rule
	for _, at := range path {
		if at < 0 || at >= len(rules) {
			return nil
		}
		found = rules[at]
		rules = found.rules
	}
	return found
}

// intsOf reads a list of integers, nil when it is none or has more than most.
func intsOf(v value, most int) []int {
	var list []int
	r := reader{b: v.raw}
	if v.kind != jsonArray || !r.array() {
		return nil
	}
	for r.element() {
		n, ok := r.value().int()
		if !ok || len(list) == most {
			return nil
		}
		list = append(list, int(n))
	}
	return list
}

func (d *Document) applyStyleDeclaration(data value) error {
	var id, styleID int32
	var index, set, remove value
	members(data, func(key []byte, r *reader) {
		switch string(key) {
		case "id":
			id, _ = r.value().int()
		case "styleId":
			styleID, _ = r.value().int()
		case "index":
			index = r.value()
		case "set":
			set = r.value()
		case "remove":
			remove = r.value()
		default:
			r.skip()
		}
	})
	s := d.sheetBy(id, styleID)
	if s == nil {
		return nil
	}
	r := s.nested(intsOf(index, maxRuleDepth))
	if r == nil || !r.block {
		d.stats.Missing++
		return nil
	}
	list := parseDeclarations(r.body)
	s.full = s.full || len(list) >= maxDeclarations
	if set.kind == jsonObject {
		name, v, priority := propertyOf(set)
		list = setProperty(list, name, v, priority)
	}
	if remove.kind == jsonObject {
		name, _, _ := propertyOf(remove)
		list = removeProperty(list, name)
	}
	body := strings.TrimSuffix(declarationText(list), ";")
	s.bytes += len(body) - len(r.body)
	d.bytes += len(body) - len(r.body)
	r.body, r.bodyRead, s.index = body, false, nil
	return d.rulesChanged(s)
}

func propertyOf(v value) (name, s, priority string) {
	members(v, func(key []byte, r *reader) {
		switch string(key) {
		case "property":
			name = propertyName(r.value().text())
		case "value":
			s = r.value().text()
		case "priority":
			priority = r.value().text()
		default:
			r.skip()
		}
	})
	return name, s, priority
}

func (d *Document) applyAdoptedStyleSheets(data value) error {
	var id int32
	var styles, ids value
	members(data, func(key []byte, r *reader) {
		switch string(key) {
		case "id":
			id, _ = r.value().int()
		case "styles":
			styles = r.value()
		case "styleIds":
			ids = r.value()
		default:
			r.skip()
		}
	})
	i := d.target(id)
	if i == 0 || d.nodes[i].kind != kindDocument && d.shadowRoot(i) == 0 {
		return nil
	}
	if err := d.constructSheets(styles); err != nil {
		return err
	}
	d.fillAdopted()
	m := d.details(i)
	m.adopted = m.adopted[:0]
	for _, n := range intsOf(ids, maxAdopted) {
		s := d.adoptable[int32(n)]
		m.adopted = append(m.adopted, adopted{int32(n), s})
		if s == nil {
			d.unadopted = append(d.unadopted, i)
		}
	}
	d.rulesStale()
	return nil
}

// fillAdopted gives style sheets to those who waited for them.
func (d *Document) fillAdopted() {
	waiting := d.unadopted
	d.unadopted = nil
	for _, i := range waiting {
		m := d.has(i)
		if m == nil {
			continue
		}
		for k := range m.adopted {
			if a := &m.adopted[k]; a.sheet == nil {
				a.sheet = d.adoptable[a.id]
				if a.sheet == nil && len(d.unadopted) < maxAdopted {
					d.unadopted = append(d.unadopted, i)
				}
			}
		}
	}
}

// constructSheets makes style sheets.
func (d *Document) constructSheets(styles value) error {
	r := reader{b: styles.raw}
	if styles.kind != jsonArray || !r.array() {
		return nil
	}
	for r.element() {
		var styleID int32
		s := &sheet{}
		members(r.value(), func(key []byte, r *reader) {
			switch string(key) {
			case "styleId":
				styleID, _ = r.value().int()
			case "rules":
				d.insertRules(s, r.value())
			default:
				r.skip()
			}
		})
		if d.adoptable[styleID] == nil && len(d.adoptable) >= maxAdoptable {
			s.full = true
		} else {
			d.adoptable[styleID] = s
		}
		if err := d.rulesChanged(s); err != nil {
			return err
		}
	}
	return nil
}
