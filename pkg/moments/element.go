package moments

import (
	"strings"
	"unicode"

	"github.com/playhead/playhead/pkg/dom"
)

// element is what is said of an element of the document. It outlives the
// element.
type element struct {
	node     int // rrweb's id
	tag      string
	role     string
	name     string // accessible name, else its text; never masked text
	selector string
	form     string // name of the form that it is in
	formNode int
}

// describe reads an element from the document.
func describe(n dom.Node) element {
	if !n.IsElement() {
		return element{}
	}
	e := element{
		node: n.ID(), tag: n.Tag(), role: cut(n.Role(), maxAttributeNameBytes),
		name: cut(unmask(n.Name()), maxNameBytes), selector: cut(n.Selector(), maxStringBytes),
	}
	if strings.Contains(e.selector, "**") {
		e.selector = "" // made of masked text
	}
	if e.name == "" && !isField(n) {
		e.name = cut(unmask(n.VisibleText(maxNameBytes)), maxNameBytes)
	}
	if form := n.Form(); form.Exists() {
		e.form, e.formNode = formName(form), form.ID()
	}
	return e
}

// formName is what to call a form.
func formName(form dom.Node) string {
	for _, name := range []string{form.Name(), attribute(form, "name"), attribute(form, "id")} {
		if name = unmask(name); name != "" {
			return cut(name, maxNameBytes)
		}
	}
	return ""
}

func attribute(n dom.Node, name string) string {
	value, _ := n.Attribute(name)
	return value
}

// String is how a sentence calls the element.
func (e element) String() string {
	switch {
	case e.name != "":
		return `"` + e.name + `"`
	case e.selector != "":
		return e.selector
	case e.tag != "":
		return "<" + e.tag + ">"
	}
	return "the page"
}

// kind is the word for what sort of element it is.
func (e element) kind() string {
	switch e.role {
	case "button", "link", "tab", "checkbox", "switch", "slider":
		return e.role
	case "menuitem", "menuitemcheckbox", "menuitemradio":
		return "menu item"
	case "radio":
		return "radio button"
	case "option", "treeitem":
		return "option"
	case "textbox", "searchbox", "combobox", "listbox", "spinbutton":
		return "field"
	case "img":
		return "image"
	}
	return ""
}

func isField(n dom.Node) bool {
	switch n.Tag() {
	case "select", "textarea":
		return true
	case "input":
		switch attribute(n, "type") {
		case "submit", "button", "reset", "image":
			return false
		}
		return true
	}
	if v, ok := n.Attribute("contenteditable"); ok && v != "false" {
		return true
	}
	return attribute(n, "role") == "textbox"
}

// isSubmit reports whether pressing an element sends its form.
func isSubmit(n dom.Node) bool {
	if !n.Form().Exists() {
		return false
	}
	kind := strings.ToLower(attribute(n, "type"))
	switch n.Tag() {
	case "button":
		return kind != "button" && kind != "reset"
	case "input":
		return kind == "submit" || kind == "image"
	}
	return false
}

// unmask takes masked words out of a text: recorders replace each character
// by an asterisk.
func unmask(s string) string {
	if !strings.Contains(s, "*") {
		return s
	}
	words := strings.Fields(s)
	kept := words[:0]
	for _, word := range words {
		if word != "*" && !strings.Contains(word, "**") {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, " ")
}

// says reports whether a text has letters, at least two.
func says(s string) bool {
	letters := 0
	for _, r := range s {
		if unicode.IsLetter(r) {
			if letters++; letters == 2 {
				return true
			}
		}
	}
	return false
}
