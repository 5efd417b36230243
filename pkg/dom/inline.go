package dom

import (
	"slices"
	"strings"
)

// declaration is one property of a style attribute or a rule.
type declaration struct {
	name, value string
	important   bool
}

// changeStyle applies the properties that changed to a style attribute.
func (d *Document) changeStyle(i int32, changes value) {
	text, _ := d.attribute(i, "style")
	list := parseDeclarations(text)
	if len(list) >= maxDeclarations {
		d.incomplete = true
	}
	members(changes, func(key []byte, r *reader) {
		name := propertyName(value{kind: jsonString, escaped: true, raw: key}.text())
		switch v := r.value(); v.kind {
		case jsonFalse:
			list = removeProperty(list, name)
		case jsonArray:
			s, priority := pairOf(v)
			list = setProperty(list, name, s, priority)
		case jsonString, jsonNumber:
			list = setProperty(list, name, v.text(), "")
		}
	})
	d.setAttribute(i, "style", declarationText(list))
}

// pairOf reads [value, priority].
func pairOf(v value) (s, priority string) {
	r := reader{b: v.raw}
	r.array()
	for k := 0; r.element(); k++ {
		switch v := r.value(); k {
		case 0:
			s = v.text()
		case 1:
			priority = v.text()
		}
	}
	return s, priority
}

func (d *Document) setStyle(i int32, name, s, priority string) {
	text, _ := d.attribute(i, "style")
	d.setAttribute(i, "style", declarationText(setProperty(parseDeclarations(text), name, s, priority)))
}

func propertyName(s string) string {
	if strings.HasPrefix(s, "--") {
		return s
	}
	return strings.ToLower(s)
}

// setProperty does what CSSStyleDeclaration.setProperty does, except that it
// takes every value for a valid one.
func setProperty(list []declaration, name, s, priority string) []declaration {
	s = strings.TrimSpace(s)
	important := strings.EqualFold(priority, "important")
	switch {
	case priority != "" && !important, name == "", identifier(name) != len(name):
		return list
	case s == "":
		return removeProperty(list, name)
	case !balanced(s):
		return list
	}
	item := declaration{name, s, important}
	for k := range list {
		if list[k].name == name && !related(list[k+1:], name) {
			list[k] = item
			return list
		}
	}
	if len(list) >= maxDeclarations {
		return list
	}
	return append(removeProperty(list, name), item)
}

// related reports whether a list has the property, one that it is short for,
// or one that is short for it.
func related(list []declaration, name string) bool {
	if !inFamily[name] {
		return slices.ContainsFunc(list, func(item declaration) bool { return item.name == name || item.name == "all" })
	}
	for _, item := range list {
		if item.name == name || covers(name, item.name) || covers(item.name, name) {
			return true
		}
	}
	return false
}

// removeProperty removes a property and those that it is short for. Of a
// property that is short for it, what remains is spelled out where that is
// simple.
func removeProperty(list []declaration, name string) []declaration {
	if !inFamily[name] && !related(list, name) {
		return list
	}
	out := list[:0:len(list)]
	out = append(make([]declaration, 0, len(list)+4), out...)
	for _, item := range list {
		switch {
		case item.name == name || covers(name, item.name):
		case covers(item.name, name):
			out = append(out, expand(item, name)...)
		default:
			out = append(out, item)
		}
	}
	return out
}

// covers reports whether one property is short for the other.
func covers(short, long string) bool {
	for _, l := range shorthands[short] {
		if l == long || covers(l, long) {
			return true
		}
	}
	return short == "all" && long != "all" && !strings.HasPrefix(long, "--")
}

var sides = [4]string{"top", "right", "bottom", "left"}

func sided(prefix, suffix string) []string {
	var list []string
	for _, s := range sides {
		list = append(list, prefix+s+suffix)
	}
	return list
}

var corners = []string{"border-top-left-radius", "border-top-right-radius", "border-bottom-right-radius", "border-bottom-left-radius"}

// shorthands are the properties that are short for others.
var shorthands = map[string][]string{
	"margin": sided("margin-", ""), "padding": sided("padding-", ""), "inset": sides[:],
	"scroll-margin": sided("scroll-margin-", ""), "scroll-padding": sided("scroll-padding-", ""),
	"border":       {"border-width", "border-style", "border-color", "border-image"},
	"border-width": sided("border-", "-width"), "border-style": sided("border-", "-style"), "border-color": sided("border-", "-color"),
	"border-top":    {"border-top-width", "border-top-style", "border-top-color"},
	"border-right":  {"border-right-width", "border-right-style", "border-right-color"},
	"border-bottom": {"border-bottom-width", "border-bottom-style", "border-bottom-color"},
	"border-left":   {"border-left-width", "border-left-style", "border-left-color"},
	"border-image":  {"border-image-source", "border-image-slice", "border-image-width", "border-image-outset", "border-image-repeat"},
	"border-radius": corners,
	"background": {"background-color", "background-image", "background-position", "background-size", "background-repeat",
		"background-attachment", "background-origin", "background-clip"},
	"background-position": {"background-position-x", "background-position-y"},
	"font":                {"font-style", "font-variant", "font-weight", "font-stretch", "font-size", "line-height", "font-family"},
	"flex":                {"flex-grow", "flex-shrink", "flex-basis"}, "flex-flow": {"flex-direction", "flex-wrap"},
	"gap": {"row-gap", "column-gap"}, "overflow": {"overflow-x", "overflow-y"}, "overscroll-behavior": {"overscroll-behavior-x", "overscroll-behavior-y"},
	"list-style": {"list-style-type", "list-style-position", "list-style-image"},
	"outline":    {"outline-width", "outline-style", "outline-color"},
	"transition": {"transition-property", "transition-duration", "transition-timing-function", "transition-delay", "transition-behavior"},
	"animation": {"animation-name", "animation-duration", "animation-timing-function", "animation-delay", "animation-iteration-count",
		"animation-direction", "animation-fill-mode", "animation-play-state"},
	"text-decoration": {"text-decoration-line", "text-decoration-style", "text-decoration-color", "text-decoration-thickness"},
	"columns":         {"column-width", "column-count"},
	"column-rule":     {"column-rule-width", "column-rule-style", "column-rule-color"},
	"place-content":   {"align-content", "justify-content"}, "place-items": {"align-items", "justify-items"}, "place-self": {"align-self", "justify-self"},
	"grid-row": {"grid-row-start", "grid-row-end"}, "grid-column": {"grid-column-start", "grid-column-end"},
	"grid-area":     {"grid-row-start", "grid-column-start", "grid-row-end", "grid-column-end"},
	"grid-template": {"grid-template-rows", "grid-template-columns", "grid-template-areas"},
	"mask":          {"mask-image", "mask-position", "mask-size", "mask-repeat", "mask-origin", "mask-clip", "mask-mode"},
}

// inFamily are the properties that are short for others, or that others are
// short for.
var inFamily = func() map[string]bool {
	names := map[string]bool{"all": true}
	for short, longs := range shorthands {
		names[short] = true
		for _, long := range longs {
			names[long] = true
		}
	}
	return names
}()

// expand spells out what a property is short for, without one of them.
func expand(item declaration, without string) []declaration {
	longs := shorthands[item.name]
	values := strings.Fields(item.value)
	if strings.ContainsAny(item.value, "(,/") || len(values) == 0 || len(values) > len(longs) {
		return nil
	}
	var out []declaration
	for k, long := range longs {
		var v string
		switch {
		case len(longs) == 4 && len(values) <= 4:
			v = values[[5][4]int{{}, {0, 0, 0, 0}, {0, 1, 0, 1}, {0, 1, 2, 1}, {0, 1, 2, 3}}[len(values)][k]]
		case len(longs) == 2 && len(values) <= 2:
			v = values[min(k, len(values)-1)]
		default:
			return nil
		}
		if long != without {
			out = append(out, declaration{long, v, item.important})
		}
	}
	return out
}

// maxDeclarations bounds the declarations that are told apart, each of which is
// looked for among the others.
const maxDeclarations = 1000

// parseDeclarations reads the text of a style attribute or of a rule's body.
// The last of a name counts.
func parseDeclarations(text string) []declaration {
	var list []declaration
	for len(text) > 0 && len(list) < maxDeclarations {
		end := cssEnd(text, ";")
		item := text[:end]
		text = text[min(end+1, len(text)):]
		name, v, ok := strings.Cut(stripComments(item), ":")
		name, v = propertyName(strings.TrimSpace(name)), strings.TrimSpace(v)
		if !ok || name == "" {
			continue
		}
		important := false
		if k := strings.LastIndexByte(v, '!'); k >= 0 && strings.EqualFold(strings.TrimSpace(v[k+1:]), "important") {
			v, important = strings.TrimSpace(v[:k]), true
		}
		if v == "" && !strings.HasPrefix(name, "--") {
			continue
		}
		list = append(list, declaration{name, v, important})
	}
	return list
}

func declarationText(list []declaration) string {
	var b strings.Builder
	for k, item := range list {
		if k > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(item.name)
		b.WriteString(": ")
		b.WriteString(item.value)
		if item.important {
			b.WriteString(" !important")
		}
		b.WriteByte(';')
	}
	return b.String()
}
