package dom

import (
	"slices"
	"strings"
)

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
