package dom

import (
	"strings"
)

// hidingRules are the rules of a document or a shadow root that say something
// of display and visibility, by what the element must have.
type hidingRules struct {
	byID, byClass, byTag map[string][]*hidingRule
	other                []*hidingRule
	count                int
	// classes has the rules that byClass has for a whole class attribute: pages
	// repeat few of these many times.
	classes map[string][]*hidingRule
}

// maxClasses bounds the class attributes that are remembered.
const maxClasses = 4096

// ofClass returns the rules that byClass has for the names in a class
// attribute.
func (h *hidingRules) ofClass(class string) []*hidingRule {
	rules, known := h.classes[class]
	if known {
		return rules
	}
	for name := range strings.FieldsSeq(class) {
		rules = append(rules, h.byClass[name]...)
	}
	if h.classes == nil || len(h.classes) >= maxClasses {
		h.classes = make(map[string][]*hidingRule)
	}
	h.classes[class] = rules
	return rules
}

type hidingRule struct {
	selector complexSelector
	order    int
	says     said
}

// said is what a rule, a style attribute or all of them together say.
type said struct {
	display, visibility property
}

type property struct {
	value     string
	important bool
}

// rank orders what is said about one property.
type rank struct {
	important, inline  bool
	specificity, order int
}

func (r rank) over(other rank) bool {
	switch {
	case r.important != other.important:
		return r.important
	case r.inline != other.inline:
		return r.inline
	case r.specificity != other.specificity:
		return r.specificity > other.specificity
	}
	return r.order >= other.order
}

// rulesOf returns the hiding rules of a tree: of a document or a shadow root.
func (d *Document) rulesOf(top int32) *hidingRules {
	if h := d.hiding[top]; h != nil {
		return h
	}
	h := &hidingRules{byID: make(map[string][]*hidingRule), byClass: make(map[string][]*hidingRule), byTag: make(map[string][]*hidingRule)}
	for i := top; i != 0; i = d.following(i, top) {
		if !d.isStyle(i) {
			continue
		}
		if media, _ := d.attribute(i, "media"); !d.mediaMatches(media) {
			continue
		}
		if s := d.styles[i]; s != nil && s.changed {
			h.add(d, s.rules, nil)
		} else if d.hasSheet(i) {
			h.addBlocks(d, d.hidingOf(i))
		}
	}
	adopter := top
	if d.nodes[top].kind == kindShadowRoot {
		adopter = d.above(top)
	}
	if m := d.has(adopter); m != nil {
		for _, a := range m.adopted {
			if a.sheet != nil {
				h.add(d, a.sheet.rules, nil)
			}
		}
	}
	if d.hiding == nil {
		d.hiding = make(map[int32]*hidingRules)
	}
	d.hiding[top] = h
	return h
}

// add takes the rules that count now. around are the selectors of the rule
// that they are nested in.
func (h *hidingRules) add(d *Document, rules []*rule, around selectorList) {
	for _, r := range rules {
		selectors := around
		if strings.HasPrefix(r.prelude, "@") {
			if !d.applies(r.prelude) {
				continue
			}
		} else {
			if around != nil {
				continue // nested selectors are not resolved
			}
			if !mentions(r) {
				continue
			}
			if selectors = r.parsedSelectors(); selectors == nil {
				continue
			}
		}
		if s, any := r.hiding(); any {
			for _, c := range selectors {
				h.count++
				h.put(&hidingRule{c, h.count, s})
			}
		}
		h.add(d, r.rules, selectors)
	}
}

// hiding is what the declarations of a rule say. They are read once.
func (r *rule) hiding() (s said, any bool) {
	if !r.bodyRead {
		r.bodyRead = true
		r.says, r.saysAny = saysOf(r.body)
	}
	return r.says, r.saysAny
}

// parsedSelectors are the selectors of a rule. They are read once.
func (r *rule) parsedSelectors() selectorList {
	if !r.preludeRead {
		r.preludeRead = true
		r.selectors = parseSelectors(r.prelude)
	}
	return r.selectors
}

func mentions(r *rule) bool {
	return strings.Contains(r.body, "display") || strings.Contains(r.body, "visibility") || len(r.rules) > 0
}

// applies evaluates the condition of a group of rules.
func (d *Document) applies(prelude string) bool {
	name, condition, _ := strings.Cut(strings.ToLower(prelude[1:]), " ")
	switch {
	case name == "layer":
		return true
	case name == "media" || strings.HasPrefix(name, "media("):
		return d.mediaMatches(strings.TrimPrefix(strings.ToLower(prelude), "@media"))
	case name == "supports":
		// Pages ask for what most browsers have.
		return !strings.HasPrefix(strings.TrimSpace(condition), "not")
	}
	return false
}

func (h *hidingRules) put(r *hidingRule) {
	switch c := &r.selector.parts[0]; {
	case c.id != "":
		h.byID[c.id] = append(h.byID[c.id], r)
	case len(c.classes) > 0:
		h.byClass[c.classes[0]] = append(h.byClass[c.classes[0]], r)
	case c.tag != "":
		h.byTag[c.tag] = append(h.byTag[c.tag], r)
	default:
		h.other = append(h.other, r)
	}
}

// saysBy finds what rules, those of the tree that the element is in, and the
// style attribute say of it.
func (d *Document) saysBy(h *hidingRules, i int32) said {
	var s said
	var display, visibility rank
	consider := func(p, q property, r rank) {
		if r.important = p.important; p.value != "" && (s.display.value == "" || r.over(display)) {
			s.display, display = p, r
		}
		if r.important = q.important; q.value != "" && (s.visibility.value == "" || r.over(visibility)) {
			s.visibility, visibility = q, r
		}
	}
	try := func(rules []*hidingRule) {
		for _, r := range rules {
			d.scratch.steps = 0
			if d.matchesComplex(i, r.selector.parts) {
				consider(r.says.display, r.says.visibility, rank{specificity: r.selector.specificity, order: r.order})
			}
		}
	}
	if id, ok := d.attr(i, nameIDAttribute); ok && len(h.byID) > 0 {
		try(h.byID[id])
	}
	if class, ok := d.attr(i, nameClass); ok && len(h.byClass) > 0 {
		try(h.ofClass(class))
	}
	if len(h.byTag) > 0 {
		try(h.byTag[strings.ToLower(d.tag(i))])
	}
	try(h.other)
	if style, ok := d.attr(i, nameStyle); ok {
		if inline, any := saysOf(style); any {
			consider(inline.display, inline.visibility, rank{inline: true})
		}
	}
	return s
}

// never are the elements that no browser shows, whatever they hold.
var never = map[string]bool{
	"head": true, "noscript": true, "style": true, "template": true, "title": true, "meta": true, "link": true, "area": true,
	"base": true, "datalist": true, "param": true, "rp": true, "noframes": true, "source": true, "track": true,
	"audio": true, "video": true, "canvas": true, "object": true, "embed": true,
	"desc": true, "defs": true, "symbol": true, "metadata": true,
}

// hides reports whether an element hides what is in it, as far as can be told
// without layout, and whether it makes it visible or invisible itself.
func (d *Document) hides(i int32) (hidden bool, visibility string) {
	if d.is(i, tagNever) {
		return true, ""
	}
	return d.hidesBy(d.rulesOf(d.treeOf(i)), i)
}

// hidesBy is hides with the rules of the tree that the element is in.
func (d *Document) hidesBy(h *hidingRules, i int32) (hidden bool, visibility string) {
	if d.is(i, tagNever) {
		return true, ""
	}
	if aria, _ := d.attr(i, nameAriaHidden); aria == "true" {
		return true, ""
	}
	if d.foldedAway(i) {
		return true, ""
	}
	s := d.saysBy(h, i)
	if s.display.value != "" {
		return s.display.value == "none", s.visibility.value
	}
	if _, ok := d.attr(i, nameHidden); ok {
		return true, ""
	}
	switch d.tag(i) {
	case "dialog":
		_, open := d.attr(i, nameOpen)
		return !open, s.visibility.value
	case "input":
		return d.inputType(i) == "hidden", s.visibility.value
	}
	return false, s.visibility.value
}

// foldedAway reports whether an element is in a details element that is
// closed, and not its summary.
func (d *Document) foldedAway(i int32) bool {
	parent := d.parentElement(i)
	if parent == 0 || !d.is(parent, tagDetails) {
		return false
	}
	_, open := d.attr(parent, nameOpen)
	return !open && d.tag(i) != "summary"
}

// isVisible reports whether nothing that can be told without layout hides a
// node.
func (d *Document) isVisible(i int32) bool {
	visibility := ""
	var h *hidingRules // of the tree that i is in
	for ; i != 0; i = d.above(i) {
		if d.nodes[i].parent == 0 {
			h = nil
		}
		if d.nodes[i].kind == kindElement {
			if h == nil {
				h = d.rulesOf(d.treeOf(i))
			}
			hidden, own := d.hidesBy(h, i)
			if hidden {
				return false
			}
			if visibility == "" {
				visibility = own
			}
		}
		if i == d.root {
			return visibility == "" || visibility == "visible"
		}
	}
	return false
}

// Visible reports whether a user could see the node, as far as that can be
// told without layout: display and visibility of style sheets and style
// attributes, media queries by the viewport, hidden, aria-hidden, closed
// dialogs and details. Size, position, opacity and what lies above it are not
// considered, nor are selectors that depend on the pointer or the focus.
func (n Node) Visible() bool { return n.i != 0 && n.d.isVisible(n.i) }

// Hides reports whether an element itself hides what is in it; Visible asks
// those above it, too.
func (n Node) Hides() bool {
	if !n.IsElement() {
		return false
	}
	hidden, visibility := n.d.hides(n.i)
	return hidden || visibility == "hidden" || visibility == "collapse"
}

// Hid is what Hides would have said before an attribute changed.
func (a AttributeChange) Hid() bool {
	n := a.Node
	if !n.IsElement() {
		return false
	}
	attrs := n.d.nodes[n.i].attrs
	id := n.d.names.find(a.Name)
	before := without(append([]attr(nil), attrs...), id)
	if a.Had {
		before = append(before, attr{id, a.Old})
	}
	n.d.nodes[n.i].attrs = before
	hid := n.Hides()
	n.d.nodes[n.i].attrs = attrs
	return hid
}

func without(attrs []attr, name nameID) []attr {
	for k := range attrs {
		if attrs[k].name == name {
			return append(attrs[:k], attrs[k+1:]...)
		}
	}
	return attrs
}
