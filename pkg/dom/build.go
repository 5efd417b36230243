package dom

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"unicode/utf8"
)

// errThrown means that the browser throws where rrweb does not catch it close
// by, so that rrweb gives up on the event.
var errThrown = errors.New("the browser throws")

// renamed are the tags that rrweb builds under another name: scripts, and
// elements of SVG whose name older recorders wrote in lower case.
var renamed = map[string]string{
	"script": "noscript", "altglyph": "altGlyph", "altglyphdef": "altGlyphDef", "altglyphitem": "altGlyphItem",
	"animatecolor": "animateColor", "animatemotion": "animateMotion", "animatetransform": "animateTransform",
	"clippath": "clipPath", "feblend": "feBlend", "fecolormatrix": "feColorMatrix",
	"fecomponenttransfer": "feComponentTransfer", "fecomposite": "feComposite", "feconvolvematrix": "feConvolveMatrix",
	"fediffuselighting": "feDiffuseLighting", "fedisplacementmap": "feDisplacementMap",
	"fedistantlight": "feDistantLight", "fedropshadow": "feDropShadow", "feflood": "feFlood", "fefunca": "feFuncA",
	"fefuncb": "feFuncB", "fefuncg": "feFuncG", "fefuncr": "feFuncR", "fegaussianblur": "feGaussianBlur",
	"feimage": "feImage", "femerge": "feMerge", "femergenode": "feMergeNode", "femorphology": "feMorphology",
	"feoffset": "feOffset", "fepointlight": "fePointLight", "fespecularlighting": "feSpecularLighting",
	"fespotlight": "feSpotLight", "fetile": "feTile", "feturbulence": "feTurbulence", "foreignobject": "foreignObject",
	"glyphref": "glyphRef", "lineargradient": "linearGradient", "radialgradient": "radialGradient",
}

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

// attribute finds an attribute of a serialized node.
func (b *builder) attribute(sn *serialized, name string) value {
	for k := sn.attrs.end - 1; k >= sn.attrs.start; k-- {
		if string(b.e.attrs[k].name) == name {
			return b.e.attrs[k].value
		}
	}
	return value{}
}

// element makes an element with its attributes as rrweb sets them.
func (b *builder) element(sn *serialized, i int32) error {
	d := b.d
	if sn.is(snSVG) {
		d.nodes[i].flags |= nodeSVG
	}
	id, err := b.tagOf(sn)
	if err != nil {
		return err
	}
	if d.names.flags[id]&tagLink != 0 && b.attribute(sn, "_cssText").truthy() {
		id = d.internString("style")
		d.nodes[i].flags |= nodeWasLink
	}
	if sn.is(snBlocked) {
		d.nodes[i].flags |= nodeBlocked
	}
	if sn.first != 0 {
		d.nodes[i].flags |= nodeHadChildren
	}
	d.nodes[i].name = id
	name := d.tag(i)
	d.roomForAttributes(i, sn)
	if err := b.attributes(sn, i, name); err != nil {
		return err
	}
	b.special(sn, i, name)
	if sn.is(snShadowHost) {
		if err := d.attachShadow(i); err != nil {
			return err
		}
	}
	if name == "input" || name == "textarea" {
		d.setAttribute(i, "autocomplete", "off")
	}
	return nil
}

// tagOf is the name of an element as rrweb makes it.
func (b *builder) tagOf(sn *serialized) (nameID, error) {
	d, tag := b.d, sn.tag.raw
	if id := d.names.findBytes(tag); id != 0 && d.names.flags[id]&tagAsIs != 0 && sn.tag.kind == jsonString {
		return id, nil
	}
	if sn.tag.kind != jsonString || !validTag(tag) {
		return 0, fmt.Errorf("create element: %w", errThrown)
	}
	recorded := tag
	if other, ok := renamed[string(tag)]; ok {
		tag = []byte(other)
	}
	if !sn.is(snSVG) {
		tag = lower(tag)
	}
	id := d.intern(tag)
	if bytes.Equal(tag, recorded) && bytes.Equal(tag, lower(tag)) {
		d.names.flags[id] |= tagAsIs
	}
	return id, nil
}

// roomForAttributes gives an element room for the attributes that it comes
// with: of one piece of memory for many elements.
func (d *Document) roomForAttributes(i int32, sn *serialized) {
	n := int(sn.attrs.end - sn.attrs.start)
	if n == 0 || cap(d.nodes[i].attrs) >= n {
		return
	}
	const piece = 32
	if len(d.slab) < n {
		d.slab = make([]attr, max(n, piece))
	}
	d.nodes[i].attrs, d.slab = d.slab[:0:n], d.slab[n:]
}

func (b *builder) attributes(sn *serialized, i int32, tag string) error {
	d := b.d
	drop := b.dropsAttributes(sn, tag)
	for k := sn.attrs.start; k < sn.attrs.end; k++ {
		a := &b.e.attrs[k]
		v := a.value
		switch {
		case v.kind == jsonNull, len(a.name) > 2 && string(a.name[:3]) == "rr_":
			continue
		case tag == "option" && v.kind == jsonFalse && string(a.name) == "selected":
			continue
		case tag == "style" && v.kind == jsonString && string(a.name) == "_cssText":
			if err := b.styleText(sn, i, v); err != nil {
				return err
			}
			continue
		case tag == "textarea" && v.kind == jsonString && string(a.name) == "value":
			sn.first, sn.children = 0, 0
			if err := d.appendText(i, b.e.text(v)); err != nil {
				return err
			}
			continue
		}
		if drop != keepAttributes {
			if drop == onlySrcset {
				d.setAttribute(i, "rrweb-original-srcset", b.attribute(sn, "srcset").text())
			}
			continue
		}
		b.attributeOf(sn, i, tag, a)
	}
	return nil
}

// attributeOf sets one attribute.
func (b *builder) attributeOf(sn *serialized, i int32, tag string, a *serializedAttr) {
	d := b.d
	text := ""
	if a.value.kind != jsonTrue {
		text = b.e.text(a.value)
	}
	switch {
	case len(a.name) > 5 && string(a.name[:2]) == "on" && isHandler(a.name):
		d.setAttribute(i, "_"+string(a.name), text)
	case tag == "meta" && string(a.name) == "content" && b.attribute(sn, "http-equiv").is("Content-Security-Policy"):
		d.setAttribute(i, "csp-content", text)
	default:
		d.setAttributeBytes(i, a.name, text)
	}
}

// isHandler reports whether rrweb sets an attribute under another name, so that
// nothing happens.
func isHandler(name []byte) bool {
	return string(name) == "onload" || string(name) == "onclick" || bytes.HasPrefix(name, []byte("onmouse"))
}

type dropped uint8

const (
	keepAttributes dropped = iota
	dropAttributes
	onlySrcset
)

// dropsAttributes finds the elements that rrweb builds without attributes:
// links that would load scripts, and images with inlined pixels of which it
// keeps the srcset under another name.
func (b *builder) dropsAttributes(sn *serialized, tag string) dropped {
	switch tag {
	case "link":
		rel := b.attribute(sn, "rel")
		if rel.is("preload") && b.attribute(sn, "as").is("script") || rel.is("modulepreload") ||
			rel.is("prefetch") && isScriptURL(b.attribute(sn, "href")) {
			return dropAttributes
		}
	case "img":
		if b.attribute(sn, "srcset").truthy() && b.attribute(sn, "rr_dataURL").truthy() {
			return onlySrcset
		}
	}
	return keepAttributes
}

func isScriptURL(href value) bool {
	if href.kind != jsonString {
		return false
	}
	path, _, _ := strings.Cut(href.text(), "#")
	path, _, _ = strings.Cut(path, "?")
	return strings.HasSuffix(path, ".js")
}

// special does what rrweb does with the attributes that begin with rr_.
func (b *builder) special(sn *serialized, i int32, tag string) {
	d := b.d
	for k := sn.attrs.start; k < sn.attrs.end; k++ {
		a := &b.e.attrs[k]
		if len(a.name) < 4 || string(a.name[:3]) != "rr_" || a.value.kind == jsonNull {
			continue
		}
		switch name := string(a.name); name {
		case "rr_dataURL":
			b.dataURL(sn, i, tag, b.e.text(a.value))
		case "rr_width", "rr_height":
			d.nodes[i].flags |= nodeBlocked
			d.setStyle(i, name[3:], a.value.text(), "")
		case "rr_scrollLeft":
			d.details(i).scrollX = a.value.float()
		case "rr_scrollTop":
			d.details(i).scrollY = a.value.float()
		case "rr_open_mode":
			d.setAttribute(i, name, a.value.text())
		case "rr_mediaState", "rr_mediaCurrentTime", "rr_mediaPlaybackRate", "rr_mediaMuted", "rr_mediaLoop", "rr_mediaVolume":
			d.setMedia(i, name, a.value)
		}
	}
}

func (b *builder) dataURL(sn *serialized, i int32, tag, url string) {
	d := b.d
	switch tag {
	case "canvas":
		m := d.details(i)
		d.bytes += len(url) - len(m.canvas)
		m.canvas = url
	case "img":
		original := "undefined"
		if src := b.attribute(sn, "src"); src.kind != jsonNone {
			original = src.text()
		}
		d.setAttribute(i, "rrweb-original-src", original)
		d.setAttribute(i, "src", url)
	}
}

// split is how a recorder marks where one text node of a style element ends
// and the next begins.
const split = "/* rr_split */"

// styleText fills a style element whose rules came as an attribute: into its
// text nodes when it has child nodes, into one of its own when it has none.
func (b *builder) styleText(sn *serialized, i int32, v value) error {
	d := b.d
	if sn.first == 0 {
		text, err := d.ownText()
		if err == nil {
			d.setRecorded(text, b.e, v, true)
			d.nodes[text].flags |= nodeAdapted
			d.link(i, text, 0)
		}
		return err
	}
	if !bytes.Contains(v.raw, []byte(split)) && !bytes.Contains(v.raw, []byte(`\/`)) {
		for c := sn.first; c != 0; c = b.e.nodes[c].next {
			if n := &b.e.nodes[c]; n.kind == kindText {
				n.text = v
				n.set(snStyle, true)
				break
			}
		}
		return nil
	}
	css := v.text()
	texts := 0
	for c := sn.first; c != 0; c = b.e.nodes[c].next {
		if b.e.nodes[c].kind == kindText {
			texts++
		}
	}
	parts := strings.Split(css, split)
	for len(parts) > 1 && len(parts) > texts {
		last := len(parts) - 1
		parts[last-1] += parts[last]
		parts = parts[:last]
	}
	for c := sn.first; c != 0 && len(parts) > 0; c = b.e.nodes[c].next {
		if n := &b.e.nodes[c]; n.kind == kindText {
			n.text = plainText(parts[0])
			n.set(snStyle, true)
			parts = parts[1:]
		}
	}
	return nil
}

// plainText is a string as a value.
func plainText(s string) value { return value{kind: jsonString, raw: []byte(s)} }

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

// setAttribute sets an attribute whose name is known to be valid and in lower
// case.
func (d *Document) setAttribute(i int32, name, s string) { d.store(i, d.internString(name), s) }

// setAttributeBytes sets an attribute as it was recorded. Browsers refuse some
// names; rrweb then goes on with the next.
func (d *Document) setAttributeBytes(i int32, name []byte, s string) {
	if id := d.names.findBytes(name); id != 0 && d.names.flags[id]&attributeAsIs != 0 {
		d.store(i, id, s)
		return
	}
	if !validAttribute(name) {
		return
	}
	recorded := name
	for _, c := range name {
		if c == '\\' {
			if name = []byte(unescape(name)); !validAttribute(name) {
				return
			}
			break
		}
	}
	if d.nodes[i].flags&nodeSVG == 0 {
		name = lower(name)
	}
	id := d.intern(name)
	if bytes.Equal(name, recorded) && bytes.Equal(name, lower(name)) {
		d.names.flags[id] |= attributeAsIs
	}
	d.store(i, id, s)
}

// maxAttributes bounds the attributes of one element, among which each is
// looked for one by one.
const maxAttributes = 1000

func (d *Document) store(i int32, name nameID, s string) {
	n := &d.nodes[i]
	if name == nameClass || name == nameIDAttribute {
		d.noteWords(s)
	}
	for k := range n.attrs {
		if n.attrs[k].name == name {
			d.bytes += len(s) - len(n.attrs[k].value)
			n.attrs[k].value = s
			return
		}
	}
	if len(n.attrs) == maxAttributes {
		d.incomplete = true
		return
	}
	d.bytes += len(s)
	n.attrs = append(n.attrs, attr{name, s})
}

func (d *Document) removeAttribute(i int32, name nameID) {
	n := &d.nodes[i]
	for k := range n.attrs {
		if n.attrs[k].name == name {
			d.bytes -= len(n.attrs[k].value)
			n.attrs = append(n.attrs[:k], n.attrs[k+1:]...)
			return
		}
	}
}

// attribute returns an attribute of an element.
func (d *Document) attribute(i int32, name string) (string, bool) {
	id := d.names.find(name)
	if id == 0 {
		return "", false
	}
	for k := range d.nodes[i].attrs {
		if d.nodes[i].attrs[k].name == id {
			return d.nodes[i].attrs[k].value, true
		}
	}
	return "", false
}

// tag is an element's name: in lower case, unless it is one of SVG.
func (d *Document) tag(i int32) string { return d.names.of(d.nodes[i].name) }

func (d *Document) isFrame(i int32) bool {
	return d.nodes[i].kind == kindElement && d.nodes[i].flags&nodeSVG == 0 && d.tag(i) == "iframe"
}

// validTag is what createElement takes.
func validTag(name []byte) bool {
	if len(name) == 0 {
		return false
	}
	c := name[0]
	begins := c|0x20 >= 'a' && c|0x20 <= 'z' || c == ':' || c == '_' || c >= utf8.RuneSelf
	return begins && validName(name, "/>")
}

// validAttribute is what setAttribute takes.
func validAttribute(name []byte) bool { return len(name) > 0 && validName(name, "/>=") }

func validName(name []byte, not string) bool {
	for _, c := range name {
		if c <= ' ' && (c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0) || strings.IndexByte(not, c) >= 0 {
			return false
		}
	}
	return true
}

// lower returns ASCII letters in lower case, name itself when there is nothing
// to do.
func lower(name []byte) []byte {
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			out := append([]byte(nil), name...)
			for j := i; j < len(out); j++ {
				if 'A' <= out[j] && out[j] <= 'Z' {
					out[j] += 'a' - 'A'
				}
			}
			return out
		}
	}
	return name
}
