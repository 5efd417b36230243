package dom

import "slices"

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
