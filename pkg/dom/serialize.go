package dom

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/playhead/playhead/pkg/rrweb"
)

// firstOwnID is the first id of nodes that are serialized and have no id of
// the recording's: far beyond those that recorders count up to.
const firstOwnID = 900_000_000

// AppendSnapshot appends the data of a full snapshot event that rrweb rebuilds
// to the document as it stands, with the same node ids, and returns the longer
// slice. It appends nothing when there is no whole document, or one without an
// element, which rrweb cannot rebuild. A full snapshot cannot
// hold the documents of iframes, adopted style sheets and what is selected:
// AppendKeyframe adds those as events.
//
// The value of a field stands in its attribute, as recorders send it. What
// rrweb had set aside for nodes that are still to come is not kept, nor are
// attributes that begin with rr_ and came by a mutation: nothing reads them.
// What stands behind a body comes before it, where rrweb puts it.
func (d *Document) AppendSnapshot(dst []byte) []byte {
	if !d.Ready() || d.documentElement(d.root) == 0 {
		return dst
	}
	s := serializer{d: d, dst: dst, ownID: firstOwnID}
	s.snapshot()
	return s.dst
}

// AppendKeyframe appends events, one a line, that make the document as it
// stands from nothing: a meta event, a full snapshot, and what a full snapshot
// cannot hold. Here attributes and the text of style sheets are as they were;
// what is in a field, and rules that scripts changed, come as events. All have the given timestamp, in ms.
func (d *Document) AppendKeyframe(dst []byte, timestampMs int64) []byte {
	if !d.Ready() || d.documentElement(d.root) == 0 {
		return dst
	}
	s := serializer{d: d, dst: dst, ownID: firstOwnID, keyframe: true}
	s.event(rrweb.TypeMeta, timestampMs, func() {
		s.raw(`{"href":`)
		s.str(d.url)
		s.raw(`,"width":` + strconv.Itoa(d.width) + `,"height":` + strconv.Itoa(d.height) + `}`)
	})
	s.event(rrweb.TypeFullSnapshot, timestampMs, s.snapshot)
	s.framesTo(timestampMs)
	// More of both may come to light while the one or the other is written.
	for k := 0; k < len(s.late); k++ {
		late := s.late[k]
		s.event(rrweb.TypeIncremental, timestampMs, func() { s.lateNodes(late) })
		s.framesTo(timestampMs)
	}
	for _, i := range s.sheets {
		s.event(rrweb.TypeIncremental, timestampMs, func() { s.rules(i) })
	}
	for _, i := range s.fields {
		s.event(rrweb.TypeIncremental, timestampMs, func() { s.input(i) })
	}
	sent := make(map[*sheet]bool)
	for _, i := range s.adopters {
		s.event(rrweb.TypeIncremental, timestampMs, func() { s.adopted(i, sent) })
	}
	if d.selection != (Selection{}) {
		s.event(rrweb.TypeIncremental, timestampMs, func() {
			s.raw(fmt.Sprintf(`{"source":%d,"ranges":[{"start":%d,"startOffset":%d,"end":%d,"endOffset":%d}]}`,
				rrweb.SourceSelection, d.selection.Start, d.selection.StartOffset, d.selection.End, d.selection.EndOffset))
		})
	}
	return s.dst
}

// framesTo writes the documents of the iframes that were met.
func (s *serializer) framesTo(timestampMs int64) {
	for ; s.framed < len(s.frames); s.framed++ {
		frame := s.frames[s.framed]
		s.event(rrweb.TypeIncremental, timestampMs, func() { s.frame(frame) })
	}
}

type serializer struct {
	d        *Document
	dst      []byte
	ownID    int32
	doc      int32 // the document that is being written
	keyframe bool  // what a snapshot cannot hold follows in events
	fields   []int32
	sheets   []int32 // style elements with rules that are not in their text
	frames   []int32 // iframes with a document
	framed   int     // how many of them are written
	late     []int32 // first nodes behind a body, where rrweb puts none
	adopters []int32
	ids      map[int32]int32 // of nodes that got one here
}

func (s *serializer) raw(text string) { s.dst = append(s.dst, text...) }
func (s *serializer) str(text string) { s.dst = appendString(s.dst, text) }
func (s *serializer) int(n int32)     { s.dst = strconv.AppendInt(s.dst, int64(n), 10) }

func (s *serializer) event(typ rrweb.Type, timestampMs int64, data func()) {
	s.raw(`{"type":` + strconv.Itoa(int(typ)) + `,"data":`)
	data()
	s.raw(`,"timestamp":` + strconv.FormatInt(timestampMs, 10) + "}\n")
}

func (s *serializer) snapshot() {
	s.raw(`{"node":`)
	s.tree(s.d.root)
	x, y := s.d.Root().Scroll()
	s.raw(`,"initialOffset":{"left":`)
	s.float(x)
	s.raw(`,"top":`)
	s.float(y)
	s.raw(`}}`)
}

func (s *serializer) float(f float64) { s.dst = strconv.AppendFloat(s.dst, f, 'f', -1, 64) }

// frame writes the mutation that fills an iframe.
func (s *serializer) frame(i int32) {
	s.raw(fmt.Sprintf(`{"source":%d,"texts":[],"attributes":[],"removes":[],"isAttachIframe":true,"adds":[{"parentId":%d,"nextId":null,"node":`,
		rrweb.SourceMutation, s.id(i)))
	s.tree(s.d.contentDocument(i))
	s.raw(`}]}`)
}

// rules writes the rules of a style element in place of those that its text
// has. rrweb inserts before it deletes, and a browser does not mind when there
// is nothing more to delete.
func (s *serializer) rules(i int32) {
	sheet := s.d.styles[i]
	s.raw(fmt.Sprintf(`{"source":%d,"id":%d,"adds":`, rrweb.SourceStyleSheetRule, s.id(i)))
	s.ruleList(sheet.rules)
	s.raw(`,"removes":[`)
	for k := range countRules(s.d.rawText(i)) {
		if k > 0 {
			s.raw(`,`)
		}
		s.raw(`{"index":` + strconv.Itoa(len(sheet.rules)) + `}`)
	}
	s.raw(`]}`)
}

func (s *serializer) ruleList(rules []*rule) {
	s.raw(`[`)
	for k, r := range rules {
		if k > 0 {
			s.raw(`,`)
		}
		s.raw(`{"rule":`)
		s.str(string(r.appendText(nil)))
		s.raw(`,"index":` + strconv.Itoa(k) + `}`)
	}
	s.raw(`]`)
}

// input writes the state of a field.
func (s *serializer) input(i int32) {
	s.raw(fmt.Sprintf(`{"source":%d,"id":%d,"text":`, rrweb.SourceInput, s.id(i)))
	if m := s.d.has(i); m != nil && m.chosen && s.d.selectedOption(i) == 0 {
		s.str(s.d.noOption(i)) // nothing is chosen, not an option without a value
	} else {
		s.str(s.d.fieldValue(i))
	}
	s.raw(`,"isChecked":` + strconv.FormatBool(s.d.checked(i)) + `}`)
}

// noOption is a value that no option of a list has.
func (d *Document) noOption(i int32) string {
	longest := 0
	for j := d.following(i, i); j != 0; j = d.following(j, i) {
		if d.nodes[j].kind == kindElement && d.tag(j) == "option" {
			longest = max(longest, len(d.optionValue(j)))
		}
	}
	return strings.Repeat("-", longest+1)
}

// adopted writes which style sheets a shadow root or a document adopts.
func (s *serializer) adopted(i int32, sent map[*sheet]bool) {
	s.raw(fmt.Sprintf(`{"source":%d,"id":%d,"styles":[`, rrweb.SourceAdoptedStyleSheet, s.id(i)))
	more := false
	for _, a := range s.d.more[i].adopted {
		if a.sheet == nil || sent[a.sheet] {
			continue
		}
		sent[a.sheet] = true
		if more {
			s.raw(`,`)
		}
		more = true
		s.raw(`{"styleId":` + strconv.Itoa(int(a.id)) + `,"rules":`)
		s.ruleList(a.sheet.rules)
		s.raw(`}`)
	}
	s.raw(`],"styleIds":[`)
	for k, a := range s.d.more[i].adopted {
		if k > 0 {
			s.raw(`,`)
		}
		s.int(a.id)
	}
	s.raw(`]}`)
}

// id is the id that a node is written with: its own if that still means it.
func (s *serializer) id(i int32) int32 {
	if id := s.d.nodes[i].id; id != 0 && s.d.byID[id] == i {
		return id
	}
	if id, ok := s.ids[i]; ok {
		return id
	}
	if s.ids == nil {
		s.ids = make(map[int32]int32)
	}
	s.ownID++
	s.ids[i] = s.ownID
	return s.ownID
}

// tree writes a document. It does not call itself for what is inside, because
// documents may be nested deeply.
func (s *serializer) tree(doc int32) {
	d := s.d
	s.doc = doc
	for i := doc; i != 0; {
		s.open(i)
		if inner := s.firstInside(i); inner != 0 {
			i = inner
			continue
		}
		s.raw(`]}`)
		for i != doc {
			if next := s.nextInside(i); next != 0 {
				s.raw(`,`)
				i = next
				break
			}
			i = d.above(i)
			if d.nodes[i].kind == kindShadowRoot {
				i = d.above(i)
			}
			s.raw(`]}`)
		}
		if i == doc {
			return
		}
	}
}

// firstInside is the first child that is written: those of the shadow root
// come before the others.
func (s *serializer) firstInside(i int32) int32 {
	if shadow := s.d.shadowRoot(i); shadow != 0 && s.d.nodes[shadow].first != 0 {
		return s.d.nodes[shadow].first
	}
	return s.firstChild(i)
}

// firstChild leaves out the text that rrweb makes itself of an attribute.
func (s *serializer) firstChild(i int32) int32 {
	c := s.d.nodes[i].first
	for c != 0 && s.isOwnText(c) {
		c = s.d.nodes[c].next
	}
	return c
}

func (s *serializer) nextInside(i int32) int32 {
	c := s.d.nodes[i].next
	if s.keyframe && c != 0 && s.endsDocument(i) {
		s.late = append(s.late, c)
		return 0
	}
	for c != 0 && s.isOwnText(c) {
		c = s.d.nodes[c].next
	}
	if parent := s.d.nodes[i].parent; c == 0 && s.d.nodes[parent].kind == kindShadowRoot {
		return s.firstChild(s.d.above(parent))
	}
	return c
}

// endsDocument reports whether a node is the body of a document, behind which
// rrweb puts nothing when it rebuilds a snapshot.
func (s *serializer) endsDocument(i int32) bool {
	d := s.d
	html := d.nodes[i].parent
	return html != 0 && d.nodes[html].parent == s.doc && d.lastBody(html) == i
}

// lateNodes writes a mutation that adds a node, its later siblings, and what
// is in them, each by itself and in order.
func (s *serializer) lateNodes(first int32) {
	d := s.d
	s.doc = d.treeOf(first)
	s.raw(fmt.Sprintf(`{"source":%d,"texts":[],"attributes":[],"removes":[],"adds":[`, rrweb.SourceMutation))
	top := d.nodes[first].parent
	for i := first; i != top; {
		parent := d.nodes[i].parent
		if d.nodes[parent].kind == kindShadowRoot {
			parent = d.above(parent)
		}
		if i != first {
			s.raw(`,`)
		}
		s.raw(`{"parentId":`)
		s.int(s.id(parent))
		s.raw(`,"nextId":null,"node":`)
		s.open(i)
		s.raw(`]}}`)
		if inner := s.firstInside(i); inner != 0 {
			i = inner
			continue
		}
		for i != top {
			if next := s.nextInside(i); next != 0 {
				i = next
				break
			}
			if i = d.above(i); d.nodes[i].kind == kindShadowRoot {
				i = d.above(i)
			}
		}
	}
	s.raw(`]}`)
}

func (s *serializer) isOwnText(i int32) bool {
	n := &s.d.nodes[i]
	if n.kind != kindText || n.id != 0 || n.prev != 0 || n.next != 0 {
		return false // beside other nodes, it is written like them
	}
	p := &s.d.nodes[n.parent]
	tag := s.d.names.of(p.name)
	return p.kind == kindElement && (tag == "textarea" || tag == "style")
}

// open writes a node up to its first child. Nodes that cannot have children
// are written like empty elements, which rrweb does not mind.
func (s *serializer) open(i int32) {
	d := s.d
	n := &d.nodes[i]
	s.raw(`{"type":`)
	s.int(int32(n.kind))
	s.raw(`,"id":`)
	s.int(s.id(i))
	if s.doc != d.root && i != s.doc {
		s.raw(`,"rootId":`)
		s.int(s.id(s.doc))
	}
	if d.nodes[n.parent].kind == kindShadowRoot {
		s.raw(`,"isShadow":true`)
	}
	switch n.kind {
	case kindDocument:
		if n.flags&nodeBackCompat != 0 {
			s.raw(`,"compatMode":"BackCompat"`)
		}
	case kindDoctype:
		t := d.more[i].doctype
		s.raw(`,"name":`)
		s.str(n.text)
		s.raw(`,"publicId":`)
		s.str(t.publicID)
		s.raw(`,"systemId":`)
		s.str(t.systemID)
	case kindElement:
		s.element(i)
	default:
		s.text(i)
	}
	if sheet := d.styles[i]; sheet != nil && sheet.changed {
		s.sheets = append(s.sheets, i)
	}
	if m := d.has(i); m != nil {
		if m.input != nil && d.tag(i) != "option" || m.chosen {
			s.fields = append(s.fields, i)
		}
		if m.content != 0 {
			s.frames = append(s.frames, i)
		}
		if len(m.adopted) > 0 {
			s.adopters = append(s.adopters, i)
		}
	}
	s.raw(`,"childNodes":[`)
}

func (s *serializer) text(i int32) {
	d := s.d
	n := &d.nodes[i]
	s.raw(`,"textContent":`)
	if sheet := d.styles[n.parent]; !s.keyframe && sheet != nil && sheet.changed {
		s.raw(`""`) // the rules are in an attribute of the element
		return
	}
	s.str(d.textOf(i))
	if n.flags&nodeAdapted != 0 {
		s.raw(`,"isStyle":true`)
	}
}

func (s *serializer) element(i int32) {
	d := s.d
	n := &d.nodes[i]
	tag := d.tag(i)
	s.raw(`,"tagName":`)
	if s.keyframe && tag == "script" && n.flags&nodeSVG == 0 {
		s.str("SCRIPT") // it was written in other letters; rrweb makes a noscript of the other
	} else {
		s.str(tag)
	}
	if n.flags&nodeSVG != 0 {
		s.raw(`,"isSVG":true`)
	}
	if d.shadowRoot(i) != 0 {
		s.raw(`,"isShadowHost":true`)
	}
	if n.flags&nodeBlocked != 0 {
		s.raw(`,"needBlock":true`)
	}
	s.raw(`,"attributes":{`)
	a := attributeWriter{s: s}
	field := !s.keyframe && s.isField(i)
	for _, at := range n.attrs {
		name := d.names.of(at.name)
		if len(name) > 2 && name[:3] == "rr_" && name != "rr_open_mode" || field && (name == "value" || name == "checked") ||
			!s.keyframe && tag == "option" && name == "selected" {
			continue
		}
		if s.keyframe && tag == "textarea" && name == "value" {
			name = "VALUE" // an attribute that was written so; rrweb takes the other for the text
		}
		a.str(name, at.value)
	}
	s.state(&a, i, tag)
	s.raw(`}`)
}

// isField says whether an element's value is written as its state has it.
func (s *serializer) isField(i int32) bool {
	switch s.d.tag(i) {
	case "input", "textarea":
		return s.d.nodes[i].flags&nodeSVG == 0
	}
	return false
}

type attributeWriter struct {
	s    *serializer
	more bool
}

func (a *attributeWriter) raw(name, json string) {
	if a.more {
		a.s.raw(`,`)
	}
	a.more = true
	a.s.str(name)
	a.s.raw(`:` + json)
}

func (a *attributeWriter) str(name, text string) {
	a.raw(name, "")
	a.s.str(text)
}

// state writes what is not in the attributes: rules, scrolling, media and, in
// a snapshot that stands alone, fields.
func (s *serializer) state(a *attributeWriter, i int32, tag string) {
	d := s.d
	if !s.keyframe {
		s.fieldState(a, i, tag)
	}
	if tag == "style" {
		s.styleState(a, i)
	} else if c := d.nodes[i].first; tag == "textarea" && s.keyframe && c != 0 && s.isOwnText(c) {
		a.str("value", d.rawText(i))
	}
	m := d.has(i)
	if m == nil {
		return
	}
	if m.scrollX != 0 {
		a.raw("rr_scrollLeft", strconv.FormatFloat(m.scrollX, 'f', -1, 64))
	}
	if m.scrollY != 0 {
		a.raw("rr_scrollTop", strconv.FormatFloat(m.scrollY, 'f', -1, 64))
	}
	if m.canvas != "" {
		a.str("rr_dataURL", m.canvas)
	}
	names := make([]string, 0, len(m.media))
	for name := range m.media {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		a.raw(name, m.media[name])
	}
}

// fieldState writes the state of a field into its attributes, as recorders do.
func (s *serializer) fieldState(a *attributeWriter, i int32, tag string) {
	d := s.d
	switch tag {
	case "input":
		if _, ok := d.attribute(i, "value"); ok || d.typed(i) {
			a.str("value", d.fieldValue(i))
		}
		if d.checked(i) {
			a.raw("checked", "true")
		}
	case "textarea":
		if c := d.nodes[i].first; d.typed(i) || c != 0 && s.isOwnText(c) {
			a.str("value", d.fieldValue(i))
		}
	case "option":
		if d.checked(i) {
			a.raw("selected", "true")
		}
	}
}

// typed reports whether the value of a field is not the one that the document
// gives it.
func (d *Document) typed(i int32) bool {
	m := d.has(i)
	return m != nil && m.input != nil && m.input.typed
}

// styleState writes the rules of a style element as an attribute where they
// are not the text of nodes that are written.
func (s *serializer) styleState(a *attributeWriter, i int32) {
	d := s.d
	if sheet := d.styles[i]; !s.keyframe && sheet != nil && sheet.changed {
		var css []byte
		for _, r := range sheet.rules {
			css = append(r.appendText(css), '\n')
		}
		a.str("_cssText", string(css))
		return
	}
	if c := d.nodes[i].first; c != 0 && s.isOwnText(c) {
		a.str("_cssText", d.textOf(c))
	}
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
