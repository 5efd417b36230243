package dom

import "iter"

// Type is what a node is, numbered as in rrweb.
type Type int

// The types of nodes. rrweb serializes no shadow roots; their nodes are
// marked instead.
const (
	TypeDocument   Type = kindDocument
	TypeDoctype    Type = kindDoctype
	TypeElement    Type = kindElement
	TypeText       Type = kindText
	TypeCDATA      Type = kindCDATA // of recordings; no document has any
	TypeComment    Type = kindComment
	TypeShadowRoot Type = kindShadowRoot
)

// Node is a node of a document. It means something until the next Apply; the
// zero Node is no node, and answers every question with nothing.
type Node struct {
	d *Document
	i int32
}

// Root is the document itself, no node before the first full snapshot.
func (d *Document) Root() Node { return d.node(d.root) }

// ByID finds what an id means now; no node when it means nothing. A node that
// was taken out of the document together with the shadow tree or the iframe
// that it is in can still be found: see Connected.
func (d *Document) ByID(id int) Node {
	if int(int32(id)) != id {
		return Node{}
	}
	return d.node(d.byID[int32(id)])
}

func (d *Document) node(i int32) Node {
	if i == 0 {
		return Node{}
	}
	return Node{d, i}
}

// Exists reports whether this is a node.
func (n Node) Exists() bool { return n.i != 0 }

// ID is the id of the recording, 0 for nodes that rrweb makes itself.
func (n Node) ID() int {
	if n.i == 0 {
		return 0
	}
	return int(n.d.nodes[n.i].id)
}

// Type is what the node is, TypeDocument for no node.
func (n Node) Type() Type {
	if n.i == 0 {
		return TypeDocument
	}
	return Type(n.d.nodes[n.i].kind)
}

// IsElement reports whether the node is an element.
func (n Node) IsElement() bool { return n.i != 0 && n.d.nodes[n.i].kind == kindElement }

// Tag is the name of an element, of HTML in lower case; "" for other nodes.
// Scripts are called noscript, as rrweb rebuilds them, and style sheets that
// were inlined are called style whether they were links or not.
func (n Node) Tag() string {
	if !n.IsElement() {
		return ""
	}
	return n.d.tag(n.i)
}

// IsSVG reports whether an element is one of SVG.
func (n Node) IsSVG() bool { return n.i != 0 && n.d.nodes[n.i].flags&nodeSVG != 0 }

// IsBlocked reports whether the recorder left out what is in an element, for
// privacy.
func (n Node) IsBlocked() bool { return n.i != 0 && n.d.nodes[n.i].flags&nodeBlocked != 0 }

// Connected reports whether the node is in the document that is shown.
func (n Node) Connected() bool { return n.i != 0 && n.d.connected(n.i) }

// Attribute returns an attribute of an element, by its name in lower case.
func (n Node) Attribute(name string) (string, bool) {
	if n.i == 0 {
		return "", false
	}
	return n.d.attribute(n.i, name)
}

// Attributes yields the names and values of an element's attributes.
func (n Node) Attributes() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if n.i == 0 {
			return
		}
		for _, a := range n.d.nodes[n.i].attrs {
			if !yield(n.d.names.of(a.name), a.value) {
				return
			}
		}
	}
}

// Data is the content of a text, CDATA or comment node, and the name of a
// doctype.
func (n Node) Data() string {
	if n.i == 0 {
		return ""
	}
	return n.d.textOf(n.i)
}

// DoctypeIDs are the public and the system identifier of a doctype.
func (n Node) DoctypeIDs() (public, system string) {
	if n.i == 0 || n.d.nodes[n.i].kind != kindDoctype {
		return "", ""
	}
	t := n.d.more[n.i].doctype
	return t.publicID, t.systemID
}

// Parent is the node that this one is a child of. Neither a shadow root nor
// the document of an iframe has one: see Above.
func (n Node) Parent() Node {
	if n.i == 0 {
		return Node{}
	}
	return n.d.node(n.d.nodes[n.i].parent)
}

// Above is the parent, the host of a shadow root, or the iframe of a document.
func (n Node) Above() Node {
	if n.i == 0 {
		return Node{}
	}
	return n.d.node(n.d.above(n.i))
}

// Children yields the child nodes in order, those in the shadow root left
// aside.
func (n Node) Children() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		if n.i == 0 {
			return
		}
		for c := n.d.nodes[n.i].first; c != 0; c = n.d.nodes[c].next {
			if !yield(Node{n.d, c}) {
				return
			}
		}
	}
}

// ShadowRoot is the shadow root of an element, no node when it has none.
func (n Node) ShadowRoot() Node {
	if n.i == 0 {
		return Node{}
	}
	return n.d.node(n.d.shadowRoot(n.i))
}

// ContentDocument is the document of an iframe as far as it was recorded.
func (n Node) ContentDocument() Node {
	if n.i == 0 {
		return Node{}
	}
	return n.d.node(n.d.contentDocument(n.i))
}

// Value is what is in a form field: typed, chosen, or as the page set it.
// Recorders mask it unless told otherwise. Whoever stores it must know.
func (n Node) Value() string {
	if !n.IsElement() {
		return ""
	}
	return n.d.fieldValue(n.i)
}

// Checked is the state of a checkbox, a radio button or an option.
func (n Node) Checked() bool { return n.IsElement() && n.d.checked(n.i) }

// Scroll is how far an element, or a document, is scrolled, in CSS pixels.
func (n Node) Scroll() (x, y float64) {
	if n.i == 0 {
		return 0, 0
	}
	if m := n.d.has(n.i); m != nil {
		return m.scrollX, m.scrollY
	}
	return 0, 0
}
