package main

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/playhead/playhead/pkg/dom"
)

// appendTree writes a node and what is in it as JSON, byte for byte as tree()
// in page.mjs does:
//
//	document  [0, id, [child…]]
//	doctype   [1, id, name, public id, system id]
//	element   [2, id, tag, svg, [name, value…], state, [child…], [shadow child…] | null, document | null]
//	text      [3, id, data], CDATA [4, …], comment [5, …]
//
// Attributes are sorted by name. The state is [value, checked] of an input,
// [value] of a textarea or select, [text…] of a style element, whose text nodes
// then have no data, and null of any other element.
func appendTree(dst []byte, n dom.Node) []byte {
	if !n.Exists() {
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	dst = strconv.AppendInt(dst, int64(n.Type()), 10)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, int64(n.ID()), 10)
	dst = append(dst, ',')
	switch n.Type() {
	case dom.TypeDocument:
		dst = appendChildren(dst, n)
	case dom.TypeDoctype:
		public, system := n.DoctypeIDs()
		dst = appendStrings(dst, n.Data(), public, system)
	case dom.TypeElement:
		dst = appendElement(dst, n)
	default:
		data := n.Data()
		if n.Type() == dom.TypeText && n.Parent().Tag() == "style" {
			data = ""
		}
		dst = appendString(dst, data)
	}
	return append(dst, ']')
}

func appendElement(dst []byte, n dom.Node) []byte {
	dst = appendString(dst, n.Tag())
	if n.IsSVG() {
		dst = append(dst, ",1,["...)
	} else {
		dst = append(dst, ",0,["...)
	}
	dst = appendStrings(dst, attributes(n)...)
	dst = append(dst, "],"...)
	dst = appendState(dst, n)
	dst = append(dst, ',')
	dst = appendChildren(dst, n)
	dst = append(dst, ',')
	if shadow := n.ShadowRoot(); shadow.Exists() {
		dst = appendChildren(dst, shadow)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, ',')
	return appendTree(dst, n.ContentDocument())
}

func attributes(n dom.Node) []string {
	var pairs [][2]string
	for name, value := range n.Attributes() {
		if name == "class" && n.Tag() == "html" {
			if value = strings.Join(strings.Fields(value), " "); value == "" {
				continue
			}
		}
		pairs = append(pairs, [2]string{name, value})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	var list []string
	for _, p := range pairs {
		list = append(list, p[0], p[1])
	}
	return list
}

func appendState(dst []byte, n dom.Node) []byte {
	if n.Tag() == "style" {
		var texts []string
		for c := range n.Children() {
			if c.Type() == dom.TypeText {
				texts = append(texts, c.Data())
			}
		}
		return append(appendStrings(append(dst, '['), texts...), ']')
	}
	if n.IsSVG() {
		return append(dst, "null"...)
	}
	switch n.Tag() {
	case "input":
		dst = appendString(append(dst, '['), n.Value())
		return append(strconv.AppendBool(append(dst, ','), n.Checked()), ']')
	case "textarea", "select":
		return append(appendString(append(dst, '['), n.Value()), ']')
	}
	return append(dst, "null"...)
}

func appendChildren(dst []byte, n dom.Node) []byte {
	dst = append(dst, '[')
	more := false
	for c := range n.Children() {
		if more {
			dst = append(dst, ',')
		}
		more = true
		dst = appendTree(dst, c)
	}
	return append(dst, ']')
}

func appendStrings(dst []byte, list ...string) []byte {
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return dst
}

// appendString writes a string as JSON.stringify does.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r >= ' ':
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, controls[r]...)
		}
	}
	return append(dst, '"')
}

var controls = func() (list [' ']string) {
	for r := range list {
		list[r] = `\u00` + string("0123456789abcdef"[r>>4]) + string("0123456789abcdef"[r&15])
	}
	list['\b'], list['\f'], list['\n'], list['\r'], list['\t'] = `\b`, `\f`, `\n`, `\r`, `\t`
	return list
}()
