package dom

import (
	"strconv"
	"strings"
)

// mediaMatches evaluates a list of media queries for a screen of the viewport's
// size. Features that only the user's machine knows are taken for those of a
// desktop with a mouse and no preferences; what cannot be decided does not
// match.
func (d *Document) mediaMatches(list string) bool {
	if strings.TrimSpace(list) == "" {
		return true
	}
	if len(list) > maxMedia {
		return false
	}
	for len(list) > 0 {
		end := cssEnd(list, ",")
		if d.queryMatches(strings.ToLower(strings.TrimSpace(list[:end]))) {
			return true
		}
		list = list[min(end+1, len(list)):]
	}
	return false
}

// maxMedia bounds a list of media queries, in bytes.
const maxMedia = 4096

func (d *Document) queryMatches(q string) bool {
	q = strings.TrimPrefix(q, "only ")
	if rest, ok := strings.CutPrefix(q, "not "); ok {
		return !d.queryMatches(rest)
	}
	for q != "" {
		var term string
		if q[0] == '(' {
			end := 1 + cssEnd(q[1:], ")")
			if end >= len(q) {
				return false
			}
			term, q = q[1:end], strings.TrimSpace(q[end+1:])
			if !d.featureMatches(strings.TrimSpace(term)) {
				return false
			}
		} else {
			term, q, _ = strings.Cut(q, " ")
			if term != "screen" && term != "all" {
				return false
			}
		}
		rest, ok := strings.CutPrefix(q, "and")
		if !ok {
			return q == ""
		}
		q = strings.TrimSpace(rest)
	}
	return true
}

func (d *Document) featureMatches(f string) bool {
	if strings.HasPrefix(f, "(") || strings.HasPrefix(f, "not ") {
		return d.queryMatches(f)
	}
	if strings.ContainsAny(f, "<>") {
		return d.rangeMatches(f)
	}
	name, value, _ := strings.Cut(f, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	switch name {
	case "orientation":
		return d.width > 0 && (value == "portrait") == (d.height >= d.width)
	case "hover", "any-hover":
		return value == "" || value == "hover"
	case "pointer", "any-pointer":
		return value == "" || value == "fine"
	case "prefers-color-scheme":
		return value == "light"
	case "prefers-reduced-motion", "prefers-contrast", "prefers-reduced-transparency":
		return value == "no-preference"
	}
	bound, name := "=", strings.Replace(name, "device-", "", 1)
	if rest, ok := strings.CutPrefix(name, "min-"); ok {
		bound, name = ">=", rest
	} else if rest, ok := strings.CutPrefix(name, "max-"); ok {
		bound, name = "<=", rest
	}
	return d.compare(name, bound, value)
}

// rangeMatches evaluates width >= 600px, 600px <= width and 600px < width < 900px.
func (d *Document) rangeMatches(f string) bool {
	parts, operators := []string{""}, []string(nil)
	for i := 0; i < len(f); i++ {
		if f[i] != '<' && f[i] != '>' {
			parts[len(parts)-1] += f[i : i+1]
			continue
		}
		operator := f[i : i+1]
		if i+1 < len(f) && f[i+1] == '=' {
			operator += "="
			i++
		}
		operators, parts = append(operators, operator), append(parts, "")
	}
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	for i, operator := range operators {
		name, value := parts[i], parts[i+1]
		if name != "width" && name != "height" {
			name, value, operator = value, name, flipped[operator]
		}
		if !d.compare(name, operator, value) {
			return false
		}
	}
	return true
}

var flipped = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (d *Document) compare(name, operator, value string) bool {
	have := d.width
	if name == "height" {
		have = d.height
	} else if name != "width" {
		return false
	}
	want, ok := pixels(value)
	if have == 0 || !ok {
		return false
	}
	switch f := float64(have); operator {
	case "<":
		return f < want
	case "<=":
		return f <= want
	case ">":
		return f > want
	case ">=":
		return f >= want
	default:
		return f == want
	}
}

// pixels reads a length; em and rem are those of browsers' default font size.
func pixels(s string) (float64, bool) {
	factor := 1.0
	switch {
	case strings.HasSuffix(s, "rem"):
		s, factor = s[:len(s)-3], 16
	case strings.HasSuffix(s, "em"):
		s, factor = s[:len(s)-2], 16
	case strings.HasSuffix(s, "px"):
		s = s[:len(s)-2]
	case s != "0":
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f * factor, err == nil
}
