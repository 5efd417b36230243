package dom

// newNode takes an unused node, 0 when there are as many as may be.
func (d *Document) newNode(kind uint8, id int32) int32 {
	if d.live >= d.limits.Nodes {
		return 0
	}
	d.live++
	if i := d.free; i != 0 {
		d.free = d.nodes[i].next
		d.nodes[i] = node{kind: kind, id: id, attrs: d.nodes[i].attrs[:0]}
		return i
	}
	if len(d.nodes) == cap(d.nodes) {
		d.grow(0)
	}
	d.nodes = append(d.nodes, node{kind: kind, id: id})
	return int32(len(d.nodes) - 1)
}

// grow makes room for so many nodes and some more, fewer than append does:
// documents are many, and most of them hardly grow.
func (d *Document) grow(nodes int) {
	const least = 32
	if unused := cap(d.nodes) - 1 - d.live; unused < max(nodes, 1) {
		d.nodes = append(make([]node, 0, cap(d.nodes)+nodes-unused+max(least, len(d.nodes)/8)), d.nodes...)
	}
}

// details gives a node room for what few nodes have.
func (d *Document) details(i int32) *more {
	if d.nodes[i].flags&nodeMore != 0 {
		return d.more[i]
	}
	m := &more{}
	d.more[i] = m
	d.nodes[i].flags |= nodeMore
	return m
}

// has returns what few nodes have, nil when this one has nothing of it.
func (d *Document) has(i int32) *more {
	if d.nodes[i].flags&nodeMore == 0 {
		return nil
	}
	return d.more[i]
}

func (d *Document) shadowRoot(i int32) int32 {
	if m := d.has(i); m != nil {
		return m.shadow
	}
	return 0
}

func (d *Document) contentDocument(i int32) int32 {
	if m := d.has(i); m != nil {
		return m.content
	}
	return 0
}

// above is the node that holds another one: its parent, the host of a shadow
// root, the iframe of a document.
func (d *Document) above(i int32) int32 {
	n := &d.nodes[i]
	if n.parent != 0 || n.kind != kindDocument && n.kind != kindShadowRoot {
		return n.parent
	}
	if m := d.has(i); m != nil {
		return m.owner
	}
	return 0
}

// connected reports whether a node is part of the shown document.
func (d *Document) connected(i int32) bool {
	for i != 0 {
		if i == d.root {
			return true
		}
		i = d.above(i)
	}
	return false
}

// unlink takes a node out of its parent's list of children.
func (d *Document) unlink(i int32) {
	n := &d.nodes[i]
	if n.parent == 0 {
		return
	}
	d.touch(n.parent, i)
	d.stylesMoved(i)
	p := &d.nodes[n.parent]
	if n.prev != 0 {
		d.nodes[n.prev].next = n.next
	} else {
		p.first = n.next
	}
	if n.next != 0 {
		d.nodes[n.next].prev = n.prev
	} else {
		p.last = n.prev
	}
	n.parent, n.prev, n.next = 0, 0, 0
}

// link puts a node without a parent before a child of parent, or at its end.
func (d *Document) link(parent, i, before int32) {
	n, p := &d.nodes[i], &d.nodes[parent]
	n.parent, n.next = parent, before
	if before != 0 {
		n.prev = d.nodes[before].prev
		d.nodes[before].prev = i
	} else {
		n.prev = p.last
		p.last = i
	}
	if n.prev != 0 {
		d.nodes[n.prev].next = i
	} else {
		p.first = i
	}
	d.touch(parent, i)
}

// touch is called when a node came or went. A browser parses the text of a
// style element again when a text in it does so; a style element that is taken
// out of the document or put into it gets a new sheet.
func (d *Document) touch(parent, child int32) {
	switch k := d.nodes[child].kind; {
	case (k == kindText || k == kindCDATA) && d.isStyle(parent):
		d.dropSheet(parent)
	case d.isStyle(child):
		d.dropSheet(child)
		d.styleChanged()
	}
}

// stylesMoved is called when a node goes, or comes with what was in it before:
// the style elements in it do so, too.
func (d *Document) stylesMoved(top int32) {
	if d.nodes[top].first == 0 || len(d.styles) == 0 && len(d.hiding) == 0 {
		return
	}
	for i := d.following(top, top); i != 0; i = d.following(i, top) {
		if d.isStyle(i) {
			d.dropSheet(i)
			d.styleChanged()
		}
	}
}

func (d *Document) isStyle(i int32) bool {
	return d.nodes[i].kind == kindElement && d.is(i, tagStyle)
}

// following is the next node in tree order within top, shadow roots and
// documents of iframes left aside; 0 at the end.
func (d *Document) following(i, top int32) int32 {
	if first := d.nodes[i].first; first != 0 {
		return first
	}
	return d.after(i, top)
}

// after is the next node in tree order that is not inside i.
func (d *Document) after(i, top int32) int32 {
	for i != top && i != 0 {
		if next := d.nodes[i].next; next != 0 {
			return next
		}
		i = d.nodes[i].parent
	}
	return 0
}

// insertError is why a browser or a limit refuses to insert a node.
type insertError uint8

const (
	inserted insertError = iota
	refused              // the browser throws
	overLimit
)

// insert does what insertBefore does in a browser. before is a child of parent
// or 0.
func (d *Document) insert(parent, i, before int32) insertError {
	switch d.nodes[parent].kind {
	case kindElement, kindShadowRoot:
		if k := d.nodes[i].kind; k == kindDocument || k == kindDoctype {
			return refused
		}
	case kindDocument:
		if !d.documentTakes(parent, i, before) {
			return refused
		}
	default:
		return refused
	}
	if before != 0 && d.nodes[before].parent != parent {
		return refused
	}
	// A shadow tree is in its host.
	depth := 0
	for a := parent; a != 0; {
		for top := a; top != 0; top = d.nodes[top].parent {
			if top == i {
				return refused
			}
			if depth++; depth > d.limits.Depth {
				return overLimit
			}
			a = top
		}
		if d.nodes[a].kind != kindShadowRoot {
			break
		}
		a = d.above(a)
	}
	if before == i {
		before = d.nodes[i].next
	}
	d.detach(i)
	d.link(parent, i, before)
	return inserted
}

// documentTakes is what the DOM demands of a document's children: one doctype,
// then one element, and no text.
func (d *Document) documentTakes(doc, i, before int32) bool {
	k := d.nodes[i].kind
	switch k {
	case kindComment, kindCDATA:
		return true
	case kindElement, kindDoctype:
	default:
		return false
	}
	seen := false
	for c := d.nodes[doc].first; c != 0; c = d.nodes[c].next {
		if c == before {
			seen = true
		}
		other := d.nodes[c].kind
		if c != i && other == k {
			return false
		}
		if k == kindElement && other == kindDoctype && seen || k == kindDoctype && other == kindElement && (!seen || before == 0) {
			return false
		}
	}
	return true
}

// detach takes a node out of the tree, with what is in it. The documents of
// iframes in it are gone: a browser empties an iframe that is taken out.
func (d *Document) detach(i int32) {
	if d.nodes[i].parent == 0 {
		return
	}
	d.unlink(i)
	d.emptyFrames(i)
}

// emptyFrames takes the documents out of the iframes in a subtree, shadow
// trees included.
func (d *Document) emptyFrames(top int32) {
	if len(d.more) == 0 {
		return
	}
	trees := append(d.scratch.trees[:0], top)
	for len(trees) > 0 {
		tree := trees[len(trees)-1]
		trees = trees[:len(trees)-1]
		for i := tree; i != 0; i = d.following(i, tree) {
			m := d.has(i)
			if m == nil {
				continue
			}
			if m.shadow != 0 {
				trees = append(trees, m.shadow)
			}
			if m.content != 0 {
				d.more[m.content].owner = 0
				m.content = 0
			}
		}
	}
	d.scratch.trees = trees
}

// forget removes a node and what is in it from the ids, shadow trees and the
// documents of iframes left aside.
func (d *Document) forget(top int32) {
	for i := top; i != 0; i = d.following(i, top) {
		if id := d.nodes[i].id; id != 0 {
			delete(d.byID, id)
		}
	}
}

// Nodes without a place are looked for when there are this many nodes or bytes
// and twice as many as the last time.
const (
	sweepNodes = 4096
	sweepText  = 1 << 20
)

// makeRoom frees what nothing refers to when it may be much. It must not be
// called while somebody holds a new node that has no place yet.
func (d *Document) makeRoom() {
	if d.live < d.sweepAt && d.bytes < d.sweepBytes {
		return
	}
	d.mark(true)
	d.sweep()
	// rrweb keeps the ids of shadow trees and iframes that are gone. So do we,
	// because it may use them again, until they are half of everything.
	shown := 0
	d.mark(false)
	for i := range d.nodes {
		if d.nodes[i].flags&nodeMarked != 0 {
			shown++
		}
	}
	if d.live > 2*shown+sweepNodes {
		d.sweep()
	} else {
		for i := range d.nodes {
			d.nodes[i].flags &^= nodeMarked
		}
	}
	d.sweepAt = max(sweepNodes, min(2*d.live, max(d.limits.Nodes, d.live+d.live/8)))
	d.sweepBytes = max(sweepText, min(2*d.bytes, max(d.limits.TextBytes, d.bytes+d.bytes/8)))
}

// mark marks what can be reached from the document, from nodes that wait to be
// placed and, if wanted, from ids.
func (d *Document) mark(ids bool) {
	stack := d.scratch.trees[:0]
	reach := func(i int32) {
		for i != 0 && d.above(i) != 0 {
			i = d.above(i)
		}
		if i != 0 && d.nodes[i].flags&nodeMarked == 0 {
			d.nodes[i].flags |= nodeMarked
			stack = append(stack, i)
		}
	}
	reach(d.root)
	for _, m := range d.missing {
		reach(m.node)
	}
	if ids {
		for _, i := range d.byID {
			if d.nodes[i].flags&nodeMarked == 0 {
				reach(i)
			}
			stack = d.markTrees(stack)
		}
	}
	d.scratch.trees = d.markTrees(stack)
}

func (d *Document) markTrees(stack []int32) []int32 {
	for len(stack) > 0 {
		tree := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for i := tree; i != 0; i = d.following(i, tree) {
			d.nodes[i].flags |= nodeMarked
			if m := d.has(i); m != nil {
				for _, inner := range [2]int32{m.shadow, m.content} {
					if inner != 0 {
						d.nodes[inner].flags |= nodeMarked
						stack = append(stack, inner)
					}
				}
			}
		}
	}
	return stack
}

// sweep frees what is not marked, and unmarks what is.
func (d *Document) sweep() {
	for j := 1; j < len(d.nodes); j++ {
		i := int32(j)
		n := &d.nodes[i]
		if n.flags&nodeMarked != 0 {
			n.flags &^= nodeMarked
			continue
		}
		if n.kind == kindFree {
			continue
		}
		if d.byID[n.id] == i {
			delete(d.byID, n.id)
		}
		d.freeNode(i)
	}
}

// freeNode makes room for another node.
func (d *Document) freeNode(i int32) {
	n := &d.nodes[i]
	d.dropText(i)
	for _, a := range n.attrs {
		d.bytes -= len(a.value)
	}
	if s := d.styles[i]; s != nil {
		d.bytes -= s.bytes
		delete(d.styles, i)
	}
	if n.flags&nodeMore != 0 {
		d.bytes -= len(d.more[i].canvas)
		if in := d.more[i].input; in != nil {
			d.bytes -= len(in.value)
		}
		delete(d.more, i)
	}
	if n.parent == 0 {
		delete(d.hiding, i)
	}
	if len(d.sheetTexts) > 0 && (n.kind == kindText || d.is(i, tagStyle)) {
		delete(d.sheetTexts, i)
	}
	clear(n.attrs)
	*n = node{kind: kindFree, next: d.free, attrs: n.attrs[:0]}
	d.free = i
	d.live--
}

// freeRemoved frees what the last event took out and nothing refers to any
// more. The rest, of which there is little, is left for makeRoom.
func (d *Document) freeRemoved() {
	if len(d.missing) > 0 {
		return
	}
	for _, r := range d.changes.Removed {
		if top := r.Node.i; d.isLost(top) {
			for i := top; i != 0; {
				// The links of a node are gone with it: the next one is looked up first,
				// and what is inside a node is freed before it.
				for d.nodes[i].first != 0 {
					i = d.nodes[i].first
				}
				parent, next := d.nodes[i].parent, d.nodes[i].next
				if parent != 0 {
					d.nodes[parent].first = next
				}
				d.freeNode(i)
				if i == top {
					break
				}
				i = parent
			}
		}
	}
}

// isLost reports whether nothing leads to a node that was taken out, nor to
// what is in it.
func (d *Document) isLost(top int32) bool {
	if d.nodes[top].kind == kindFree || d.above(top) != 0 || top == d.root {
		return false
	}
	for i := top; i != 0; i = d.following(i, top) {
		n := &d.nodes[i]
		if n.id != 0 && d.byID[n.id] == i {
			return false
		}
		if m := d.has(i); m != nil && (m.shadow != 0 || m.content != 0 || m.owner != 0) {
			return false
		}
	}
	return true
}
