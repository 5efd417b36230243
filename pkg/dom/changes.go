package dom

// Changes are what one event changed in the tree. Everything in them means
// something until the next Apply.
type Changes struct {
	// Rebuilt: a full snapshot came. The lists are empty then.
	Rebuilt bool
	// Removed are the nodes that were taken out, with what was in them. They may
	// be back by now, here or elsewhere, under the same id.
	Removed []Removal
	// Added are the nodes that were put where they are, in the order of the event.
	// Those in another one of them are left out.
	Added []Node
	// Texts are the nodes whose text was changed.
	Texts []TextChange
	// Attributes are the attributes that were set or removed, one entry for each.
	Attributes []AttributeChange
}

// Removal is a node and the one that it was taken out of.
type Removal struct{ Node, From Node }

// TextChange is a node and the text that it had.
type TextChange struct {
	Node Node
	Old  string
}

// AttributeChange is an element, and what one of its attributes was before.
type AttributeChange struct {
	Node Node
	Name string // in lower case, as rrweb records it
	Old  string
	Had  bool // false: the element did not have it
}

// Any reports whether anything changed.
func (c *Changes) Any() bool {
	return c.Rebuilt || len(c.Removed)+len(c.Added)+len(c.Texts)+len(c.Attributes) > 0
}

// Changes returns what the last Apply changed. It is the document's own.
func (d *Document) Changes() *Changes { return &d.changes }

func (c *Changes) reset() {
	*c = Changes{Removed: room(c.Removed), Added: room(c.Added), Texts: room(c.Texts), Attributes: room(c.Attributes)}
}

// maxRoom bounds what a document keeps room for between events. Documents are
// many, and large changes few.
const maxRoom = 64

// room is an empty list with the room of one that is done with.
func room[T any](list []T) []T {
	if cap(list) > maxRoom {
		return nil
	}
	return list[:0]
}

// outermost leaves out of Added what is in other nodes of it, what is there
// twice, and what is nowhere.
func (d *Document) outermost() {
	added := d.changes.Added
	if len(added) == 0 {
		return
	}
	if d.scratch.added == nil {
		d.scratch.added = make(map[int32]bool)
	}
	kept := d.scratch.added // node: whether it was kept
	clear(kept)
	for _, n := range added {
		kept[n.i] = false
	}
	list := added[:0]
	for _, n := range added {
		above := d.above(n.i)
		if _, inside := kept[above]; above == 0 || inside || kept[n.i] {
			continue
		}
		kept[n.i] = true
		list = append(list, n)
	}
	d.changes.Added = list
	if len(kept) > maxRoom {
		d.scratch.added = nil
	}
}

// noteAttribute notes an attribute that is about to change.
func (d *Document) noteAttribute(i int32, name []byte) {
	id := d.intern(name)
	change := AttributeChange{Node: Node{d, i}, Name: d.names.of(id)}
	for _, a := range d.nodes[i].attrs {
		if a.name == id {
			change.Old, change.Had = a.value, true
			break
		}
	}
	d.changes.Attributes = append(d.changes.Attributes, change)
}
