package moments

import (
	"slices"
	"strings"

	"github.com/playhead/playhead/pkg/dom"
)

// touched remembers which nodes change by themselves all the time, a clock or
// an animation, so that they are not taken for an answer to the user.
type touched struct {
	nodes map[int]ticking
}

// ticking is how often a node changed without a click before it, and when it
// did so last, raw time.
type ticking struct {
	count int
	last  int64
}

// maxTouched bounds the nodes that are remembered, maxTouchedOfEvent those of
// one event that are looked at.
const (
	maxTouched        = 256
	maxTouchedOfEvent = 16
)

// note takes a change that no click was near enough to have caused.
func (t *touched) note(w *Window, changes *dom.Changes) {
	at := w.place.rawMs
	if t.nodes == nil {
		t.nodes = make(map[int]ticking)
	}
	if len(t.nodes) > maxTouched {
		for node, x := range t.nodes {
			if at-x.last > backgroundMs {
				delete(t.nodes, node)
			}
		}
		if len(t.nodes) > maxTouched {
			clear(t.nodes)
		}
	}
	eachTouched(changes, func(n dom.Node) bool {
		x := t.nodes[n.ID()]
		if at-x.last > backgroundMs {
			x.count = 0
		}
		t.nodes[n.ID()] = ticking{x.count + 1, at}
		return true
	})
}

// fresh reports whether something changed that does not change all the time.
func (t *touched) fresh(changes *dom.Changes, at int64) bool {
	if structural(changes) {
		return true
	}
	fresh := false
	eachTouched(changes, func(n dom.Node) bool {
		x := t.nodes[n.ID()]
		fresh = x.count < backgroundTimes || at-x.last > backgroundMs
		return !fresh
	})
	return fresh
}

// eachTouched calls f for the first nodes of an event whose content or
// attributes changed.
func eachTouched(changes *dom.Changes, f func(dom.Node) bool) {
	left := maxTouchedOfEvent
	visit := func(n dom.Node) bool {
		left--
		return left >= 0 && f(n)
	}
	for _, r := range changes.Removed {
		if !visit(r.From) {
			return
		}
	}
	for _, n := range changes.Added {
		if !visit(n.Above()) {
			return
		}
	}
	for _, t := range changes.Texts {
		if !visit(t.Node) {
			return
		}
	}
	for _, a := range changes.Attributes {
		if !visit(a.Node) {
			return
		}
	}
}

// structural reports whether elements came or went.
func structural(changes *dom.Changes) bool {
	return slices.ContainsFunc(changes.Added, dom.Node.IsElement) ||
		slices.ContainsFunc(changes.Removed, func(r dom.Removal) bool { return r.Node.IsElement() })
}

// concerns reports whether a change may have changed what is seen of a node:
// it happened in it or above it.
func concerns(changes *dom.Changes, n dom.Node) bool {
	const most = 64
	if len(changes.Added)+len(changes.Removed)+len(changes.Texts)+len(changes.Attributes) > most {
		return true
	}
	above := make([]int, 0, most)
	for a := n; a.Exists() && len(above) < most; a = a.Above() {
		above = append(above, a.ID())
	}
	within := func(m dom.Node) bool {
		for depth := 0; m.Exists() && depth < most; depth++ {
			if m.ID() == n.ID() {
				return true
			}
			m = m.Above()
		}
		return false
	}
	for _, r := range changes.Removed {
		if within(r.From) {
			return true
		}
	}
	for _, a := range changes.Added {
		if within(a) {
			return true
		}
	}
	for _, t := range changes.Texts {
		if within(t.Node) {
			return true
		}
	}
	for _, a := range changes.Attributes {
		if mayHide(a) && (slices.Contains(above, a.Node.ID()) || within(a.Node)) {
			return true
		}
	}
	return false
}

// toggle is an element that an attribute showed or hid.
type toggle struct {
	dom.AttributeChange
	hid, hides bool // before and after; neither is set when they cannot differ
}

// toggled finds the attributes of an event that can have shown or hidden
// something, the first few of them.
func (w *Window) toggled(changes *dom.Changes) []toggle {
	w.toggles = w.toggles[:0]
	for _, a := range changes.Attributes {
		if !mayHide(a) || !a.Node.Connected() {
			continue
		}
		if len(w.toggles) == maxTouchedOfEvent {
			break
		}
		t := toggle{AttributeChange: a}
		if a.MayHide() {
			t.hid, t.hides = a.Hid(), a.Node.Hides()
		}
		w.toggles = append(w.toggles, t)
	}
	return w.toggles
}

// mayHide reports whether a change of an attribute can show or hide something.
func mayHide(a dom.AttributeChange) bool {
	switch a.Name {
	case "class", "hidden", "open", "aria-hidden":
		return true
	case "style":
		now := attribute(a.Node, "style")
		return mentionsHiding(now) || mentionsHiding(a.Old)
	}
	return false
}

func mentionsHiding(style string) bool {
	return strings.Contains(style, "display") || strings.Contains(style, "visibility") || strings.Contains(style, "opacity")
}
