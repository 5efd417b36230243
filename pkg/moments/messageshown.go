package moments

import (
	"strings"

	"github.com/playhead/playhead/pkg/dom"
)

// shown reports whether the change of an attribute showed an element that was
// hidden.
func (s *messages) shown(t toggle) bool {
	switch {
	case t.hides:
		return false
	case t.hid:
		return true
	}
	if t.Name != "class" || !saysShown(attribute(t.Node, "class")) || saysShown(t.Old) {
		return false
	}
	return s.messageKind(t.Node) != "" && !t.Node.Hides()
}

// saysShown reports whether one of an element's classes says that it is shown:
// style sheets move messages into sight with these.
func saysShown(class string) bool {
	for name := range strings.FieldsSeq(class) {
		switch strings.TrimPrefix(name, "is-") {
		case "show", "shown", "showing", "visible", "active", "open", "in", "fade-in", "enter":
			return true
		}
	}
	return false
}

// isOffscreen reports whether an element is for screen readers alone.
func isOffscreen(n dom.Node) bool {
	const most = 5
	for k := 0; k < most && n.Exists(); k++ {
		if n.IsElement() {
			class, style := attribute(n, "class"), attribute(n, "style")
			if strings.Contains(class, "sr-only") || strings.Contains(class, "srOnly") || strings.Contains(class, "visually-hidden") ||
				strings.Contains(class, "visuallyhidden") || strings.Contains(class, "visuallyHidden") || strings.Contains(class, "screen-reader") ||
				strings.Contains(class, "screenreader") || strings.Contains(class, "a11y") ||
				strings.Contains(style, "clip: rect") || strings.Contains(style, "clip:rect") || strings.Contains(style, "clip-path: inset(") ||
				strings.Contains(style, "left: -9999") || strings.Contains(style, "width: 1px") ||
				strings.Contains(n.Tag(), "announcer") || strings.Contains(attribute(n, "id"), "announcer") {
				return true
			}
		}
		n = n.Above()
	}
	return false
}

// faded reports whether a message lost the class that shows it.
func faded(changes *dom.Changes, n dom.Node) bool {
	for _, a := range changes.Attributes {
		if a.Node == n && a.Name == "class" && saysShown(a.Old) && !saysShown(attribute(n, "class")) {
			return true
		}
	}
	return false
}
