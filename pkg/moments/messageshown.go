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
	switch t.Name {
	case "class":
		if !saysShown(attribute(t.Node, "class")) || saysShown(t.Old) {
			return false
		}
	case "style":
		if !transparent(t.Old) || transparent(attribute(t.Node, "style")) {
			return false
		}
	default:
		return false
	}
	return s.messageKind(t.Node) != "" && !t.Node.Hides()
}

// saysShown reports whether one of an element's classes says that it is shown:
// style sheets make messages opaque with these, or move them into sight.
func saysShown(class string) bool {
	for name := range strings.FieldsSeq(class) {
		switch strings.TrimPrefix(name, "is-") {
		case "show", "shown", "showing", "visible", "active", "open", "in", "fade-in", "enter":
			return true
		}
	}
	return false
}

func transparent(style string) bool {
	_, value, found := strings.Cut(style, "opacity:")
	if !found {
		return false
	}
	value, _, _ = strings.Cut(value, ";")
	value = strings.TrimSpace(value)
	return value == "0" || value == "0.0" || value == "0%"
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

// faded reports whether a message was made transparent, or lost the class that
// shows it.
func faded(changes *dom.Changes, n dom.Node) bool {
	for _, a := range changes.Attributes {
		if a.Node != n {
			continue
		}
		switch a.Name {
		case "class":
			if saysShown(a.Old) && !saysShown(attribute(n, "class")) {
				return true
			}
		case "style":
			if transparent(attribute(n, "style")) && !transparent(a.Old) {
				return true
			}
		}
	}
	return false
}
