package dom

import (
	"slices"
	"strings"
)

// hidingRules are the rules of a document or a shadow root that say something
// of display and visibility.
type hidingRules struct {
	elements []int32 // style elements of the tree, in order
	layers   []hidingLayer
	stale    bool // rules changed: layers must be made again
	// classes has the rules that the layers have for a whole class attribute:
	// pages repeat few of these many times.
	classes map[string][]placedRule
}

// hidingLayer is an index whose rules come behind those of a lower base.
type hidingLayer struct {
	*hidingIndex
	base int
}

// hidingIndex has rules by what the element must have. It does not change once
// it is made, so that documents can share it.
type hidingIndex struct {
	byID, byClass, byTag map[string][]*hidingRule
	other                []*hidingRule
	count                int
	onStyle              bool // a rule asks for a style attribute
}

type hidingRule struct {
	selector *complexSelector
	order    int
	says     said
	// onClass: whether the element itself matches depends on its class in more
	// than that it has the classes of the selector.
	onClass bool
	// needs are words that the document must have.
	needs [2]wordBit
}

// placedRule is a rule with its order among those of all layers.
type placedRule struct {
	*hidingRule
	order int
}

// maxClasses bounds the class attributes that are remembered.
const maxClasses = 4096

// ofClass returns the rules for the names in a class attribute, as far as that
// attribute tells.
func (h *hidingRules) ofClass(class string) []placedRule {
	rules, known := h.classes[class]
	if known {
		return rules
	}
	for name := range strings.FieldsSeq(class) {
		for _, l := range h.layers {
			for _, r := range l.byClass[name] {
				if hasWords(class, r.selector.parts[0].classes) {
					rules = append(rules, placedRule{r, l.base + r.order})
				}
			}
		}
	}
	if h.classes == nil || len(h.classes) >= maxClasses {
		h.classes = make(map[string][]placedRule)
	}
	h.classes[class] = rules
	return rules
}

func hasWords(list string, words []string) bool {
	for _, word := range words {
		if !hasWord(list, word) {
			return false
		}
	}
	return true
}

// said is what a rule, a style attribute or all of them together say.
type said struct {
	display, visibility property
}

type property struct {
	value     saidValue
	important bool
}

// saidValue is what matters of a value of display or visibility.
type saidValue uint8

const (
	saidNothing saidValue = iota
	saidNone              // of display
	saidVisible           // of visibility
	saidHidden            // of visibility; collapse, too
	saidOther
)

func saidValueOf(s string) saidValue {
	switch strings.ToLower(s) {
	case "":
		return saidNothing
	case "none":
		return saidNone
	case "visible":
		return saidVisible
	case "hidden", "collapse":
		return saidHidden
	}
	return saidOther
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
	h := d.hiding[top]
	if h != nil && !h.stale {
		return h
	}
	if h == nil {
		h = &hidingRules{}
		for i := top; i != 0; i = d.following(i, top) {
			if d.isStyle(i) {
				h.elements = append(h.elements, i)
			}
		}
		if d.hiding == nil {
			d.hiding = make(map[int32]*hidingRules)
		}
		d.hiding[top] = h
	}
	h.stale, h.classes = false, nil
	h.layers = d.layersOf(top, h.elements)
	return h
}

// maxSheetRules is more than the hiding rules of any style sheet, of which
// those over it come in no particular order.
const maxSheetRules = 1 << 20

// layersOf makes the layers of a tree: one of all style sheets that are as
// their text says, and one of each that is not.
func (d *Document) layersOf(top int32, elements []int32) []hidingLayer {
	var layers []hidingLayer
	add := func(index *hidingIndex, position int) {
		if index.count > 0 {
			layers = append(layers, hidingLayer{index, position * maxSheetRules})
		}
	}
	var base baseIndex
	for position, i := range elements {
		if media, _ := d.attribute(i, "media"); !d.mediaMatches(media) {
			continue
		}
		if s := d.styles[i]; s != nil && s.changed {
			add(d.indexOf(s), position)
		} else if d.hasSheet(i) {
			base.add(position, d.hidingOf(i))
		}
	}
	add(d.baseOf(&base), 0)
	adopter := top
	if d.nodes[top].kind == kindShadowRoot {
		adopter = d.above(top)
	}
	if m := d.has(adopter); m != nil {
		for k, a := range m.adopted {
			if a.sheet != nil {
				add(d.indexOf(a.sheet), len(elements)+k)
			}
		}
	}
	return layers
}

// indexOf is the index of a style sheet that is not what a text says.
func (d *Document) indexOf(s *sheet) *hidingIndex {
	if s.index == nil || s.indexWidth != d.width || s.indexHeight != d.height {
		s.index, s.indexWidth, s.indexHeight = newHidingIndex(), d.width, d.height
		s.index.add(d, s.rules, nil)
	}
	return s.index
}

func newHidingIndex() *hidingIndex {
	return &hidingIndex{byID: make(map[string][]*hidingRule), byClass: make(map[string][]*hidingRule), byTag: make(map[string][]*hidingRule)}
}

// size estimates the bytes of memory that the index holds, selectors left
// aside.
func (h *hidingIndex) size() int {
	const fixed, perRule = 512, 96
	return fixed + h.count*perRule
}

// add takes the rules that count now. around are the selectors of the rule
// that they are nested in.
func (h *hidingIndex) add(d *Document, rules []*rule, around selectorList) {
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
			h.put(selectors, s, 0)
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

// put takes a rule, of which each selector is one.
func (h *hidingIndex) put(selectors selectorList, says said, base int) {
	rules := make([]hidingRule, len(selectors))
	for k := range selectors {
		h.count++
		r := &rules[k]
		*r = hidingRule{selector: &selectors[k], order: base + min(h.count, maxSheetRules-1), says: says}
		c := &selectors[k].parts[0]
		r.onClass = c.asksFor("class") || c.id != "" && len(c.classes) > 0
		r.needs = needsOf(selectors[k].parts)
		h.onStyle = h.onStyle || c.asksFor("style")
		switch {
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
}

// asksFor reports whether an element matches depending on an attribute, other
// than by the names of classes alone.
func (c *compound) asksFor(attribute string) bool {
	return c.rare != nil && (slices.ContainsFunc(c.rare.attrs, func(a attrSelector) bool { return a.name == attribute }) ||
		slices.ContainsFunc(c.rare.pseudos, func(p pseudo) bool { return p.list != nil }))
}

// verdict collects what is said of an element.
type verdict struct {
	said
	display, visibility rank
}

func (v *verdict) consider(s said, r rank) {
	if r.important = s.display.important; s.display.value != saidNothing && (v.said.display.value == saidNothing || r.over(v.display)) {
		v.said.display, v.display = s.display, r
	}
	if r.important = s.visibility.important; s.visibility.value != saidNothing && (v.said.visibility.value == saidNothing || r.over(v.visibility)) {
		v.said.visibility, v.visibility = s.visibility, r
	}
}

func (v *verdict) try(d *Document, i int32, rules []*hidingRule, base int) {
	for _, r := range rules {
		if !d.hasWord(r.needs[0]) || !d.hasWord(r.needs[1]) {
			continue
		}
		d.scratch.steps = 0
		if d.matchesComplex(i, r.selector.parts) {
			v.consider(r.says, rank{specificity: r.selector.specificity, order: base + r.order})
		}
	}
}

// saysBy finds what rules, those of the tree that the element is in, and the
// style attribute say of it.
func (d *Document) saysBy(h *hidingRules, i int32) said {
	var v verdict
	if len(h.layers) > 0 {
		id, _ := d.attr(i, nameIDAttribute)
		tag := d.tag(i)
		if d.nodes[i].flags&nodeSVG != 0 {
			tag = strings.ToLower(tag)
		}
		for _, l := range h.layers {
			if id != "" && len(l.byID) > 0 {
				v.try(d, i, l.byID[id], l.base)
			}
			if len(l.byTag) > 0 {
				v.try(d, i, l.byTag[tag], l.base)
			}
			v.try(d, i, l.other, l.base)
		}
		if class, _ := d.attr(i, nameClass); class != "" {
			for _, r := range h.ofClass(class) {
				if !d.hasWord(r.needs[0]) || !d.hasWord(r.needs[1]) {
					continue
				}
				d.scratch.steps = 0
				if d.matchesRest(i, r.selector.parts) {
					v.consider(r.says, rank{specificity: r.selector.specificity, order: r.order})
				}
			}
		}
	}
	if style, ok := d.attr(i, nameStyle); ok {
		if inline, any := saysOf(style); any {
			v.consider(inline, rank{inline: true})
		}
	}
	return v.said
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
func (d *Document) hides(i int32) (hidden bool, visibility saidValue) {
	if d.is(i, tagNever) {
		return true, saidNothing
	}
	return d.hidesBy(d.rulesOf(d.treeOf(i)), i)
}

// hidesBy is hides with the rules of the tree that the element is in.
func (d *Document) hidesBy(h *hidingRules, i int32) (hidden bool, visibility saidValue) {
	if d.is(i, tagNever) {
		return true, saidNothing
	}
	if aria, _ := d.attr(i, nameAriaHidden); aria == "true" {
		return true, saidNothing
	}
	if d.foldedAway(i) {
		return true, saidNothing
	}
	s := d.saysBy(h, i)
	if s.display.value != saidNothing {
		return s.display.value == saidNone, s.visibility.value
	}
	if _, ok := d.attr(i, nameHidden); ok {
		return true, saidNothing
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
	displayed, visibility := d.sight(i, nil)
	return displayed && (visibility == saidNothing || visibility == saidVisible)
}

// sighted is what sight said of a node.
type sighted struct {
	i          int32
	displayed  bool
	visibility saidValue
	event      uint32 // number of the event since which nothing changed
}

// maxSighted bounds what is remembered of sight within one event: the nodes
// around those that changed are mostly the same few.
const maxSighted = 32

// sight reports whether a node and all above it are displayed, and what
// visibility the node has itself or inherits. h are the rules of the tree that
// it is in, if known.
func (d *Document) sight(i int32, h *hidingRules) (displayed bool, visibility saidValue) {
	if i == 0 {
		return false, saidNothing
	}
	known := &d.sighted[i%maxSighted]
	if known.i == i && known.event == d.event {
		return known.displayed, known.visibility
	}
	displayed, visibility = d.look(i, h)
	*known = sighted{i, displayed, visibility, d.event}
	return displayed, visibility
}

func (d *Document) look(i int32, h *hidingRules) (displayed bool, visibility saidValue) {
	if d.nodes[i].kind == kindElement {
		if h == nil {
			h = d.rulesOf(d.treeOf(i))
		}
		hidden, own := d.hidesBy(h, i)
		if hidden {
			return false, own
		}
		visibility = own
	}
	if i == d.root {
		return true, visibility
	}
	if d.nodes[i].parent == 0 {
		h = nil
	}
	displayed, inherited := d.sight(d.above(i), h)
	if visibility == saidNothing {
		visibility = inherited
	}
	return displayed, visibility
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
	return hidden || visibility == saidHidden
}

// MayHide reports whether Hides may say something else since an attribute
// changed. It is much cheaper than asking before and after.
func (a AttributeChange) MayHide() bool {
	n := a.Node
	if !n.IsElement() {
		return false
	}
	switch a.Name {
	case "class", "style":
	default:
		return true
	}
	d, i := n.d, n.i
	h := d.rulesOf(d.treeOf(i))
	now, _ := n.Attribute(a.Name)
	if a.Name == "style" {
		before, _ := saysOf(a.Old)
		after, _ := saysOf(now)
		return before != after || slices.ContainsFunc(h.layers, func(l hidingLayer) bool { return l.onStyle })
	}
	old := h.ofClass(a.Old)
	return !slices.Equal(old, h.ofClass(now)) ||
		slices.ContainsFunc(old, func(r placedRule) bool { return r.onClass }) || d.asksForClass(h, i)
}

// asksForClass reports whether the class of an element matters to a rule that
// is not looked up by it.
func (d *Document) asksForClass(h *hidingRules, i int32) bool {
	onClass := func(r *hidingRule) bool { return r.onClass }
	id, _ := d.attr(i, nameIDAttribute)
	for _, l := range h.layers {
		if slices.ContainsFunc(l.byID[id], onClass) || slices.ContainsFunc(l.byTag[d.tag(i)], onClass) ||
			slices.ContainsFunc(l.other, onClass) {
			return true
		}
	}
	return false
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
