package dom

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
)

// errThrown means that the browser throws where rrweb does not catch it close
// by, so that rrweb gives up on the event.
var errThrown = errors.New("the browser throws")

// applySnapshot rebuilds the document from a full snapshot.
func (d *Document) applySnapshot(e *event) error {
	if e.root == 0 {
		return ErrSyntax
	}
	d.clear()
	d.roomFor(len(e.nodes), len(e.attrs))
	b := builder{d: d, e: e, deep: true, snapshot: true}
	root, err := b.document(e.root)
	d.root = root
	if err != nil {
		d.incomplete = true
		if errors.Is(err, ErrLimit) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	m := d.details(root)
	m.scrollX, m.scrollY = e.left.float(), e.top.float()
	if err := d.attachQueued(b.frames); err != nil {
		d.incomplete = true
		if errors.Is(err, ErrLimit) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return nil
}

// roomFor makes room for the nodes of a full snapshot and some more.
func (d *Document) roomFor(nodes, attrs int) {
	nodes = min(nodes+nodes/16+16, d.limits.Nodes)
	if cap(d.nodes) < nodes || cap(d.nodes) > 2*nodes {
		d.nodes = append(make([]node, 0, nodes), d.nodes...)
	}
	d.slab = make([]attr, attrs)
}

// builder makes nodes of the serialized nodes of one event, as rrweb-snapshot's
// rebuild does.
type builder struct {
	d    *Document
	e    *event
	doc  int32 // the document that the nodes are for
	deep bool  // with what is in them
	// snapshot: this is a full snapshot, of which rrweb starts the media.
	snapshot bool
	inStyle  bool // what is built is for a style element
	// frames are the iframes that were built on the way.
	frames []int32
}

// document builds a document as the whole of a page or of an iframe.
func (b *builder) document(at int32) (int32, error) {
	if b.e.nodes[at].kind != kindDocument {
		return 0, fmt.Errorf("no document at its root: %w", errThrown)
	}
	root, err := b.newNode(at)
	if err != nil {
		return 0, err
	}
	b.doc = root
	return root, b.children(at, root)
}

// build makes a node, or gives back the one that rrweb finds to be the same.
func (b *builder) build(at int32) (int32, error) {
	d, sn := b.d, &b.e.nodes[at]
	if i, ok := d.byID[sn.id]; ok && d.nodes[i].meta == b.meta(sn) && sn.id != 0 {
		return i, nil
	}
	if b.doc != 0 && d.nodes[b.doc].kind != kindDocument {
		return 0, fmt.Errorf("create node with a rootId that is no document's: %w", errThrown)
	}
	if sn.kind < 0 {
		return 0, fmt.Errorf("insert a node of no type that there is: %w", errThrown)
	}
	if sn.kind == kindCDATA {
		return 0, fmt.Errorf("create CDATA section in an HTML document: %w", errThrown)
	}
	if sn.kind == kindDocument {
		b.wipe(sn.id)
		return 0, fmt.Errorf("document inside a document: %w", errThrown)
	}
	i, err := b.newNode(at)
	if err != nil || !b.deep || sn.kind != kindElement {
		return i, err
	}
	return i, b.children(at, i)
}

// wipe empties the document that is built for: rrweb opens it anew when it is
// told to build a document anywhere but in an iframe.
func (b *builder) wipe(id int32) {
	d := b.d
	for c := d.nodes[b.doc].first; c != 0; c = d.nodes[b.doc].first {
		d.detach(c)
	}
	if id != 0 {
		d.nodes[b.doc].id = id
		d.byID[id] = b.doc
	}
}

func (b *builder) children(at, parent int32) error {
	d := b.d
	for c := b.e.nodes[at].first; c != 0; c = b.e.nodes[c].next {
		sn := &b.e.nodes[c]
		b.inStyle = d.isStyle(parent)
		if sn.kind < 0 || sn.kind == kindCDATA && b.snapshot {
			d.stats.Missing++
			continue
		}
		child, err := b.build(c)
		if err != nil {
			return err
		}
		into := parent
		if sn.is(snShadow) {
			if shadow := d.shadowRoot(parent); shadow != 0 {
				into = shadow
			}
		}
		if d.nodes[into].kind == kindDocument && sn.kind == kindElement {
			b.bodyLast(child)
		}
		switch d.insert(into, child, 0) {
		case refused:
			return fmt.Errorf("append child: %w", errThrown)
		case overLimit:
			return fmt.Errorf("nodes nested too deep: %w", ErrLimit)
		}
		if b.snapshot {
			b.mediaBuilt(child)
		}
		if d.isFrame(child) {
			b.frames = append(b.frames, child)
		}
	}
	return nil
}

// lastBody is the last child that is a body.
func (d *Document) lastBody(html int32) int32 {
	body := int32(0)
	for c := d.nodes[html].first; c != 0; c = d.nodes[c].next {
		if d.nodes[c].kind == kindElement && d.nodes[c].flags&nodeSVG == 0 && d.tag(c) == "body" {
			body = c
		}
	}
	return body
}

// mediaBuilt sets whether an audio or video element plays for ever, from what
// was recorded or from its attribute.
func (b *builder) mediaBuilt(i int32) {
	d := b.d
	if d.nodes[i].kind != kindElement || d.tag(i) != "audio" && d.tag(i) != "video" {
		return
	}
	_, looping := d.attribute(i, "loop")
	if m := d.has(i); m != nil {
		switch m.media["rr_mediaLoop"] {
		case "true":
			looping = true
		case "false":
			looping = false
		}
	}
	d.setLoop(i, looping)
}

// bodyLast moves the body behind its siblings: rrweb takes it out while it
// appends html to a document, and appends it again.
func (b *builder) bodyLast(html int32) {
	body := b.d.lastBody(html)
	if body != 0 && b.d.nodes[body].next != 0 {
		b.d.unlink(body)
		b.d.link(html, body, 0)
	}
}

// meta tells serialized nodes apart as rrweb does when it asks whether a node
// that it has is the one it is told to build.
func (b *builder) meta(sn *serialized) uint32 {
	h := uint64(sn.kind) | uint64(sn.flags&(snSVG|snBlocked|snBackCompat))<<8
	mix := func(raw []byte) { h = h*0x9E3779B97F4A7C15 + maphash.Bytes(metaSeed, raw) }
	switch sn.kind {
	case kindElement:
		mix(sn.tag.raw)
		mix(sn.attrsRaw)
	case kindDoctype:
		mix(sn.tag.raw)
		mix(b.e.doctypes[sn.doctype].publicID.raw)
		mix(b.e.doctypes[sn.doctype].systemID.raw)
	default:
		mix(sn.text.raw)
	}
	return uint32(h>>32) | 1 // 0: none
}

var metaSeed = maphash.MakeSeed()

// newNode makes a node and gives it its id.
func (b *builder) newNode(at int32) (int32, error) {
	d, sn := b.d, &b.e.nodes[at]
	if sn.id < 0 {
		sn.id = 0
	}
	i := d.newNode(uint8(sn.kind), sn.id)
	if i == 0 {
		return 0, fmt.Errorf("more than %d nodes: %w", d.limits.Nodes, ErrLimit)
	}
	if d.bytes > d.limits.TextBytes {
		return 0, fmt.Errorf("more than %d bytes of text: %w", d.limits.TextBytes, ErrLimit)
	}
	meta := b.meta(sn)
	var err error
	switch sn.kind {
	case kindDocument:
		if sn.is(snBackCompat) {
			d.nodes[i].flags |= nodeBackCompat
		}
	case kindDoctype:
		name := sn.tag.text()
		if name == "" {
			name = "html"
		}
		d.setText(i, name)
		t := &b.e.doctypes[sn.doctype]
		d.details(i).doctype = &doctype{t.publicID.text(), t.systemID.text()}
	case kindElement:
		err = b.element(sn, i)
	default:
		d.setRecorded(i, b.e, sn.text, b.inStyle)
		if sn.is(snStyle) {
			d.nodes[i].flags |= nodeAdapted
		}
	}
	d.nodes[i].meta = meta
	if err != nil {
		return 0, err
	}
	if sn.rootID != 0 && sn.kind != kindDocument && b.doc != 0 && d.byID[sn.rootID] != b.doc {
		d.byID[sn.rootID] = b.doc
	}
	if sn.id != 0 {
		d.byID[sn.id] = i
	}
	return i, nil
}

// appendText gives a node a text that no id refers to.
func (d *Document) appendText(parent int32, s string) error {
	i, err := d.ownText()
	if err != nil {
		return err
	}
	if d.isStyle(parent) {
		d.setStyleText(i, s)
	} else {
		d.setText(i, s)
	}
	d.link(parent, i, 0)
	return nil
}

// ownText makes a text node that no id refers to.
func (d *Document) ownText() (int32, error) {
	i := d.newNode(kindText, 0)
	if i == 0 {
		return 0, fmt.Errorf("more than %d nodes: %w", d.limits.Nodes, ErrLimit)
	}
	return i, nil
}

// hosts are the elements of HTML that can have a shadow root, beside custom
// elements.
var hosts = map[string]bool{
	"article": true, "aside": true, "blockquote": true, "body": true, "div": true, "footer": true, "h1": true,
	"h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "header": true, "main": true, "nav": true, "p": true,
	"section": true, "span": true,
}

// attachShadow gives an element an empty shadow root.
func (d *Document) attachShadow(i int32) error {
	tag := d.tag(i)
	if d.nodes[i].kind != kindElement || d.nodes[i].flags&nodeSVG != 0 || !hosts[tag] && !strings.Contains(tag, "-") {
		return fmt.Errorf("attach shadow root: %w", errThrown)
	}
	root := d.newNode(kindShadowRoot, 0)
	if root == 0 {
		return fmt.Errorf("more than %d nodes: %w", d.limits.Nodes, ErrLimit)
	}
	d.details(i).shadow = root
	d.details(root).owner = i
	return nil
}
