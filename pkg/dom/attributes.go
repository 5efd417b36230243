package dom

import (
	"bytes"
	"strings"
)

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
