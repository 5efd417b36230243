package dom

import (
	"slices"
	"strconv"
	"strings"
)

// hidingRules are the rules of a document or a shadow root that say something
// of the properties that hide.
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
	host                 []*hidingRule // those of a shadow tree that are for its host
	late                 *hidingIndex  // rules that hide nothing but may be why another one does not
	count                int
	onStyle              bool // a rule asks for a style attribute

	// While the index is made:
	cascade cascadeLayers
	layered []*hidingRule // those in a cascade layer
}

type hidingRule struct {
	selector *complexSelector
	order    int
	layer    int32 // cascade layer, unlayered for none
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

// maxClasses bounds the class attributes that are remembered, maxClassBytes the
// length of those that are read.
const (
	maxClasses    = 4096
	maxClassBytes = 4096
)

// ofClass returns the rules for the names in a class attribute, as far as that
// attribute tells.
func (h *hidingRules) ofClass(class string) []placedRule {
	if len(class) > maxClassBytes {
		return nil
	}
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

// said is what a rule, a style attribute or all of them together say of each
// property.
type said [saidProperties]propertySaid

// The properties that hide.
const (
	saysDisplay = iota
	saysVisibility
	saysOpacity
	saysContent   // content-visibility
	saysAnimation // which can end opacity
	saidProperties
)

// isLate reports whether it matters only where something else is transparent
// or skipped.
func (s *said) isLate() bool {
	return s[saysDisplay].value == saidNothing && s[saysVisibility].value == saidNothing &&
		s[saysOpacity].value != saidNone && s[saysContent].value != saidHidden
}

type propertySaid struct {
	value     saidValue
	important bool
}

// saidValue is what matters of the value of a property.
type saidValue uint8

const (
	saidNothing saidValue = iota
	saidNone              // of display and animation; of opacity that it is 0
	saidVisible           // of visibility
	saidHidden            // of visibility, where collapse is so, too, and of content-visibility
	saidInherit           // of visibility
	saidOther
)

// saidValueOf reads the value of a property. Values that browsers do not know
// say nothing, so that an earlier one counts.
func saidValueOf(property int, s string) saidValue {
	s = strings.ToLower(s)
	switch property {
	case saysVisibility:
		return visibilityOf(s)
	case saysOpacity:
		return opacityOf(s)
	case saysContent:
		if s == "hidden" {
			return saidHidden
		}
	case saysDisplay:
		if strings.HasPrefix(s, "-ms-") || strings.HasPrefix(s, "-moz-") {
			return saidNothing
		}
	case saysAnimation:
		if strings.HasSuffix(s, " running none") {
			return saidNone // as browsers spell it out
		}
	}
	switch s {
	case "":
		return saidNothing
	case "none":
		return saidNone
	}
	return saidOther
}

func visibilityOf(s string) saidValue {
	switch s {
	case "visible", "initial":
		return saidVisible
	case "hidden", "collapse":
		return saidHidden
	case "inherit", "unset", "revert", "revert-layer":
		return saidInherit
	}
	if strings.Contains(s, "var(") {
		return saidInherit
	}
	return saidNothing
}

func opacityOf(s string) saidValue {
	if s == "" {
		return saidNothing
	}
	number, _ := strings.CutSuffix(s, "%")
	if n, err := strconv.ParseFloat(number, 64); err == nil && n <= 0 {
		return saidNone
	}
	return saidOther
}

// rank orders what is said about one property.
type rank struct {
	important, inline  bool
	layer              int32
	specificity, order int
}

func (r rank) over(other rank) bool {
	switch {
	case r.important != other.important:
		return r.important
	case r.inline != other.inline:
		return r.inline
	case r.layer != other.layer:
		return r.layer > other.layer != r.important // what is important turns them around
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
			d.work++
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

// maxSheetRules is more than the hiding rules of any page; those over it are
// left out. A rule can have many, because of those nested in it.
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

// indexOf is the index of a style sheet that is not what a text says. Scripts
// insert most rules behind all others, one by one.
func (d *Document) indexOf(s *sheet) *hidingIndex {
	if s.index == nil || s.indexWidth != d.width || s.indexHeight != d.height {
		s.index, s.indexWidth, s.indexHeight, s.indexed = newHidingIndex(), d.width, d.height, 0
	}
	if s.indexed < len(s.rules) {
		s.index.add(d, s.rules[s.indexed:], rulesIn{})
		s.index.finish()
		s.indexed = len(s.rules)
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

// rulesIn is what rules are nested in.
type rulesIn struct {
	selectors selectorList // of the rule around them
	layer     int32
}

// add takes the rules that count now.
func (h *hidingIndex) add(d *Document, rules []*rule, in rulesIn) {
	for _, r := range rules {
		inner := in
		if strings.HasPrefix(r.prelude, "@") {
			if names, ok := layerNames(r.prelude); ok && !r.block {
				h.cascade.announce(in.layer, names)
				continue
			} else if ok {
				inner.layer = h.cascade.open(in.layer, names)
			} else if !d.applies(r.prelude) {
				continue
			}
		} else {
			if !mentions(r) {
				continue
			}
			if inner.selectors = r.parsedSelectors(in.selectors); inner.selectors == nil {
				continue
			}
		}
		if s, any := r.hiding(); any {
			h.put(inner.selectors, s, 0, inner.layer)
		}
		h.add(d, r.rules, inner)
	}
}

// finish ends the making of an index.
func (h *hidingIndex) finish() {
	if len(h.layered) > 0 {
		ranks := h.cascade.ranks()
		for _, r := range h.layered {
			r.layer = ranks[r.layer]
		}
	}
	h.cascade, h.layered = cascadeLayers{}, nil
}

// hiding is what the declarations of a rule say. They are read once.
func (r *rule) hiding() (s said, any bool) {
	if !r.bodyRead {
		r.bodyRead = true
		r.says, r.saysAny = saysOf(r.body)
	}
	return r.says, r.saysAny
}

// parsedSelectors are the selectors of a rule in another one. They are read
// once.
func (r *rule) parsedSelectors(around selectorList) selectorList {
	if !r.preludeRead {
		r.preludeRead = true
		r.selectors = parseSelectors(r.prelude, around)
	}
	return r.selectors
}

func mentions(r *rule) bool {
	_, any := r.hiding()
	return any || len(r.rules) > 0
}

// applies evaluates the condition of a group of rules.
func (d *Document) applies(prelude string) bool {
	name, condition, _ := strings.Cut(strings.ToLower(prelude[1:]), " ")
	switch {
	case name == "media" || strings.HasPrefix(name, "media("):
		return d.mediaMatches(strings.TrimPrefix(strings.ToLower(prelude), "@media"))
	case name == "supports":
		// Pages ask for what most browsers have.
		return !strings.HasPrefix(strings.TrimSpace(condition), "not")
	}
	return false
}

// put takes a rule, of which each selector is one.
func (h *hidingIndex) put(selectors selectorList, says said, base int, layer int32) {
	if h.count+len(selectors) >= maxSheetRules {
		return
	}
	rules := make([]hidingRule, len(selectors))
	into := h
	if says.isLate() {
		if h.late == nil {
			h.late = newHidingIndex()
		}
		into = h.late
	}
	for k := range selectors {
		h.count++
		r := &rules[k]
		*r = hidingRule{selector: &selectors[k], order: base + h.count, says: says, layer: unlayered}
		if layer != 0 {
			r.layer = layer
			h.layered = append(h.layered, r)
		}
		c := &selectors[k].parts[0]
		r.onClass = c.asksFor("class") || c.id != "" && len(c.classes) > 0
		r.needs = needsOf(selectors[k].parts)
		h.onStyle = h.onStyle || c.asksFor("style")
		switch {
		case c.isHost():
			h.host = append(h.host, r)
		case c.id != "":
			into.byID[c.id] = append(into.byID[c.id], r)
		case len(c.classes) > 0:
			into.byClass[c.classes[0]] = append(into.byClass[c.classes[0]], r)
		case c.tag != "":
			into.byTag[c.tag] = append(into.byTag[c.tag], r)
		default:
			into.other = append(into.other, r)
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
	ranks [saidProperties]rank
}

func (v *verdict) consider(s *said, r rank) {
	for k := range s {
		if s[k].value == saidNothing {
			continue
		}
		if r.important = s[k].important; v.said[k].value == saidNothing || r.over(v.ranks[k]) {
			v.said[k], v.ranks[k] = s[k], r
		}
	}
}

func (v *verdict) try(d *Document, i int32, rules []*hidingRule, base int) {
	for _, r := range rules {
		if !d.hasWord(r.needs[0]) || !d.hasWord(r.needs[1]) {
			continue
		}
		d.scratch.steps = 0
		if d.matchesComplex(i, r.selector.parts) {
			v.consider(&r.says, rank{layer: r.layer, specificity: r.selector.specificity, order: base + r.order})
		}
	}
}

// hidingAttributes are those of an element that hiding depends on most.
type hidingAttributes struct {
	id, class, style, ariaHidden, hidden string
	isHidden                             bool // hidden is there
}

func (d *Document) hidingAttributes(i int32) (has hidingAttributes) {
	attrs := d.nodes[i].attrs
	for k := range attrs {
		switch a := &attrs[k]; a.name {
		case nameIDAttribute:
			has.id = a.value
		case nameClass:
			has.class = a.value
		case nameStyle:
			has.style = a.value
		case nameAriaHidden:
			has.ariaHidden = a.value
		case nameHidden:
			has.hidden, has.isHidden = a.value, true
		}
	}
	return has
}

// untilFound reports whether the element skips what is in it until a user looks
// for it.
func (has *hidingAttributes) untilFound() bool { return strings.EqualFold(has.hidden, "until-found") }

// saysBy finds what rules, those of the tree that the element is in and of its
// shadow tree, and the style attribute say of it.
func (d *Document) saysBy(h *hidingRules, i int32, has *hidingAttributes) said {
	var v verdict
	if shadow := d.shadowRoot(i); shadow != 0 {
		v.host(d, d.rulesOf(shadow), i)
	}
	if len(h.layers) > 0 {
		v.rules(d, h, i, has)
	}
	if has.style != "" {
		if inline, any := saysOf(has.style); any {
			v.consider(&inline, rank{inline: true, layer: unlayered})
		}
	}
	if v.said[saysOpacity].value == saidNone || v.said[saysContent].value == saidHidden || has.untilFound() {
		v.late(d, h, i, has)
	}
	return v.said
}

// host considers the rules of a shadow tree that are for its host.
func (v *verdict) host(d *Document, h *hidingRules, i int32) {
	for _, l := range h.layers {
		for _, r := range l.host {
			d.scratch.steps = 0
			if d.matchesComplex(i, r.selector.parts) {
				v.consider(&r.says, rank{layer: hostLayer, specificity: r.selector.specificity, order: l.base + r.order})
			}
		}
	}
}

// rules considers the rules of the tree that an element is in.
func (v *verdict) rules(d *Document, h *hidingRules, i int32, has *hidingAttributes) {
	tag := d.tag(i)
	if d.nodes[i].flags&nodeSVG != 0 {
		tag = strings.ToLower(tag)
	}
	for _, l := range h.layers {
		if has.id != "" && len(l.byID) > 0 {
			v.try(d, i, l.byID[has.id], l.base)
		}
		if len(l.byTag) > 0 {
			v.try(d, i, l.byTag[tag], l.base)
		}
		v.try(d, i, l.other, l.base)
	}
	if has.class == "" {
		return
	}
	for _, r := range h.ofClass(has.class) {
		if !d.hasWord(r.needs[0]) || !d.hasWord(r.needs[1]) {
			continue
		}
		d.scratch.steps = 0
		if d.matchesRest(i, r.selector.parts) {
			v.consider(&r.says, rank{layer: r.layer, specificity: r.selector.specificity, order: r.order})
		}
	}
}

// late considers what may be why an element is not transparent, or not skipped.
func (v *verdict) late(d *Document, h *hidingRules, i int32, has *hidingAttributes) {
	for _, l := range h.layers {
		if l.late == nil {
			continue
		}
		v.try(d, i, l.late.byID[has.id], l.base)
		v.try(d, i, l.late.byTag[d.tag(i)], l.base)
		v.try(d, i, l.late.other, l.base)
		for name := range strings.FieldsSeq(has.class) {
			v.try(d, i, l.late.byClass[name], l.base)
		}
	}
}

// hasLate reports whether there are rules that late considers.
func (h *hidingRules) hasLate() bool {
	return slices.ContainsFunc(h.layers, func(l hidingLayer) bool { return l.late != nil })
}

// never are the elements that no browser shows, whatever they hold.
var never = map[string]bool{
	"head": true, "noscript": true, "style": true, "template": true, "title": true, "meta": true, "link": true, "area": true,
	"base": true, "datalist": true, "param": true, "rp": true, "noframes": true, "source": true, "track": true,
	"desc": true, "defs": true, "symbol": true, "metadata": true,
}

// hollow are the elements that show something else than what is in them.
var hollow = map[string]bool{"audio": true, "video": true, "canvas": true, "embed": true}

// sightOf is what hides an element, and what is in it.
type sightOf struct {
	hidden     bool      // with all that is in it
	skips      bool      // it is shown, what is in it is not
	visibility saidValue // that it is given itself
}

// hides reports whether an element hides what is in it, as far as can be told
// without layout, and whether it makes it visible or invisible itself.
func (d *Document) hides(i int32) sightOf {
	if d.is(i, tagNever) {
		return sightOf{hidden: true}
	}
	return d.hidesBy(d.rulesOf(d.treeOf(i)), i)
}

// hidesBy is hides with the rules of the tree that the element is in.
func (d *Document) hidesBy(h *hidingRules, i int32) sightOf {
	d.work++
	if d.is(i, tagNever) {
		return sightOf{hidden: true}
	}
	has := d.hidingAttributes(i)
	if has.ariaHidden == "true" {
		return sightOf{hidden: true}
	}
	says := d.saysBy(h, i, &has)
	found := sightOf{visibility: says[saysVisibility].value, skips: d.is(i, tagHollow)}
	if found.visibility == saidInherit {
		found.visibility = saidNothing
	}
	switch says[saysDisplay].value {
	case saidNone:
		found.hidden = true
	case saidNothing:
		found.hidden = has.isHidden && !has.untilFound() || d.isClosedDialog(i)
	}
	if says[saysOpacity].value == saidNone && says[saysAnimation].value != saidOther || d.neverDisplayed(i) {
		found.hidden = true
	}
	switch says[saysContent].value {
	case saidHidden:
		found.skips = true
	case saidNothing:
		found.skips = found.skips || has.untilFound()
	}
	return found
}

func (d *Document) isClosedDialog(i int32) bool {
	if d.tag(i) != "dialog" {
		return false
	}
	_, open := d.attr(i, nameOpen)
	return !open
}

// neverDisplayed reports whether a browser shows nothing of an element, which
// no style sheet can change.
func (d *Document) neverDisplayed(i int32) bool {
	switch d.tag(i) {
	case "input":
		return d.inputType(i) == "hidden"
	case "audio":
		_, controls := d.attribute(i, "controls")
		return !controls
	}
	return false
}

// foldedAway reports whether a node is in a details element that is closed, and
// not its summary.
func (d *Document) foldedAway(i int32) bool {
	parent := d.parentElement(i)
	return parent != 0 && d.is(parent, tagDetails) && d.isClosed(parent) && i != d.summaryOf(parent)
}

// isClosed reports whether a details element is.
func (d *Document) isClosed(i int32) bool {
	_, open := d.attr(i, nameOpen)
	return !open
}

// summaryOf is the child of a details element that is always shown.
func (d *Document) summaryOf(i int32) int32 {
	for c := d.nodes[i].first; c != 0; c = d.nodes[c].next {
		if d.nodes[c].kind == kindElement && d.tag(c) == "summary" {
			return c
		}
	}
	return 0
}

// isVisible reports whether nothing that can be told without layout hides a
// node.
func (d *Document) isVisible(i int32) bool {
	s := d.sight(i, nil)
	return s.displayed && s.visible()
}

// sighted is what sight said of a node.
type sighted struct {
	i          int32
	displayed  bool // it and all above it
	skips      bool // what is in it is not displayed
	visibility saidValue
	event      uint32 // number of the event since which nothing changed
}

func (s sighted) visible() bool { return s.visibility != saidHidden }

// maxSighted bounds what is remembered of sight within one event: the nodes
// around those that changed are mostly the same few.
const maxSighted = 32

// sight reports whether a node and all above it are displayed, and what
// visibility the node has itself or inherits. h are the rules of the tree that
// it is in, if known.
func (d *Document) sight(i int32, h *hidingRules) sighted {
	if i == 0 {
		return sighted{}
	}
	known := &d.sighted[i%maxSighted]
	if known.i == i && known.event == d.event {
		return *known
	}
	s := d.look(i, h)
	s.i, s.event = i, d.event
	d.sighted[i%maxSighted] = s
	return s
}

func (d *Document) look(i int32, h *hidingRules) sighted {
	var own sightOf
	if d.nodes[i].kind == kindElement {
		if h == nil {
			h = d.rulesOf(d.treeOf(i))
		}
		if own = d.hidesBy(h, i); own.hidden {
			return sighted{visibility: own.visibility}
		}
	}
	if i == d.root {
		return sighted{displayed: true}
	}
	above := d.shownIn(i)
	if above != d.nodes[i].parent {
		h = nil
	}
	around := d.sight(above, h)
	s := sighted{displayed: around.displayed && !around.skips && !d.foldedAway(i), skips: own.skips, visibility: own.visibility}
	if s.visibility == saidNothing {
		s.visibility = around.visibility
	}
	return s
}

// shownIn is the node inside of which a browser shows another one: what holds
// it, or the slot that takes it from a host. 0 when no slot does.
func (d *Document) shownIn(i int32) int32 {
	above := d.above(i)
	if above == 0 || d.nodes[i].kind == kindShadowRoot {
		return above
	}
	shadow := d.shadowRoot(above)
	if shadow == 0 {
		return above
	}
	name := ""
	if d.nodes[i].kind == kindElement {
		name, _ = d.attribute(i, "slot")
	}
	return d.slotOf(shadow, name)
}

// slot is what slotOf found last.
type slot struct {
	shadow, found int32
	name          string
	event         uint32
}

// slotOf is the first slot of a shadow tree with a name, 0 when there is none.
func (d *Document) slotOf(shadow int32, name string) int32 {
	if s := &d.slot; s.shadow == shadow && s.name == name && s.event == d.event {
		return s.found
	}
	found := int32(0)
	if tag := d.names.find("slot"); tag != 0 {
		for i := shadow; i != 0 && found == 0; i = d.following(i, shadow) {
			if d.nodes[i].kind != kindElement || d.nodes[i].name != tag {
				continue
			}
			if own, _ := d.attribute(i, "name"); own == name {
				found = i
			}
		}
	}
	d.slot = slot{shadow, found, name, d.event}
	return found
}

// Visible reports whether a user could see the node, as far as that can be
// told without layout: display, visibility, content-visibility and opacity 0
// of style sheets and style attributes, media queries by the viewport, hidden,
// aria-hidden, closed dialogs and details, slots. Size, position and what lies
// above it are not considered, nor are animations but that they may end opacity
// 0, nor selectors that depend on the pointer or the focus, nor whether a
// popover is open, which is not recorded.
func (n Node) Visible() bool { return n.i != 0 && n.d.isVisible(n.i) }

// Hides reports whether an element itself hides what is in it; Visible asks
// those above it, too.
func (n Node) Hides() bool {
	if !n.IsElement() {
		return false
	}
	s := n.d.hides(n.i)
	return s.hidden || s.visibility == saidHidden || s.skips && !n.d.is(n.i, tagHollow)
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
	return d.shadowRoot(i) != 0 || !slices.Equal(old, h.ofClass(now)) ||
		slices.ContainsFunc(old, func(r placedRule) bool { return r.onClass }) || d.asksForClass(h, i) ||
		h.hasLate() && d.isTransparent(h, i)
}

// isTransparent reports whether an element has opacity 0, but for an animation
// perhaps.
func (d *Document) isTransparent(h *hidingRules, i int32) bool {
	has := d.hidingAttributes(i)
	return d.saysBy(h, i, &has)[saysOpacity].value == saidNone
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
