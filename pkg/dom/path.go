package dom

import (
	"strconv"
	"strings"
)

// testIDs are the attributes that developers give elements so that tests find
// them.
var testIDs = [...]string{"data-testid", "data-test-id", "data-test", "data-cy", "data-qa"}

// Selector is a selector for an element that will, as far as can be told,
// still find it after the next deploy: by its id, by its test id, by role and
// name, and if none of these is its alone, by where it is. The notation is
// CSS, for role and name role=button[name="Place order"]. In a shadow tree or
// an iframe the selector of the host and " >> " come first.
func (n Node) Selector() string {
	if !n.IsElement() {
		return ""
	}
	return n.d.selectorOf(n.i)
}

// maxFrames bounds the shadow trees and iframes of one selector.
const maxFrames = 8

// maxSelectorWork bounds the nodes that are looked at for a selector. One that
// takes more is made of where the element is.
const maxSelectorWork = 2_000_000

func (d *Document) selectorOf(i int32) string {
	all := d.enough
	defer func() { d.enough = all }()
	d.enough = min(all, d.work+maxSelectorWork)
	s := d.selectorInTree(i)
	for k := 0; k < maxFrames; k++ {
		if i = d.above(d.treeOf(i)); i == 0 {
			break
		}
		s = d.selectorInTree(i) + " >> " + s
	}
	return s
}

func (d *Document) selectorInTree(i int32) string {
	if s := d.ownSelector(i); s != "" {
		return s
	}
	if role, name := d.role(i), d.accessibleName(i); role != "" && name != "" && len(name) <= 80 && d.aloneByName(i, role, name) {
		return "role=" + role + `[name=` + strconv.Quote(name) + `]`
	}
	var steps []string
	for j := i; j != 0; j = d.parentElement(j) {
		if j != i {
			if s := d.ownSelector(j); s != "" {
				steps = append(steps, s)
				break
			}
		}
		steps = append(steps, d.step(j))
	}
	var b strings.Builder
	for k := len(steps) - 1; k >= 0; k-- {
		b.WriteString(steps[k])
		if k > 0 {
			b.WriteString(" > ")
		}
	}
	return b.String()
}

// ownSelector finds an element by an id that is its alone.
func (d *Document) ownSelector(i int32) string {
	if id, ok := d.attribute(i, "id"); ok && isStable(id) && d.alone(i, "id", id) {
		return "#" + escapeCSS(id)
	}
	for _, name := range testIDs {
		if id, ok := d.attribute(i, name); ok && id != "" && d.alone(i, name, id) {
			return "[" + name + "=" + strconv.Quote(id) + "]"
		}
	}
	return ""
}

// isStable reports whether somebody wrote an id, rather than a program that
// counts: those have a long number, a colon or only digits in them.
func isStable(id string) bool {
	digits := 0
	for k := 0; k < len(id); k++ {
		c := id[k]
		if c == ':' || isSpace(c) || c == 0xab || c == 0xbb {
			return false
		}
		if '0' <= c && c <= '9' {
			if digits++; digits > 3 || digits == len(id) {
				return false
			}
		} else {
			digits = 0
		}
	}
	return id != ""
}

// alone reports whether no other element of the tree has the attribute's
// value.
func (d *Document) alone(i int32, name, value string) bool {
	id := d.names.find(name)
	top := d.treeOf(i)
	for j := top; j != 0; j = d.following(j, top) {
		if d.work++; d.work > d.enough {
			return false
		}
		for _, a := range d.nodes[j].attrs {
			if a.name == id && a.value == value && j != i {
				return false
			}
		}
	}
	return true
}

// maxNamed bounds the elements of one role whose names are compared.
const maxNamed = 500

// aloneByName reports whether no other element of the tree has the role and
// the name, as far as it is looked for.
func (d *Document) aloneByName(i int32, role, name string) bool {
	top, named := d.treeOf(i), 0
	for j := top; j != 0; j = d.following(j, top) {
		if d.work++; d.work > d.enough {
			return false
		}
		if j == i || d.nodes[j].kind != kindElement || d.role(j) != role {
			continue
		}
		if named++; named > maxNamed || d.accessibleName(j) == name {
			return false
		}
	}
	return true
}

// step finds an element among its siblings.
func (d *Document) step(i int32) string {
	tag := d.tag(i)
	at, others := 1, false
	for j := d.previousElement(i); j != 0; j = d.previousElement(j) {
		if d.tag(j) == tag {
			at++
		}
	}
	for j := d.nextElement(i); j != 0 && !others; j = d.nextElement(j) {
		others = d.tag(j) == tag
	}
	if at == 1 && !others {
		return tag
	}
	return tag + ":nth-of-type(" + strconv.Itoa(at) + ")"
}

// escapeCSS writes an identifier.
func escapeCSS(s string) string {
	var b strings.Builder
	for k := 0; k < len(s); k++ {
		switch c := s[k]; {
		case '0' <= c && c <= '9' && (k == 0 || k == 1 && s[0] == '-'):
			b.WriteString(`\3` + string(c) + " ")
		case c == '-' && len(s) > 1, c == '_', c >= 0x80, '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'z':
			b.WriteByte(c)
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String()
}
