package dom

// TextBlocks calls f for each stretch of text in a subtree that reads as one,
// a paragraph say, with white space collapsed, until f returns false. A stretch
// has at most maxBytes; the rest of it is left out. text means something until
// f returns.
//
// What is in form fields, lists of options and text that a user edits is left
// out, what is written on buttons is not. hidden: what Visible does not hold
// for is there, too.
func (n Node) TextBlocks(maxBytes int, hidden bool, f func(text []byte) bool) {
	if n.i == 0 || n.d.inEditable(n.i) {
		return
	}
	visible := true
	if !hidden {
		s := n.d.sight(n.i, nil)
		if !s.displayed || s.skips {
			return
		}
		visible = s.visible()
	}
	w := blockWalk{d: n.d, most: maxBytes, hidden: hidden, f: f, w: writer{b: n.d.scratch.block[:0], most: maxBytes}}
	if !hidden {
		w.h = n.d.rulesOf(n.d.treeOf(n.i))
	}
	if w.walk(n.i, visible, 0) {
		w.flush()
	}
	n.d.scratch.block = w.w.b[:0]
	if cap(n.d.scratch.block) > maxBlock {
		n.d.scratch.block = nil
	}
}

// maxBlock bounds the room for text that is kept, in bytes.
const maxBlock = 1024

// Block is the element whose text reads as one with that of the node: the
// nearest that is not one of those that run on in a line.
func (n Node) Block() Node {
	i := n.i
	for i != 0 && (n.d.nodes[i].kind != kindElement || n.d.is(i, tagInline)) {
		i = n.d.above(i)
	}
	return n.d.node(i)
}

// blockWalk writes the text of a subtree, block by block.
type blockWalk struct {
	d      *Document
	w      writer
	most   int
	hidden bool
	h      *hidingRules // of the tree that is walked, when hidden does not hold
	f      func(text []byte) bool
	done   bool
}

// flush hands over what was written. false: no more is wanted.
func (b *blockWalk) flush() bool {
	if len(b.w.b) > 0 && !b.done {
		b.done = !b.f(b.w.b)
	}
	b.w = writer{b: b.w.b[:0], most: b.most}
	return !b.done
}

// walk writes the text in a node that is displayed.
func (b *blockWalk) walk(i int32, visible bool, depth int) bool {
	if depth > maxTextDepth {
		return true
	}
	d := b.d
	d.work++
	switch d.nodes[i].kind {
	case kindText:
		if visible {
			b.w.text(d.textOf(i))
		}
		return true
	case kindDocument, kindShadowRoot:
		return b.inside(i, visible, depth)
	case kindElement:
	default:
		return true
	}
	if d.is(i, tagInline) {
		return b.inside(i, visible, depth)
	}
	if !b.flush() {
		return false
	}
	switch d.tag(i) {
	case "select", "textarea", "datalist":
		return true
	case "input":
		switch d.inputType(i) {
		case "submit", "button", "reset":
			if visible {
				b.w.text(d.buttonText(i))
			}
		}
		return b.flush()
	}
	return b.inside(i, visible, depth) && b.flush()
}

// inside walks what is displayed in a node.
func (b *blockWalk) inside(i int32, visible bool, depth int) bool {
	d := b.d
	if content := d.contentDocument(i); content != 0 {
		return b.flush() && b.tree(content, visible, depth) && b.flush()
	}
	if shadow := d.shadowRoot(i); shadow != 0 {
		if !b.tree(shadow, visible, depth) || !b.flush() {
			return false
		}
		if !b.hidden {
			return true // the host's children are where its slots are
		}
	}
	if !b.hidden && d.nodes[i].kind == kindElement {
		switch {
		case d.is(i, tagDetails) && d.isClosed(i):
			summary := d.summaryOf(i)
			return summary == 0 || b.child(summary, visible, depth)
		case d.tag(i) == "slot":
			if found, more := b.slotted(i, visible, depth); found {
				return more
			}
		}
	}
	for c := d.nodes[i].first; c != 0; c = d.nodes[c].next {
		before := len(b.w.b)
		if !b.child(c, visible, depth) {
			return false
		}
		// Elements side by side are mostly words, set apart by style, unless they
		// have one letter each.
		if next := d.nodes[c].next; next != 0 && d.nodes[c].kind == kindElement && d.nodes[next].kind == kindElement && len(b.w.b) > before+1 {
			b.w.gap()
		}
	}
	return true
}

// slotted walks the children of a host that a slot shows. found: there are
// some; more: more text is wanted.
func (b *blockWalk) slotted(slot int32, visible bool, depth int) (found, more bool) {
	around := b.h
	defer func() { b.h = around }()
	more = true
	b.d.eachSlotted(slot, func(c int32) bool {
		if !found {
			found, b.h = true, b.d.rulesOf(b.d.treeOf(c))
		}
		more = b.child(c, visible, depth)
		return more
	})
	return found, more
}

// tree walks a tree inside another one.
func (b *blockWalk) tree(top int32, visible bool, depth int) bool {
	if !b.hidden {
		around := b.h
		b.h = b.d.rulesOf(top)
		defer func() { b.h = around }()
	}
	return b.walk(top, visible, depth+1)
}

func (b *blockWalk) child(c int32, visible bool, depth int) bool {
	d := b.d
	if d.nodes[c].kind == kindElement {
		if d.isEditable(c) {
			return true
		}
		if b.hidden {
			if d.is(c, tagNever|tagHollow) {
				return true
			}
		} else {
			s := d.hidesBy(b.h, c)
			if s.hidden || s.skips {
				return true
			}
			if s.visibility != saidNothing {
				visible = s.visibility == saidVisible
			}
		}
	}
	return b.walk(c, visible, depth+1)
}

// isEditable reports whether a user writes in an element that is no field.
func (d *Document) isEditable(i int32) bool {
	if v, ok := d.attr(i, nameContentEditable); ok && v != "false" {
		return true
	}
	role, _ := d.attr(i, nameRole)
	return role == "textbox"
}

func (d *Document) inEditable(i int32) bool {
	for ; i != 0; i = d.above(i) {
		if d.nodes[i].kind == kindElement && (d.isEditable(i) || fields[d.tag(i)]) {
			return true
		}
	}
	return false
}

var fields = map[string]bool{"select": true, "textarea": true, "datalist": true}
