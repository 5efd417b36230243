package dom

import (
	"strings"
	"unicode/utf8"
)

// collapse makes every run of white space one space and removes it at the
// ends.
func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }

// inline are the elements whose text runs on in the text around them.
var inline = map[string]bool{
	"a": true, "abbr": true, "b": true, "bdi": true, "bdo": true, "big": true, "cite": true, "code": true, "data": true,
	"del": true, "dfn": true, "em": true, "font": true, "i": true, "ins": true, "kbd": true, "mark": true, "q": true,
	"s": true, "samp": true, "slot": true, "small": true, "span": true, "strong": true, "sub": true, "sup": true,
	"time": true, "tspan": true, "tt": true, "u": true, "var": true, "wbr": true,
}

// writer collects text, at most so many bytes, with white space collapsed.
type writer struct {
	b     []byte
	most  int
	space bool
}

func (w *writer) full() bool { return len(w.b) >= w.most }

func (w *writer) gap() { w.space = true }

func (w *writer) text(s string) {
	for len(s) > 0 && !w.full() {
		r, n := utf8.DecodeRuneInString(s)
		if r == ' ' || r == '\n' || r == '\t' || r == '\r' || r == '\f' || r == '\u00a0' {
			w.space = true
			s = s[n:]
			continue
		}
		if w.space && len(w.b) > 0 {
			w.b = append(w.b, ' ')
		}
		w.space = false
		if len(w.b)+n > w.most {
			w.most = len(w.b)
			return
		}
		w.b = append(w.b, s[:n]...)
		s = s[n:]
	}
}

func (w *writer) String() string { return strings.TrimSpace(string(w.b)) }

// maxTextDepth bounds how deep text is looked for.
const maxTextDepth = 4096

// VisibleText is the text in a subtree that Visible holds for, at most so many
// bytes, with white space collapsed to single spaces. Text that was masked is
// there as it was recorded. Of form fields only what is written on buttons and
// the chosen option of a list is text; what was typed is not.
func (n Node) VisibleText(maxBytes int) string {
	if n.i == 0 {
		return ""
	}
	s := n.d.sight(n.i, nil)
	if !s.displayed || s.skips {
		return ""
	}
	w := writer{most: maxBytes}
	n.d.visibleText(&w, n.i, s.visible(), 0)
	return w.String()
}

// visibleText writes the text in a node that is displayed.
func (d *Document) visibleText(w *writer, i int32, visible bool, depth int) {
	if depth > maxTextDepth || w.full() {
		return
	}
	switch d.nodes[i].kind {
	case kindText:
		if visible {
			w.text(d.textOf(i))
		}
	case kindDocument, kindShadowRoot:
		d.textInside(w, i, visible, depth)
	case kindElement:
		if !inline[d.tag(i)] {
			w.gap()
			defer w.gap()
		}
		if visible && d.fieldText(w, i) {
			return
		}
		d.textInside(w, i, visible, depth)
	}
}

// fieldText writes the text of an element that has it other than in its
// children.
func (d *Document) fieldText(w *writer, i int32) bool {
	switch d.tag(i) {
	case "select":
		if o := d.selectedOption(i); o != 0 {
			w.text(d.rawText(o))
		}
		return true
	case "textarea":
		return true
	case "input":
		switch d.inputType(i) {
		case "submit", "button", "reset":
			w.text(d.buttonText(i))
		}
		return true
	}
	return false
}

// buttonText is what is written on a button that is an input element.
func (d *Document) buttonText(i int32) string {
	if v, ok := d.attribute(i, "value"); ok {
		return v
	}
	switch d.inputType(i) {
	case "submit":
		return "Submit"
	case "reset":
		return "Reset"
	}
	return ""
}

// textInside writes the text of what is displayed in a node: its shadow tree
// if it has one, the document of an iframe, else its children.
func (d *Document) textInside(w *writer, i int32, visible bool, depth int) {
	if content := d.contentDocument(i); content != 0 {
		d.visibleText(w, content, visible, depth+1)
		return
	}
	if shadow := d.shadowRoot(i); shadow != 0 {
		d.visibleText(w, shadow, visible, depth+1)
		return
	}
	if d.nodes[i].kind == kindElement {
		switch {
		case d.is(i, tagDetails) && d.isClosed(i):
			d.childText(w, d.summaryOf(i), visible, depth)
			return
		case d.tag(i) == "slot" && d.slotted(w, i, visible, depth):
			return
		}
	}
	for c := d.nodes[i].first; c != 0 && !w.full(); c = d.nodes[c].next {
		d.childText(w, c, visible, depth)
	}
}

func (d *Document) childText(w *writer, c int32, visible bool, depth int) {
	if d.nodes[c].kind == kindElement {
		s := d.hides(c)
		if s.hidden || s.skips {
			return
		}
		if s.visibility != saidNothing {
			visible = s.visibility == saidVisible
		}
	}
	d.visibleText(w, c, visible, depth+1)
}

// slotted writes the text of the host's children that a slot shows.
func (d *Document) slotted(w *writer, slot int32, visible bool, depth int) bool {
	found := false
	d.eachSlotted(slot, func(c int32) bool {
		found = true
		d.childText(w, c, visible, depth)
		return !w.full()
	})
	return found
}

// eachSlotted calls f for the children of a host that a slot of its shadow tree
// shows.
func (d *Document) eachSlotted(slot int32, f func(c int32) bool) {
	top := d.treeOf(slot)
	if d.nodes[top].kind != kindShadowRoot {
		return
	}
	host := d.above(top)
	if host == 0 {
		return
	}
	name, _ := d.attribute(slot, "name")
	for c := d.nodes[host].first; c != 0; c = d.nodes[c].next {
		wanted := ""
		if d.nodes[c].kind == kindElement {
			wanted, _ = d.attribute(c, "slot")
		} else if d.nodes[c].kind != kindText {
			continue
		}
		if wanted == name && !f(c) {
			return
		}
	}
}
