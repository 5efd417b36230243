package dom

import (
	"errors"
	"fmt"
)

// mutationScratch is what mutations and queries work with, kept so that they
// do not allocate.
type mutationScratch struct {
	steps int // tried so far, of a selector
	trees []int32
	queue []int32 // indexes of adds
	tree  []waiting
	first map[int32]int32 // by id: index into tree
	texts map[int32]bool
	added map[int32]bool
	block []byte
}

func (d *Document) applyMutation(e *event) error {
	b := builder{d: d, e: e, doc: d.root}
	err := d.mutate(e, &b)
	d.outermost()
	if errors.Is(err, errThrown) {
		d.stats.Abandoned++
		return nil
	}
	if err != nil {
		d.incomplete = true
	}
	return err
}

// mutate does what rrweb's Replayer does with a mutation, in its order.
func (d *Document) mutate(e *event, b *builder) error {
	if !e.have[haveRemoves] {
		return errThrown
	}
	if err := d.applyRemoves(e.removes); err != nil {
		return err
	}
	if !e.have[haveAdds] {
		return errThrown
	}
	if err := d.applyAdds(b); err != nil {
		return err
	}
	if !e.have[haveTexts] {
		return errThrown
	}
	if err := d.applyTexts(b); err != nil {
		return err
	}
	return d.applyAttributes(b)
}

func (d *Document) applyRemoves(removes []remove) error {
	known := 0
	for _, m := range removes {
		if d.byID[m.id] == 0 {
			d.stats.Missing++
			continue
		}
		removes[known] = m
		known++
	}
	for _, m := range removes[:known] {
		target, parent := d.byID[m.id], d.byID[m.parentID]
		if target == 0 {
			continue
		}
		if parent == 0 {
			d.stats.Missing++
			continue
		}
		if shadow := d.shadowRoot(parent); m.shadow && shadow != 0 {
			parent = shadow
		}
		d.forget(target)
		if d.nodes[target].parent != parent {
			// It stays where it is, and has no id any more. rrweb means to go on,
			// but does not know the exceptions of another frame.
			return errThrown
		}
		d.changes.Removed = append(d.changes.Removed, Removal{Node{d, target}, Node{d, parent}})
		d.detach(target)
	}
	return nil
}

func (d *Document) applyTexts(b *builder) error {
	texts := b.e.texts
	seen := d.scratch.texts
	if seen == nil {
		seen = make(map[int32]bool)
		d.scratch.texts = seen
	}
	clear(seen)
	if len(texts) > maxRoom {
		d.scratch.texts = nil
	}
	// The last change of a node counts.
	for k := len(texts) - 1; k >= 0; k-- {
		m := &texts[k]
		if seen[m.id] {
			continue
		}
		seen[m.id] = true
		i := d.byID[m.id]
		if i == 0 {
			d.stats.Missing++
			continue
		}
		d.changes.Texts = append(d.changes.Texts, TextChange{Node{d, i}, d.textOf(i)})
		if err := d.setTextContent(b.e, i, m.value); err != nil {
			return err
		}
	}
	return nil
}

// setTextContent sets the text of a node, or replaces all that is in it.
func (d *Document) setTextContent(e *event, i int32, v value) error {
	switch d.nodes[i].kind {
	case kindText, kindCDATA, kindComment:
		p := d.nodes[i].parent
		inStyle := p != 0 && d.isStyle(p)
		d.setRecorded(i, e, v, inStyle)
		if inStyle {
			d.nodes[i].flags |= nodeAdapted
			d.dropSheet(p)
		}
	case kindElement:
		for c := d.nodes[i].first; c != 0; c = d.nodes[i].first {
			d.detach(c)
		}
		if s := e.text(v); s != "" {
			return d.appendText(i, s)
		}
	}
	if d.bytes > d.limits.TextBytes {
		return fmt.Errorf("more than %d bytes of text: %w", d.limits.TextBytes, ErrLimit)
	}
	return nil
}
