package dom

import "fmt"

// Selection is what the user has selected, as the last event said it: the
// first of its ranges. Nodes are ids, 0 when nothing is selected.
type Selection struct {
	Start, StartOffset, End, EndOffset int
}

// Selection returns what the user has selected.
func (d *Document) Selection() Selection { return d.selection }

// members calls f for each member of an object.
func members(v value, f func(key []byte, r *reader)) {
	r := reader{b: v.raw}
	if v.kind != jsonObject || !r.object() {
		return
	}
	for {
		key, ok := r.member()
		if !ok {
			return
		}
		f(key, &r)
	}
}

func (d *Document) applyScroll(data value) {
	var id int32
	var x, y value
	members(data, func(key []byte, r *reader) {
		switch string(key) {
		case "id":
			id, _ = r.value().int()
		case "x":
			x = r.value()
		case "y":
			y = r.value()
		default:
			r.skip()
		}
	})
	i := d.target(id)
	if i == 0 {
		return
	}
	m := d.details(i)
	m.scrollX, m.scrollY = x.float(), y.float()
}

// target finds the node that an event is about. rrweb means no node by -1.
func (d *Document) target(id int32) int32 {
	i := d.byID[id]
	if i == 0 && id != -1 {
		d.stats.Missing++
	}
	return i
}

func (d *Document) applyInput(data value) error {
	var id int32
	var text, checked value
	members(data, func(key []byte, r *reader) {
		switch string(key) {
		case "id":
			id, _ = r.value().int()
		case "text":
			text = r.value()
		case "isChecked":
			checked = r.value()
		default:
			r.skip()
		}
	})
	i := d.target(id)
	if i == 0 || d.nodes[i].kind != kindElement {
		return nil
	}
	d.setField(i, text.text(), checked.truthy())
	if d.bytes > d.limits.TextBytes {
		d.incomplete = true
		return fmt.Errorf("more than %d bytes of text: %w", d.limits.TextBytes, ErrLimit)
	}
	return nil
}

// setField does what setting the properties checked and value does to the
// elements that have them.
func (d *Document) setField(i int32, s string, checked bool) {
	switch tag := d.tag(i); tag {
	case "select":
		d.selectOption(i, s)
	case "input":
		switch d.inputType(i) {
		case "checkbox", "radio":
			d.check(i, checked)
			d.setAttribute(i, "value", s)
		case "hidden", "submit", "image", "reset", "button":
			d.setAttribute(i, "value", s)
			d.inputState(i).checked = checked
		case "file":
			d.inputState(i).checked = checked
		default:
			d.setInput(i, s)
			d.inputState(i).checked = checked
		}
	case "textarea":
		d.setInput(i, s)
	case "button", "option", "data", "param":
		d.setAttribute(i, "value", s)
	}
}

func (d *Document) setInput(i int32, s string) {
	in := d.inputState(i)
	d.bytes += len(s) - len(in.value)
	in.value, in.typed = s, true
}

// inputState is the state of a field; it begins with what its attributes say.
func (d *Document) inputState(i int32) *input {
	m := d.details(i)
	if m.input == nil {
		_, checked := d.attribute(i, "checked")
		m.input = &input{checked: checked}
	}
	return m.input
}

// check sets the state of a checkbox or a radio button. Checking a radio
// button unchecks the others of its group.
func (d *Document) check(i int32, checked bool) {
	d.inputState(i).checked = checked
	name, _ := d.attribute(i, "name")
	if !checked || name == "" || d.inputType(i) != "radio" {
		return
	}
	top, form := d.treeOf(i), d.formOf(i)
	own, byID := d.attribute(i, "form")
	formID, _ := d.attribute(form, "id")
	for j := top; j != 0; j = d.following(j, top) {
		if j == i || d.nodes[j].kind != kindElement || d.tag(j) != "input" || d.inputType(j) != "radio" {
			continue
		}
		if other, _ := d.attribute(j, "name"); other != name || !d.checked(j) {
			continue
		}
		// A form whose id is given would be looked for in the whole document.
		same := false
		if id, ok := d.attribute(j, "form"); ok {
			same = form != 0 && id == formID || form == 0 && byID && id == own
		} else {
			same = d.formOf(j) == form
		}
		if same {
			d.inputState(j).checked = false
		}
	}
}

// treeOf is the top of the tree that a node is in.
func (d *Document) treeOf(i int32) int32 {
	for d.nodes[i].parent != 0 {
		i = d.nodes[i].parent
	}
	return i
}

// formOf is the form that an element belongs to, 0 when to none.
func (d *Document) formOf(i int32) int32 {
	if id, ok := d.attribute(i, "form"); ok {
		if form := d.byAttribute(d.treeOf(i), "id", id); form != 0 && d.tag(form) == "form" {
			return form
		}
		return 0
	}
	for i = d.nodes[i].parent; i != 0; i = d.nodes[i].parent {
		if d.nodes[i].kind == kindElement && d.tag(i) == "form" {
			return i
		}
	}
	return 0
}

// byAttribute finds the first element of a tree with an attribute of a value.
func (d *Document) byAttribute(top int32, name, value string) int32 {
	id := d.names.find(name)
	if id == 0 || value == "" {
		return 0
	}
	for i := top; i != 0; i = d.following(i, top) {
		d.work++
		for _, a := range d.nodes[i].attrs {
			if a.name == id && a.value == value {
				return i
			}
		}
	}
	return 0
}

// selectOption selects the first option of that value, and no other.
func (d *Document) selectOption(i int32, s string) {
	d.details(i).chosen = true
	found := false
	for j := d.following(i, i); j != 0; j = d.following(j, i) {
		if d.nodes[j].kind != kindElement || d.tag(j) != "option" {
			continue
		}
		selected := !found && d.optionValue(j) == s
		found = found || selected
		d.inputState(j).checked = selected
	}
}

func (d *Document) optionValue(i int32) string {
	if v, ok := d.attribute(i, "value"); ok {
		return v
	}
	return collapse(d.rawText(i))
}

// checked is the state of a checkbox, a radio button or an option.
func (d *Document) checked(i int32) bool {
	if m := d.has(i); m != nil && m.input != nil {
		return m.input.checked
	}
	name := "checked"
	if d.tag(i) == "option" {
		name = "selected"
	}
	_, ok := d.attribute(i, name)
	return ok
}

// fieldValue is the text in a field.
func (d *Document) fieldValue(i int32) string {
	if d.typed(i) {
		return d.more[i].input.value
	}
	switch d.tag(i) {
	case "textarea":
		return d.rawText(i)
	case "select":
		if o := d.selectedOption(i); o != 0 {
			return d.optionValue(o)
		}
		return ""
	}
	v, ok := d.attribute(i, "value")
	if !ok && d.tag(i) == "input" {
		switch d.inputType(i) {
		case "checkbox", "radio":
			return "on"
		}
	}
	return v
}

// selectedOption is the option that a select element shows: the last that is
// selected, else, when it shows one only, the first that can be chosen.
func (d *Document) selectedOption(i int32) int32 {
	_, multiple := d.attribute(i, "multiple")
	last, fallback := int32(0), int32(0)
	stated := false
	for j := d.following(i, i); j != 0; j = d.following(j, i) {
		if d.nodes[j].kind != kindElement || d.tag(j) != "option" {
			continue
		}
		if m := d.has(j); m != nil && m.input != nil {
			stated = true
		}
		if d.checked(j) {
			if multiple {
				return j
			}
			last = j
		}
		if _, disabled := d.attribute(j, "disabled"); fallback == 0 && !disabled {
			fallback = j
		}
	}
	if last != 0 || multiple || stated {
		return last
	}
	if size, ok := d.attribute(i, "size"); ok && size != "" && size != "0" && size != "1" {
		return 0
	}
	return fallback
}

// inputType is the type of an input element; browsers take unknown ones for
// text.
func (d *Document) inputType(i int32) string {
	t, _ := d.attribute(i, "type")
	switch t = string(lower([]byte(t))); t {
	case "hidden", "search", "tel", "url", "email", "password", "date", "month", "week", "time", "datetime-local",
		"number", "range", "color", "checkbox", "radio", "file", "submit", "image", "reset", "button":
		return t
	}
	return "text"
}

// rawText is the text of the text nodes in a subtree.
func (d *Document) rawText(top int32) string {
	if c := d.nodes[top].first; c != 0 && c == d.nodes[top].last && d.nodes[c].kind == kindText {
		return d.textOf(c)
	}
	var text []byte
	for i := top; i != 0; i = d.following(i, top) {
		if d.nodes[i].kind == kindText {
			text = append(text, d.textOf(i)...)
		}
	}
	return string(text)
}

// What the media events of rrweb say, and the attributes of a full snapshot
// that say the same.
const (
	mediaPlay = iota
	mediaPause
)

func (d *Document) applyMedia(data value) {
	var id int32
	typ := int32(-1)
	changes := make(map[string]value)
	members(data, func(key []byte, r *reader) {
		switch string(key) {
		case "id":
			id, _ = r.value().int()
		case "type":
			typ, _ = r.value().int()
		case "currentTime":
			changes["rr_mediaCurrentTime"] = r.value()
		case "playbackRate":
			changes["rr_mediaPlaybackRate"] = r.value()
		case "muted":
			changes["rr_mediaMuted"] = r.value()
		case "loop":
			changes["rr_mediaLoop"] = r.value()
		case "volume":
			changes["rr_mediaVolume"] = r.value()
		default:
			r.skip()
		}
	})
	i := d.target(id)
	if i == 0 || d.nodes[i].kind != kindElement {
		return
	}
	switch typ {
	case mediaPlay:
		changes["rr_mediaState"] = plainText("played")
	case mediaPause:
		changes["rr_mediaState"] = plainText("paused")
	}
	loop, stated := changes["rr_mediaLoop"]
	looping := loop.truthy()
	if m := d.has(i); !stated || loop.kind == jsonNull {
		if m != nil && m.looping != unknown {
			looping = m.looping == yes
		} else {
			// rrweb takes an element for looping that does not say so.
			_, says := d.attribute(i, "loop")
			looping = !says
		}
	}
	d.setLoop(i, looping)
	for name, v := range changes {
		d.setMedia(i, name, v)
	}
}

// answer is yes, no or not known.
type answer uint8

const (
	unknown answer = iota
	yes
	no
)

// setLoop sets the property loop of an audio or video element, which is its
// attribute.
func (d *Document) setLoop(i int32, looping bool) {
	if tag := d.tag(i); tag != "audio" && tag != "video" {
		return
	}
	if looping {
		d.details(i).looping = yes
		d.setAttribute(i, "loop", "")
		return
	}
	d.details(i).looping = no
	d.removeAttribute(i, d.names.find("loop"))
}

// setMedia keeps a fact about an audio or video element.
func (d *Document) setMedia(i int32, name string, v value) {
	const most = 64 // bytes; numbers, booleans and two words
	if v.kind == jsonNull || v.kind == jsonNone || len(v.raw) > most {
		return
	}
	fact := string(v.raw)
	if v.kind == jsonString {
		// A keyframe has it written so, and may not be longer than what it is of.
		if fact = string(appendString(nil, v.text())); len(fact) > most {
			return
		}
	}
	m := d.details(i)
	if m.media == nil {
		m.media = make(map[string]string)
	}
	m.media[name] = fact
}

func (d *Document) applySelection(data value) {
	d.selection = Selection{}
	members(data, func(key []byte, r *reader) {
		if string(key) != "ranges" {
			r.skip()
			return
		}
		if !r.array() {
			return
		}
		for first := true; r.element(); first = false {
			v := r.value()
			if first {
				d.selection = selectionOf(v)
			}
		}
	})
}

func selectionOf(v value) Selection {
	var s Selection
	members(v, func(key []byte, r *reader) {
		n, _ := r.value().int()
		switch string(key) {
		case "start":
			s.Start = int(n)
		case "startOffset":
			s.StartOffset = int(n)
		case "end":
			s.End = int(n)
		case "endOffset":
			s.EndOffset = int(n)
		}
	})
	return s
}
