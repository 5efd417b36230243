package dom

import "fmt"

const (
	// maxRounds bounds how often adds that wait for one another are tried.
	// rrweb tries for 500 ms.
	maxRounds = 1000
	// maxTries bounds the adds tried in all rounds of one event together.
	maxTries = 1_000_000
)

// misplaced is a node that was built and whose neighbours are not there yet.
// Recorders before rrweb 1.0 sent -1 for these.
type misplaced struct {
	node               int32
	id                 int32
	previousID, nextID reference
}

func (d *Document) applyAdds(b *builder) error {
	adds := b.e.adds
	if most := d.limits.Nodes - d.live; len(adds) > 0 {
		d.grow(min(len(b.e.nodes), most))
	}
	queue := d.scratch.queue[:0]
	defer func() { d.scratch.queue = room(queue) }()
	for i := range adds {
		later, err := d.place(b, &adds[i])
		if err != nil {
			return err
		}
		if later {
			queue = append(queue, int32(i))
		}
	}
	tries := 0
	for round := 0; len(queue) > 0; round++ {
		tries += len(queue)
		if round == maxRounds || tries > maxTries {
			d.stats.Missing += int64(len(queue))
			return nil
		}
		order := d.resolve(b, queue)
		waited := len(queue)
		queue = queue[:0]
		for _, i := range order {
			later, err := d.place(b, &adds[i])
			if err != nil {
				return err
			}
			if later {
				queue = append(queue, i)
			}
		}
		if len(queue) == waited {
			// Nothing found its place: nor would it in the next round.
			d.stats.Missing += int64(len(queue))
			return nil
		}
	}
	return nil
}

// waiting is an add in the forest that rrweb makes of adds which could not be
// placed: the parent's add comes before its children's, and a later sibling's
// before an earlier one's.
type waiting struct {
	add                     int32
	id                      int32
	parent                  int32 // 0: a root
	first, last, prev, next int32
}

// resolve orders adds that could not be placed, and drops those whose parent
// is not there.
func (d *Document) resolve(b *builder, queue []int32) []int32 {
	tree := append(d.scratch.tree[:0], waiting{}) // the first holds the roots
	if d.scratch.first == nil {
		d.scratch.first = make(map[int32]int32)
	}
	at := d.scratch.first
	clear(at)
	insert := func(i, parent, before int32) {
		w := &tree[i]
		w.parent, w.next = parent, before
		if before != 0 {
			w.prev, tree[before].prev = tree[before].prev, i
		} else {
			w.prev, tree[parent].last = tree[parent].last, i
		}
		if w.prev != 0 {
			tree[w.prev].next = i
		} else {
			tree[parent].first = i
		}
	}
	for _, q := range queue {
		m := &b.e.adds[q]
		i := int32(len(tree))
		tree = append(tree, waiting{add: q, id: b.e.nodes[m.node].id})
		if next, ok := at[m.nextID.id]; ok && m.nextID.truthy() {
			insert(i, tree[next].parent, next)
		} else if parent, ok := at[m.parentID.id]; ok {
			insert(i, parent, 0)
		} else {
			insert(i, 0, 0)
		}
		at[tree[i].id] = i
	}
	d.scratch.tree = tree
	order := make([]int32, 0, len(queue))
	for root := tree[0].first; root != 0; root = tree[root].next {
		if d.byID[b.e.adds[tree[root].add].parentID.id] == 0 {
			d.stats.Missing++
			continue
		}
		// Each before its children, and these from the last to the first.
		for i := root; ; {
			order = append(order, tree[i].add)
			if tree[i].last != 0 {
				i = tree[i].last
				continue
			}
			for i != root && tree[i].prev == 0 {
				i = tree[i].parent
			}
			if i == root {
				break
			}
			i = tree[i].prev
		}
	}
	return order
}

// place puts an add into the document. later: it has to wait for another one.
func (d *Document) place(b *builder, m *add) (later bool, err error) {
	if m.node == 0 {
		return false, errThrown
	}
	sn := &b.e.nodes[m.node]
	parent := d.byID[m.parentID.id]
	if parent == 0 {
		if sn.kind == kindDocument {
			d.queueDocument(m)
			return false, nil
		}
		return true, nil
	}
	into := parent
	if sn.is(snShadow) {
		if d.shadowRoot(parent) == 0 {
			if err := d.attachShadow(parent); err != nil {
				return false, err
			}
		}
		into = d.shadowRoot(parent)
	}
	previous, next := d.lookUp(m.previousID), d.lookUp(m.nextID)
	if m.nextID.present && m.nextID.id != -1 && next == 0 {
		return true, nil
	}
	if sn.rootID != 0 && d.byID[sn.rootID] == 0 {
		d.stats.Missing++
		return false, nil
	}
	b.doc, b.deep = d.root, false
	if sn.rootID != 0 {
		b.doc = d.byID[sn.rootID]
	}
	if d.isFrame(into) {
		return false, d.fillFrame(b, m.node, into)
	}
	b.inStyle = d.isStyle(into)
	target, err := b.build(m.node)
	if err != nil {
		return false, err
	}
	if m.previousID.present && m.previousID.id == -1 || m.nextID.present && m.nextID.id == -1 {
		if d.missing == nil {
			d.missing = make(map[int32]misplaced)
		}
		d.missing[sn.id] = misplaced{target, sn.id, m.previousID, m.nextID}
		return false, nil
	}
	d.replaceOwn(into, target, sn)
	if err := d.insertBetween(into, target, previous, next); err != nil {
		return false, err
	}
	d.changes.Added = append(d.changes.Added, Node{d, target})
	d.opened(target)
	if d.isFrame(target) {
		if err := d.attachQueued([]int32{target}); err != nil {
			return false, err
		}
	}
	if len(d.missing) > 0 && (m.previousID.truthy() || m.nextID.truthy()) {
		return false, d.placeMissing(into, target, m.previousID, m.nextID)
	}
	return false, nil
}

func (d *Document) lookUp(r reference) int32 {
	if !r.truthy() {
		return 0
	}
	return d.byID[r.id]
}

// replaceOwn takes out what rrweb put into a parent itself and what is now
// recorded: the text of a textarea or a style element, a doctype, an html
// element.
func (d *Document) replaceOwn(parent, target int32, sn *serialized) {
	switch p := &d.nodes[parent]; p.kind {
	case kindElement:
		if sn.kind != kindText {
			return
		}
		switch tag := d.tag(parent); {
		case tag == "textarea":
			for c := p.first; c != 0; {
				next := d.nodes[c].next
				if d.nodes[c].kind == kindText {
					d.detach(c)
				}
				c = next
			}
		case tag == "style" && p.flags&nodeWasLink == 0:
			if c := p.first; c != 0 && c == p.last && d.nodes[c].kind == kindText && d.nodes[c].id == 0 {
				d.setStyleText(target, d.textOf(c))
				d.nodes[target].flags |= nodeAdapted
				d.detach(c)
			}
		}
	case kindDocument:
		if first := p.first; sn.kind == kindDoctype && first != 0 && d.nodes[first].kind == kindDoctype {
			d.detach(first)
		}
		if sn.kind == kindElement && d.tag(target) == "html" {
			if html := d.documentElement(parent); html != 0 {
				d.detach(html)
			}
		}
	}
}

func (d *Document) documentElement(doc int32) int32 {
	for c := d.nodes[doc].first; c != 0; c = d.nodes[c].next {
		if d.nodes[c].kind == kindElement {
			return c
		}
	}
	return 0
}

// insertBetween puts target behind previous, else before next, else last.
func (d *Document) insertBetween(parent, target, previous, next int32) error {
	before := int32(0)
	switch {
	case previous != 0 && d.nodes[previous].next != 0:
		before = d.nodes[previous].next
	case next != 0 && d.nodes[next].parent != 0 && d.contains(parent, next):
		before = next
	}
	switch d.insert(parent, target, before) {
	case refused:
		return errThrown
	case overLimit:
		return fmt.Errorf("nodes nested more than %d deep: %w", d.limits.Depth, ErrLimit)
	}
	d.stylesMoved(target)
	return nil
}

// contains reports whether a node is in the subtree of another one.
func (d *Document) contains(top, i int32) bool {
	for ; i != 0; i = d.nodes[i].parent {
		if i == top {
			return true
		}
	}
	return false
}

// placeMissing puts nodes that were waiting for target beside it, and those
// that wait for them.
func (d *Document) placeMissing(parent, target int32, previousID, nextID reference) error {
	type step struct {
		target             int32
		previousID, nextID reference
	}
	steps := []step{{target, previousID, nextID}}
	for len(steps) > 0 {
		s := steps[len(steps)-1]
		steps = steps[:len(steps)-1]
		if m, ok := d.missing[s.previousID.id]; ok && s.previousID.truthy() {
			if err := d.insertBetween(parent, m.node, 0, s.target); err != nil {
				return err
			}
			delete(d.missing, m.id)
			steps = append(steps, step{m.node, m.previousID, m.nextID})
		}
		if m, ok := d.missing[s.nextID.id]; ok && s.nextID.truthy() {
			switch d.insert(parent, m.node, d.nodes[s.target].next) {
			case refused:
				return errThrown
			case overLimit:
				return ErrLimit
			}
			delete(d.missing, m.id)
			steps = append(steps, step{m.node, m.previousID, m.nextID})
		}
	}
	return nil
}

// opened does what rrweb does with a dialog that is put into the page: it is
// shown, which gives it the attribute open without a value.
func (d *Document) opened(i int32) {
	if d.nodes[i].kind != kindElement || d.tag(i) != "dialog" {
		return
	}
	if mode, _ := d.attribute(i, "rr_open_mode"); mode == "modal" && d.connected(i) {
		if _, open := d.attribute(i, "open"); open {
			d.setAttribute(i, "open", "")
		}
	}
}
