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
