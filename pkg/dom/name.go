package dom

import "strings"

// maxName bounds accessible names, in bytes.
const maxName = 1024

// Role is the ARIA role of an element: its own, else that of its tag; "" when
// it has none.
func (n Node) Role() string {
	if !n.IsElement() {
		return ""
	}
	return n.d.role(n.i)
}

func (d *Document) role(i int32) string {
	if r, ok := d.attribute(i, "role"); ok {
		if first, _, _ := strings.Cut(collapse(r), " "); first != "" {
			return strings.ToLower(first)
		}
	}
	switch tag := d.tag(i); tag {
	case "a", "area":
		if _, ok := d.attribute(i, "href"); ok {
			return "link"
		}
		return ""
	case "img":
		if alt, ok := d.attribute(i, "alt"); ok && alt == "" {
			return "presentation"
		}
		return "img"
	case "input":
		return d.inputRole(i)
	case "select":
		_, multiple := d.attribute(i, "multiple")
		size, _ := d.attribute(i, "size")
		if multiple || size != "" && size != "0" && size != "1" {
			return "listbox"
		}
		return "combobox"
	case "section", "form":
		if d.givenName(i) != "" {
			return map[string]string{"section": "region", "form": "form"}[tag]
		}
		return ""
	case "header", "footer":
		if d.inSection(i) {
			return ""
		}
		return map[string]string{"header": "banner", "footer": "contentinfo"}[tag]
	default:
		return tagRoles[tag]
	}
}

// tagRoles are the roles of elements that have one wherever they are.
var tagRoles = map[string]string{
	"article": "article", "aside": "complementary", "button": "button", "datalist": "listbox", "dd": "definition",
	"details": "group", "dialog": "dialog", "dt": "term", "fieldset": "group", "figure": "figure", "h1": "heading",
	"h2": "heading", "h3": "heading", "h4": "heading", "h5": "heading", "h6": "heading", "hr": "separator", "li": "listitem",
	"main": "main", "menu": "list", "meter": "meter", "nav": "navigation", "ol": "list", "optgroup": "group",
	"option": "option", "output": "status", "p": "paragraph", "progress": "progressbar", "search": "search",
	"summary": "button", "svg": "img", "table": "table", "tbody": "rowgroup", "td": "cell", "textarea": "textbox",
	"tfoot": "rowgroup", "th": "columnheader", "thead": "rowgroup", "tr": "row", "ul": "list", "body": "document",
}

func (d *Document) inputRole(i int32) string {
	_, list := d.attribute(i, "list")
	switch t := d.inputType(i); t {
	case "button", "image", "reset", "submit", "file", "color":
		return "button"
	case "checkbox", "radio":
		return t
	case "number":
		return "spinbutton"
	case "range":
		return "slider"
	case "search":
		if list {
			return "combobox"
		}
		return "searchbox"
	case "text", "email", "tel", "url":
		if list {
			return "combobox"
		}
		return "textbox"
	case "password":
		return "textbox"
	}
	return ""
}

// inSection reports whether an element is inside one that gives header and
// footer another meaning.
func (d *Document) inSection(i int32) bool {
	for i = d.parentElement(i); i != 0; i = d.parentElement(i) {
		switch d.tag(i) {
		case "article", "aside", "main", "nav", "section":
			return true
		}
	}
	return false
}

// Name is the accessible name of an element: aria-labelledby, aria-label, its
// label, alt, title, or its text where its role allows; at most 1 KiB. It is a
// subset of the W3C's "Accessible Name and Description Computation".
func (n Node) Name() string {
	if !n.IsElement() {
		return ""
	}
	return n.d.accessibleName(n.i)
}

func (d *Document) accessibleName(i int32) string {
	if s := d.givenName(i); s != "" {
		return s
	}
	if s := d.nativeName(i); s != "" {
		return s
	}
	if d.nameFromContent(i) {
		if s := d.contentText(i); s != "" {
			return s
		}
	}
	for _, name := range [2]string{"title", "placeholder"} {
		if s, ok := d.attribute(i, name); ok && collapse(s) != "" {
			return short(s)
		}
	}
	return ""
}

// givenName is the name that ARIA attributes give.
func (d *Document) givenName(i int32) string {
	if ids, ok := d.attribute(i, "aria-labelledby"); ok {
		w := writer{most: maxName}
		count := 0
		for id := range strings.FieldsSeq(ids) {
			if count++; count > 16 {
				break
			}
			if other := d.byAttribute(d.treeOf(i), "id", id); other != 0 {
				w.gap()
				w.text(d.namingText(other))
			}
		}
		if s := w.String(); s != "" {
			return s
		}
	}
	label, _ := d.attribute(i, "aria-label")
	return short(label)
}

// namingText is what an element that names another one says.
func (d *Document) namingText(i int32) string {
	if label, ok := d.attribute(i, "aria-label"); ok && collapse(label) != "" {
		return label
	}
	return d.contentText(i)
}

func short(s string) string {
	w := writer{most: maxName}
	w.text(s)
	return w.String()
}

// nativeName is the name that HTML gives without ARIA.
func (d *Document) nativeName(i int32) string {
	switch tag := d.tag(i); tag {
	case "input":
		switch d.inputType(i) {
		case "submit", "reset", "button":
			return short(d.buttonText(i))
		case "image":
			alt, _ := d.attribute(i, "alt")
			return short(alt)
		}
		return d.labelOf(i)
	case "select", "textarea", "meter", "progress", "output":
		return d.labelOf(i)
	case "img", "area":
		alt, _ := d.attribute(i, "alt")
		return short(alt)
	case "fieldset":
		return d.childName(i, "legend")
	case "figure":
		return d.childName(i, "figcaption")
	case "table":
		return d.childName(i, "caption")
	case "svg":
		return d.childName(i, "title")
	}
	return ""
}

func (d *Document) childName(i int32, tag string) string {
	for c := d.nodes[i].first; c != 0; c = d.nodes[c].next {
		if d.nodes[c].kind == kindElement && d.tag(c) == tag {
			return d.contentText(c)
		}
	}
	return ""
}

// Label is the text of the label of a form field, "" when it has none: of a
// label element for it or around it. The accessible name falls back on more.
func (n Node) Label() string {
	if !n.IsElement() {
		return ""
	}
	return n.d.labelOf(n.i)
}

func (d *Document) labelOf(i int32) string {
	w := writer{most: maxName}
	if id, ok := d.attribute(i, "id"); ok && id != "" {
		top := d.treeOf(i)
		for j := top; j != 0; j = d.following(j, top) {
			d.work++
			if d.nodes[j].kind != kindElement || d.tag(j) != "label" {
				continue
			}
			if target, _ := d.attribute(j, "for"); target == id {
				w.gap()
				w.text(d.contentText(j))
			}
		}
		if s := w.String(); s != "" {
			return s
		}
	}
	for p := d.parentElement(i); p != 0; p = d.parentElement(p) {
		if d.tag(p) == "label" {
			return d.contentText(p)
		}
	}
	return ""
}

// nameFromContent reports whether the role of an element takes its name from
// what is in it.
func (d *Document) nameFromContent(i int32) bool {
	switch d.role(i) {
	case "button", "cell", "checkbox", "columnheader", "gridcell", "heading", "link", "menuitem", "menuitemcheckbox",
		"menuitemradio", "option", "radio", "row", "rowheader", "switch", "tab", "tooltip", "treeitem":
		return true
	}
	tag := d.tag(i)
	return tag == "label" || tag == "summary" || tag == "legend" || tag == "caption"
}

// contentText is the text of a subtree with the names of the images in it.
// What is in form fields is not text.
func (d *Document) contentText(top int32) string {
	w := writer{most: maxName}
	d.appendContent(&w, top, 0)
	return w.String()
}

func (d *Document) appendContent(w *writer, i int32, depth int) {
	if depth > maxTextDepth || w.full() {
		return
	}
	switch d.nodes[i].kind {
	case kindText:
		w.text(d.textOf(i))
		return
	case kindElement:
		if depth > 0 {
			if d.contentName(w, i) {
				return
			}
			if s := d.hides(i); s.hidden || s.skips || s.visibility == saidHidden {
				return
			}
		}
		if !inline[d.tag(i)] {
			w.gap()
			defer w.gap()
		}
		if shadow := d.shadowRoot(i); shadow != 0 && d.nodes[i].first == 0 {
			d.appendContent(w, shadow, depth+1)
			return
		}
	}
	for c := d.nodes[i].first; c != 0 && !w.full(); c = d.nodes[c].next {
		d.appendContent(w, c, depth+1)
	}
}

// contentName writes the name of an element inside another one whose name is
// being made, where that is not its text.
func (d *Document) contentName(w *writer, i int32) bool {
	if label, ok := d.attribute(i, "aria-label"); ok && collapse(label) != "" {
		w.gap()
		w.text(label)
		w.gap()
		return true
	}
	switch d.tag(i) {
	case "img":
		alt, _ := d.attribute(i, "alt")
		w.gap()
		w.text(alt)
		w.gap()
		return true
	case "svg":
		w.gap()
		w.text(d.childName(i, "title"))
		w.gap()
		return true
	case "input", "select", "textarea", "style", "script":
		return true
	}
	return false
}

// Clickable is the nearest element, this one or above it, that is made to be
// clicked: a link, a button, a field, something with the role of these, or
// with a handler in an attribute. No node when there is none: handlers that
// scripts add are not recorded.
func (n Node) Clickable() Node {
	for i := n.i; i != 0; i = n.d.above(i) {
		if n.d.nodes[i].kind == kindElement && n.d.isClickable(i) {
			return Node{n.d, i}
		}
	}
	return Node{}
}

func (d *Document) isClickable(i int32) bool {
	switch d.tag(i) {
	case "a", "area":
		_, ok := d.attribute(i, "href")
		if ok {
			return true
		}
	case "button", "input", "select", "textarea", "summary", "label", "option":
		return true
	}
	role, _ := d.attribute(i, "role")
	switch strings.ToLower(role) {
	case "button", "link", "menuitem", "menuitemcheckbox", "menuitemradio", "tab", "option", "checkbox", "radio",
		"switch", "treeitem", "combobox", "textbox", "slider", "spinbutton", "gridcell":
		return true
	}
	_, handler := d.attribute(i, "_onclick")
	return handler
}

// Form is the form that a field belongs to, no node when to none.
func (n Node) Form() Node {
	if !n.IsElement() {
		return Node{}
	}
	return n.d.node(n.d.formOf(n.i))
}
