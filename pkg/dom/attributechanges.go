package dom

import "fmt"

func (d *Document) applyAttributes(b *builder) error {
	for k := range b.e.attrChanges {
		m := &b.e.attrChanges[k]
		i := d.byID[m.id]
		if i == 0 {
			d.stats.Missing++
			continue
		}
		if err := d.changeAttributes(b, i, m); err != nil {
			return err
		}
	}
	if d.bytes > d.limits.TextBytes {
		return fmt.Errorf("more than %d bytes of text: %w", d.limits.TextBytes, ErrLimit)
	}
	return nil
}

func (d *Document) changeAttributes(b *builder, i int32, m *attrChange) error {
	for k := m.attrs.start; k < m.attrs.end; k++ {
		a := &b.e.attrs[k]
		isStyle := string(a.name) == "style" && (a.value.kind == jsonObject || a.value.kind == jsonArray)
		if d.nodes[i].kind != kindElement {
			if a.value.kind == jsonNull || isStyle {
				return errThrown
			}
			d.stats.Missing++ // rrweb catches what the others make the browser throw
			continue
		}
		d.noteAttribute(i, a.name)
		switch {
		case a.value.kind == jsonNull:
			d.dropAttribute(i, a.name)
		case a.value.kind == jsonString:
			replaced, err := d.changeAttribute(b, i, m, a)
			if replaced || err != nil {
				return err
			}
		case isStyle:
			d.changeStyle(i, a.value)
		}
	}
	if d.isStyle(i) {
		d.staleRules(i) // the medium that it is for may be another one
	}
	return nil
}

func (d *Document) dropAttribute(i int32, name []byte) {
	d.keepOriginal(i)
	d.removeAttribute(i, d.names.find(d.attributeName(i, name)))
	if string(name) == "open" && d.tag(i) == "dialog" && d.connected(i) {
		d.removeAttribute(i, d.names.find("rr_open_mode"))
	}
}

// changeAttribute sets an attribute to a string. replaced: the element was
// built anew, with all attributes of the change.
func (d *Document) changeAttribute(b *builder, i int32, m *attrChange, a *serializedAttr) (replaced bool, err error) {
	d.keepOriginal(i)
	switch tag := d.tag(i); string(a.name) {
	case "_cssText":
		if (tag == "style" || tag == "link") && d.nodes[i].parent != 0 {
			return true, d.replaceStyle(b, i, m)
		}
	case "value":
		if tag == "textarea" {
			return false, d.replaceTextarea(i, b.e.text(a.value))
		}
	}
	d.setAttributeBytes(i, a.name, b.e.text(a.value))
	if string(a.name) == "rr_open_mode" {
		d.openedBy(b, i, m)
	}
	return false, nil
}

// attributeName is the name under which an element has an attribute.
func (d *Document) attributeName(i int32, raw []byte) string {
	if d.nodes[i].flags&nodeSVG != 0 {
		return string(raw)
	}
	return string(lower(raw))
}

// openedBy shows a dialog whose mode is set: that gives it the attribute open.
func (d *Document) openedBy(b *builder, i int32, m *attrChange) {
	if d.tag(i) != "dialog" || !d.connected(i) {
		return
	}
	_, open := d.attribute(i, "open")
	for k := m.attrs.start; k < m.attrs.end; k++ {
		if a := &b.e.attrs[k]; string(a.name) == "open" && a.value.kind == jsonString {
			open = true
		}
	}
	if open {
		d.setAttribute(i, "open", "")
	}
}

// replaceTextarea gives a textarea a text of rrweb's own. A browser takes away
// every second child only, because the list shrinks while rrweb walks it.
func (d *Document) replaceTextarea(i int32, s string) error {
	for c := d.nodes[i].first; c != 0; {
		kept := d.nodes[c].next
		d.detach(c)
		if kept == 0 {
			break
		}
		c = d.nodes[kept].next
	}
	return d.appendText(i, s)
}

// keepOriginal remembers how a style sheet's element was serialized before its
// first change: rrweb builds it from that again when its rules are replaced.
func (d *Document) keepOriginal(i int32) {
	if tag := d.tag(i); tag != "style" && tag != "link" {
		return
	}
	if m := d.details(i); m.original == nil {
		m.original = append([]attr{}, d.nodes[i].attrs...)
	}
}

// replaceStyle builds a style sheet's element anew, with other rules.
func (d *Document) replaceStyle(b *builder, i int32, m *attrChange) error {
	next, parent := d.nodes[i].next, d.nodes[i].parent
	fresh := d.newNode(kindElement, d.nodes[i].id)
	if fresh == 0 {
		return fmt.Errorf("more than %d nodes: %w", d.limits.Nodes, ErrLimit)
	}
	old := &d.nodes[i]
	n := &d.nodes[fresh]
	n.flags = old.flags &^ nodeMore
	n.name = d.internString("style")
	if d.tag(i) == "link" {
		n.flags |= nodeWasLink
	}
	for _, a := range d.more[i].original {
		d.store(fresh, a.name, a.value)
	}
	css := ""
	for k := m.attrs.start; k < m.attrs.end; k++ {
		switch a := &b.e.attrs[k]; {
		case string(a.name) == "_cssText":
			css = b.e.text(a.value)
		case a.value.kind == jsonString:
			d.setAttributeBytes(fresh, a.name, b.e.text(a.value))
		}
	}
	d.details(fresh).original = append([]attr{}, d.nodes[fresh].attrs...)
	if n.flags&nodeHadChildren == 0 {
		if err := d.appendText(fresh, css); err != nil {
			return err
		}
		d.nodes[d.nodes[fresh].last].flags |= nodeAdapted
	}
	d.detach(i)
	d.link(parent, fresh, next)
	if id := d.nodes[fresh].id; id != 0 {
		d.byID[id] = fresh
	}
	return nil
}
