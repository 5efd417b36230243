package dom

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

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
	if sn.tag.escaped {
		tag = []byte(unescape(tag))
	}
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

// validTag is what createElement takes.
func validTag(name []byte) bool {
	if len(name) == 0 {
		return false
	}
	c := name[0]
	begins := c|0x20 >= 'a' && c|0x20 <= 'z' || c == ':' || c == '_' || c >= utf8.RuneSelf
	return begins && validName(name, "/>")
}
