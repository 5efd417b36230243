package dom

import (
	"sync"

	"github.com/playhead/playhead/pkg/rrweb"
)

// The types of nodes, as rrweb numbers them, and one that rrweb does not
// serialize.
const (
	kindDocument   = 0
	kindDoctype    = 1
	kindElement    = 2
	kindText       = 3
	kindCDATA      = 4
	kindComment    = 5
	kindShadowRoot = 6
	kindFree       = 7 // not in use
)

// What rrweb says about a serialized node.
const (
	snSVG = 1 << iota
	snStyle
	snShadow
	snShadowHost
	snCustom
	snBlocked
	snBackCompat
	snChildNodes // the member is there and an array
)

// serialized is a node as an event describes it. Its slices are the event's.
type serialized struct {
	kind        int8 // -1: none that rrweb knows
	flags       uint16
	id, rootID  int32
	tag         value // of an element; the name of a doctype
	text        value
	doctype     int32 // index of what is said of a doctype
	attrs       span
	attrsRaw    []byte
	first, next int32 // indexes of serialized nodes, 0: none
	children    int32
}

// serializedDoctype is what few nodes have.
type serializedDoctype struct{ publicID, systemID value }

type span struct{ start, end int32 }

type serializedAttr struct {
	name  []byte
	value value
}

type add struct {
	parentID, previousID, nextID reference
	node                         int32  // 0: none
	raw                          []byte // of the node
}

// reference is a node's id as a mutation names it: it can be absent, null or
// -1, and rrweb tells these apart.
type reference struct {
	id      int32
	present bool // neither absent nor null
}

// truthy is what rrweb asks before it looks the id up.
func (r reference) truthy() bool { return r.present && r.id != 0 }

type remove struct {
	id, parentID int32
	shadow       bool
}

type textChange struct {
	id    int32
	value value
}

type attrChange struct {
	id    int32
	attrs span
}

// The lists of a mutation.
const (
	haveRemoves = iota
	haveAdds
	haveTexts
	haveAttributes
)

// event is a parsed event. It is used again for others, of other documents
// too, so that parsing does not allocate.
type event struct {
	typ    rrweb.Type
	source rrweb.Source
	data   value

	nodes    []serialized // the first is none
	attrs    []serializedAttr
	doctypes []serializedDoctype // the first is none

	root          int32
	left, top     value
	removes       []remove
	adds          []add
	texts         []textChange
	attrChanges   []attrChange
	have          [4]bool // which of the lists are there
	limit         int     // how deep nodes may be nested
	tooDeep       bool
	typed         bool
	width, height value
	href          value

	strings *interned
}

var events = sync.Pool{New: func() any { return &event{strings: new(interned)} }}

// text is what a value is as a string.
func (e *event) text(v value) string { return e.strings.text(v) }

// maxKept bounds the nodes and attributes that an event that is not in use has
// room for.
const maxKept = 100_000

// release makes an event free for others. It must not hold on to its line.
func (e *event) release() {
	if cap(e.nodes)+cap(e.attrs) > maxKept {
		return
	}
	clear(e.nodes)
	clear(e.attrs)
	clear(e.adds)
	clear(e.texts)
	clear(e.doctypes)
	e.reset(0)
	events.Put(e)
}

func (e *event) reset(limit int) {
	*e = event{
		source: rrweb.SourceNone,
		nodes:  append(e.nodes[:0], serialized{}), attrs: e.attrs[:0], doctypes: append(e.doctypes[:0], serializedDoctype{}),
		removes: e.removes[:0], adds: e.adds[:0], texts: e.texts[:0], attrChanges: e.attrChanges[:0],
		limit: limit, strings: e.strings,
	}
}

// parse reads a line: the nodes of full snapshots and mutations into e.nodes,
// while the data of other sources is read where it is applied.
func (e *event) parse(line []byte, depth int) bool {
	e.reset(depth)
	r := reader{b: line}
	if r.peek() != jsonObject {
		return false
	}
	r.i++
	for {
		key, ok := r.member()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			typ, ok := r.value().int()
			if !ok || typ < 0 {
				return false
			}
			e.typ, e.typed = rrweb.Type(typ), true
		case "data":
			e.data = value{kind: r.peek()}
			start := r.i
			if e.hasDocument() && e.data.kind == jsonObject {
				e.parseData(&r)
			} else {
				r.skip()
			}
			e.data.raw = r.b[start:r.i]
		default:
			r.skip()
		}
	}
	return e.typed && !r.bad
}

// hasDocument says whether the data is worth reading. A type that is still to
// come may make it so.
func (e *event) hasDocument() bool {
	switch e.typ {
	case rrweb.TypeFullSnapshot, rrweb.TypeIncremental, rrweb.TypeMeta:
		return true
	}
	return !e.typed
}

func (e *event) parseData(r *reader) {
	r.i++
	for {
		key, ok := r.member()
		if !ok {
			return
		}
		switch string(key) {
		case "source":
			if source, ok := r.value().int(); ok {
				e.source = rrweb.Source(source)
			}
		case "node":
			e.root = e.parseNode(r, 1)
		case "initialOffset":
			e.parseOffset(r)
		case "removes":
			e.parseRemoves(r)
		case "adds":
			e.parseAdds(r)
		case "texts":
			e.parseTexts(r)
		case "attributes":
			e.parseAttrChanges(r)
		case "href":
			e.href = r.value()
		case "width":
			e.width = r.value()
		case "height":
			e.height = r.value()
		default:
			r.skip()
		}
	}
}

func (e *event) parseOffset(r *reader) {
	for ok := r.object(); ok; {
		var key []byte
		if key, ok = r.member(); !ok {
			return
		}
		switch string(key) {
		case "left":
			e.left = r.value()
		case "top":
			e.top = r.value()
		default:
			r.skip()
		}
	}
}

// parseNode reads a serialized node and what is in it; 0 when the value is no
// object.
func (e *event) parseNode(r *reader, depth int) int32 {
	if !r.object() {
		return 0
	}
	if depth > e.limit {
		e.tooDeep = true
		r.fail()
		return 0
	}
	at := int32(len(e.nodes))
	e.nodes = append(e.nodes, serialized{kind: -1})
	n := serialized{kind: -1}
	for {
		key, ok := r.member()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			if k, ok := r.value().int(); ok && k >= kindDocument && k <= kindComment {
				n.kind = int8(k)
			}
		case "id":
			n.id, _ = r.value().int()
		case "rootId":
			n.rootID, _ = r.value().int()
		case "tagName", "name":
			n.tag = r.value()
		case "attributes":
			n.attrs, n.attrsRaw = e.parseAttrs(r)
		case "childNodes":
			e.parseChildren(r, &n, depth)
		case "textContent":
			n.text = r.value()
		case "publicId":
			e.doctypeOf(&n).publicID = r.value()
		case "systemId":
			e.doctypeOf(&n).systemID = r.value()
		case "compatMode":
			n.set(snBackCompat, r.value().is("BackCompat"))
		case "isSVG":
			n.set(snSVG, r.value().truthy())
		case "isStyle":
			n.set(snStyle, r.value().truthy())
		case "isShadow":
			n.set(snShadow, r.value().truthy())
		case "isShadowHost":
			n.set(snShadowHost, r.value().truthy())
		case "isCustom":
			n.set(snCustom, r.value().truthy())
		case "needBlock":
			n.set(snBlocked, r.value().truthy())
		default:
			r.skip()
		}
	}
	e.nodes[at] = n
	return at
}

// doctypeOf is room for what is said of a doctype.
func (e *event) doctypeOf(n *serialized) *serializedDoctype {
	if n.doctype == 0 {
		n.doctype = int32(len(e.doctypes))
		e.doctypes = append(e.doctypes, serializedDoctype{})
	}
	return &e.doctypes[n.doctype]
}

func (n *serialized) set(flag uint16, on bool) {
	if on {
		n.flags |= flag
	} else {
		n.flags &^= flag
	}
}

func (n *serialized) is(flag uint16) bool { return n.flags&flag != 0 }

func (e *event) parseChildren(r *reader, n *serialized, depth int) {
	n.first, n.children = 0, 0
	n.set(snChildNodes, r.peek() == jsonArray)
	if !r.array() {
		return
	}
	last := int32(0)
	for r.element() {
		child := e.parseNode(r, depth+1)
		if child == 0 {
			continue
		}
		if last == 0 {
			n.first = child
		} else {
			e.nodes[last].next = child
		}
		last = child
		n.children++
	}
}

func (e *event) parseAttrs(r *reader) (span, []byte) {
	r.space()
	raw := r.i
	s := span{int32(len(e.attrs)), int32(len(e.attrs))}
	if r.object() {
		for {
			name, ok := r.member()
			if !ok {
				break
			}
			e.attrs = append(e.attrs, serializedAttr{name, r.value()})
		}
		s.end = int32(len(e.attrs))
	}
	return s, r.b[raw:r.i]
}

func (e *event) parseRemoves(r *reader) {
	e.have[haveRemoves] = r.peek() == jsonArray
	for ok := r.array(); ok && r.element(); {
		var m remove
		if !r.object() {
			continue
		}
		for {
			key, ok := r.member()
			if !ok {
				break
			}
			switch string(key) {
			case "id":
				m.id, _ = r.value().int()
			case "parentId":
				m.parentID, _ = r.value().int()
			case "isShadow":
				m.shadow = r.value().truthy()
			default:
				r.skip()
			}
		}
		e.removes = append(e.removes, m)
	}
}

func (e *event) parseAdds(r *reader) {
	e.have[haveAdds] = r.peek() == jsonArray
	for ok := r.array(); ok && r.element(); {
		var m add
		if !r.object() {
			continue
		}
		for {
			key, ok := r.member()
			if !ok {
				break
			}
			switch string(key) {
			case "parentId":
				m.parentID = r.reference()
			case "previousId":
				m.previousID = r.reference()
			case "nextId":
				m.nextID = r.reference()
			case "node":
				r.space()
				start := r.i
				m.node = e.parseNode(r, 1)
				m.raw = r.b[start:r.i]
			default:
				r.skip()
			}
		}
		e.adds = append(e.adds, m)
	}
}

func (r *reader) reference() reference {
	v := r.value()
	id, _ := v.int()
	return reference{id: id, present: v.kind != jsonNull && v.kind != jsonNone}
}

func (e *event) parseTexts(r *reader) {
	e.have[haveTexts] = r.peek() == jsonArray
	for ok := r.array(); ok && r.element(); {
		var m textChange
		if !r.object() {
			continue
		}
		for {
			key, ok := r.member()
			if !ok {
				break
			}
			switch string(key) {
			case "id":
				m.id, _ = r.value().int()
			case "value":
				m.value = r.value()
			default:
				r.skip()
			}
		}
		e.texts = append(e.texts, m)
	}
}

func (e *event) parseAttrChanges(r *reader) {
	e.have[haveAttributes] = r.peek() == jsonArray
	for ok := r.array(); ok && r.element(); {
		var m attrChange
		if !r.object() {
			continue
		}
		for {
			key, ok := r.member()
			if !ok {
				break
			}
			switch string(key) {
			case "id":
				m.id, _ = r.value().int()
			case "attributes":
				m.attrs, _ = e.parseAttrs(r)
			default:
				r.skip()
			}
		}
		e.attrChanges = append(e.attrChanges, m)
	}
}
