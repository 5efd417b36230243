package dom

import (
	"errors"
	"fmt"
)

// What Document keeps for documents and nodes whose place is not there yet.
const (
	// maxQueued bounds the documents that wait for their iframe; rrweb has no
	// bound. Recorders send an iframe's document within a second of it.
	maxQueued = 64
	// maxQueuedBytes bounds one of them.
	maxQueuedBytes = 4 << 20
	// maxRounds bounds how often adds that wait for one another are tried.
	// rrweb tries for 500 ms.
	maxRounds = 1000
	// maxTries bounds the adds tried in all rounds of one event together.
	maxTries = 1_000_000
)

// queuedDocument is the document of an iframe that is not there yet.
type queuedDocument struct {
	parentID int32
	raw      []byte
}

// misplaced is a node that was built and whose neighbours are not there yet.
// Recorders before rrweb 1.0 sent -1 for these.
type misplaced struct {
	node               int32
	id                 int32
	previousID, nextID reference
}

// mutationScratch is what mutations and queries work with, kept so that they
// do not allocate.
type mutationScratch struct {
	steps int // tried so far, of a selector
	trees []int32
	queue []int32 // indexes of adds
	tree  []waiting
	first map[int32]int32 // by id: index into tree
	texts map[int32]bool
	added map[int32]bool
	block []byte
}

func (d *Document) applyMutation(e *event) error {
	b := builder{d: d, e: e, doc: d.root}
	err := d.mutate(e, &b)
	d.outermost()
	if errors.Is(err, errThrown) {
		d.stats.Abandoned++
		return nil
	}
	if err != nil {
		d.incomplete = true
	}
	return err
}

// mutate does what rrweb's Replayer does with a mutation, in its order.
func (d *Document) mutate(e *event, b *builder) error {
	if !e.have[haveRemoves] {
		return errThrown
	}
	if err := d.applyRemoves(e.removes); err != nil {
		return err
	}
	if !e.have[haveAdds] {
		return errThrown
	}
	if err := d.applyAdds(b); err != nil {
		return err
	}
	if !e.have[haveTexts] {
		return errThrown
	}
	if err := d.applyTexts(b); err != nil {
		return err
	}
	return d.applyAttributes(b)
}

func (d *Document) applyRemoves(removes []remove) error {
	known := 0
	for _, m := range removes {
		if d.byID[m.id] == 0 {
			d.stats.Missing++
			continue
		}
		removes[known] = m
		known++
	}
	for _, m := range removes[:known] {
		target, parent := d.byID[m.id], d.byID[m.parentID]
		if target == 0 {
			continue
		}
		if parent == 0 {
			d.stats.Missing++
			continue
		}
		if shadow := d.shadowRoot(parent); m.shadow && shadow != 0 {
			parent = shadow
		}
		d.forget(target)
		if d.nodes[target].parent != parent {
			// It stays where it is, and has no id any more. rrweb means to go on,
			// but does not know the exceptions of another frame.
			return errThrown
		}
		d.changes.Removed = append(d.changes.Removed, Removal{Node{d, target}, Node{d, parent}})
		d.detach(target)
	}
	return nil
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

// queueDocument keeps the document of an iframe that is still to come.
func (d *Document) queueDocument(m *add) {
	if len(m.raw) > maxQueuedBytes {
		d.stats.Missing++
		return
	}
	if len(d.queued) == maxQueued {
		d.bytes -= len(d.queued[0].raw)
		d.queued = d.queued[1:]
	}
	d.bytes += len(m.raw)
	d.queued = append(d.queued, queuedDocument{m.parentID.id, append([]byte(nil), m.raw...)})
}

// attachQueued gives iframes the documents that were sent before them.
func (d *Document) attachQueued(frames []int32) error {
	for _, frame := range frames {
		for q := range d.queued {
			if d.queued[q].parentID != d.nodes[frame].id {
				continue
			}
			raw := d.queued[q].raw
			d.bytes -= len(raw)
			d.queued = append(d.queued[:q:q], d.queued[q+1:]...)
			e := event{strings: new(interned)}
			e.reset(d.limits.Depth)
			root := e.parseNode(&reader{b: raw}, 1)
			if root == 0 {
				break
			}
			if err := d.fillFrame(&builder{d: d, e: &e}, root, frame); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// fillFrame builds the document of an iframe.
func (d *Document) fillFrame(b *builder, at, frame int32) error {
	defer func() {
		if content := d.contentDocument(frame); content != 0 {
			d.changes.Added = append(d.changes.Added, Node{d, content})
		}
	}()
	if !d.connected(frame) {
		return errThrown // an iframe that is not in the page has no document
	}
	sn := &b.e.nodes[at]
	if i, ok := d.byID[sn.id]; ok && d.nodes[i].meta == b.meta(sn) {
		return nil // rrweb takes it for the same and builds nothing
	}
	inner := builder{d: d, e: b.e, deep: true, doc: d.contentDocument(frame)}
	if sn.kind != kindDocument {
		_, err := inner.build(at)
		return err
	}
	// The browser empties the iframe before the new document comes.
	m := d.details(frame)
	if m.content != 0 {
		d.more[m.content].owner = 0
		m.content = 0
	}
	root, err := d.linkFrame(&inner, at, frame)
	if err != nil {
		return err
	}
	if err := inner.children(at, root); err != nil {
		return err
	}
	return d.attachQueued(inner.frames)
}

func (d *Document) linkFrame(b *builder, at, frame int32) (int32, error) {
	root, err := b.newNode(at)
	if err != nil {
		return 0, err
	}
	b.doc = root
	d.details(root).owner = frame
	d.details(frame).content = root
	return root, nil
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

func (d *Document) applyTexts(b *builder) error {
	texts := b.e.texts
	seen := d.scratch.texts
	if seen == nil {
		seen = make(map[int32]bool)
		d.scratch.texts = seen
	}
	clear(seen)
	if len(texts) > maxRoom {
		d.scratch.texts = nil
	}
	// The last change of a node counts.
	for k := len(texts) - 1; k >= 0; k-- {
		m := &texts[k]
		if seen[m.id] {
			continue
		}
		seen[m.id] = true
		i := d.byID[m.id]
		if i == 0 {
			d.stats.Missing++
			continue
		}
		d.changes.Texts = append(d.changes.Texts, TextChange{Node{d, i}, d.textOf(i)})
		if err := d.setTextContent(b.e, i, m.value); err != nil {
			return err
		}
	}
	return nil
}

// setTextContent sets the text of a node, or replaces all that is in it.
func (d *Document) setTextContent(e *event, i int32, v value) error {
	switch d.nodes[i].kind {
	case kindText, kindCDATA, kindComment:
		p := d.nodes[i].parent
		inStyle := p != 0 && d.isStyle(p)
		d.setRecorded(i, e, v, inStyle)
		if inStyle {
			d.nodes[i].flags |= nodeAdapted
			d.dropSheet(p)
		}
	case kindElement:
		for c := d.nodes[i].first; c != 0; c = d.nodes[i].first {
			d.detach(c)
		}
		if s := e.text(v); s != "" {
			return d.appendText(i, s)
		}
	}
	if d.bytes > d.limits.TextBytes {
		return fmt.Errorf("more than %d bytes of text: %w", d.limits.TextBytes, ErrLimit)
	}
	return nil
}

func (d *Document) applyAttributes(b *builder) error {
	for k := range b.e.attrChanges {
		m := &b.e.attrChanges[k]
		i := d.byID[m.id]
		if i == 0 {
			d.stats.Missing++
			continue
		}
		if err := d.changeAttributes(b, i, m); err != nil {
			return err
		}
	}
	if d.bytes > d.limits.TextBytes {
		return fmt.Errorf("more than %d bytes of text: %w", d.limits.TextBytes, ErrLimit)
	}
	return nil
}

func (d *Document) changeAttributes(b *builder, i int32, m *attrChange) error {
	for k := m.attrs.start; k < m.attrs.end; k++ {
		a := &b.e.attrs[k]
		isStyle := string(a.name) == "style" && (a.value.kind == jsonObject || a.value.kind == jsonArray)
		if d.nodes[i].kind != kindElement {
			if a.value.kind == jsonNull || isStyle {
				return errThrown
			}
			d.stats.Missing++ // rrweb catches what the others make the browser throw
			continue
		}
		d.noteAttribute(i, a.name)
		switch {
		case a.value.kind == jsonNull:
			d.dropAttribute(i, a.name)
		case a.value.kind == jsonString:
			replaced, err := d.changeAttribute(b, i, m, a)
			if replaced || err != nil {
				return err
			}
		case isStyle:
			d.changeStyle(i, a.value)
		}
	}
	return nil
}

func (d *Document) dropAttribute(i int32, name []byte) {
	d.keepOriginal(i)
	d.removeAttribute(i, d.names.find(d.attributeName(i, name)))
	if string(name) == "open" && d.tag(i) == "dialog" && d.connected(i) {
		d.removeAttribute(i, d.names.find("rr_open_mode"))
	}
}

// changeAttribute sets an attribute to a string. replaced: the element was
// built anew, with all attributes of the change.
func (d *Document) changeAttribute(b *builder, i int32, m *attrChange, a *serializedAttr) (replaced bool, err error) {
	d.keepOriginal(i)
	switch tag := d.tag(i); string(a.name) {
	case "_cssText":
		if (tag == "style" || tag == "link") && d.nodes[i].parent != 0 {
			return true, d.replaceStyle(b, i, m)
		}
	case "value":
		if tag == "textarea" {
			return false, d.replaceTextarea(i, b.e.text(a.value))
		}
	}
	d.setAttributeBytes(i, a.name, b.e.text(a.value))
	if string(a.name) == "rr_open_mode" {
		d.openedBy(b, i, m)
	}
	return false, nil
}

// attributeName is the name under which an element has an attribute.
func (d *Document) attributeName(i int32, raw []byte) string {
	if d.nodes[i].flags&nodeSVG != 0 {
		return string(raw)
	}
	return string(lower(raw))
}

// openedBy shows a dialog whose mode is set: that gives it the attribute open.
func (d *Document) openedBy(b *builder, i int32, m *attrChange) {
	if d.tag(i) != "dialog" || !d.connected(i) {
		return
	}
	_, open := d.attribute(i, "open")
	for k := m.attrs.start; k < m.attrs.end; k++ {
		if a := &b.e.attrs[k]; string(a.name) == "open" && a.value.kind == jsonString {
			open = true
		}
	}
	if open {
		d.setAttribute(i, "open", "")
	}
}

// replaceTextarea gives a textarea a text of rrweb's own. A browser takes away
// every second child only, because the list shrinks while rrweb walks it.
func (d *Document) replaceTextarea(i int32, s string) error {
	for c := d.nodes[i].first; c != 0; {
		kept := d.nodes[c].next
		d.detach(c)
		if kept == 0 {
			break
		}
		c = d.nodes[kept].next
	}
	return d.appendText(i, s)
}

// keepOriginal remembers how a style sheet's element was serialized before its
// first change: rrweb builds it from that again when its rules are replaced.
func (d *Document) keepOriginal(i int32) {
	if tag := d.tag(i); tag != "style" && tag != "link" {
		return
	}
	if m := d.details(i); m.original == nil {
		m.original = append([]attr{}, d.nodes[i].attrs...)
	}
}

// replaceStyle builds a style sheet's element anew, with other rules.
func (d *Document) replaceStyle(b *builder, i int32, m *attrChange) error {
	next, parent := d.nodes[i].next, d.nodes[i].parent
	fresh := d.newNode(kindElement, d.nodes[i].id)
	if fresh == 0 {
		return fmt.Errorf("more than %d nodes: %w", d.limits.Nodes, ErrLimit)
	}
	old := &d.nodes[i]
	n := &d.nodes[fresh]
	n.flags = old.flags &^ nodeMore
	n.name = d.internString("style")
	if d.tag(i) == "link" {
		n.flags |= nodeWasLink
	}
	for _, a := range d.more[i].original {
		d.store(fresh, a.name, a.value)
	}
	css := ""
	for k := m.attrs.start; k < m.attrs.end; k++ {
		switch a := &b.e.attrs[k]; {
		case string(a.name) == "_cssText":
			css = b.e.text(a.value)
		case a.value.kind == jsonString:
			d.setAttributeBytes(fresh, a.name, b.e.text(a.value))
		}
	}
	d.details(fresh).original = append([]attr{}, d.nodes[fresh].attrs...)
	if n.flags&nodeHadChildren == 0 {
		if err := d.appendText(fresh, css); err != nil {
			return err
		}
		d.nodes[d.nodes[fresh].last].flags |= nodeAdapted
	}
	d.detach(i)
	d.link(parent, fresh, next)
	if id := d.nodes[fresh].id; id != 0 {
		d.byID[id] = fresh
	}
	return nil
}
